"""A spool that is damaged, torn, or full."""

import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faults.accounts import (
    check_database,
    disorder,
    segments,
    spilled,
    spilled_in,
    spool_of,
    stored,
    wait_stored,
)
from faults.load import FIRST_SEQUENCE, Sender
from integration.daemon import Daemon, until
from integration.wire import stock_frame

pytestmark = pytest.mark.fault

# Few in memory, so that what is sent stands in the spool.
SMALL_QUEUE = ("--queue-high-records", "100")


def sent_while_locked(daemon: Daemon, folder: Path, count: int, **kind: Any) -> None:
    """Have `count` records come while nothing can be stored."""
    with Sender("fast", "s0", folder, **kind) as client:
        client.send(daemon.port, rate=10_000, seconds=count / 10_000)
        report = client.report()
    assert report.tried == count
    assert report.error == ""


@pytest.fixture
def left_behind(
    start_daemon: Any, tmp_path: Path
) -> Callable[..., tuple[Daemon, list[int]]]:
    """Kills a daemon whose spool has frames; returns it, and their numbers."""

    def make(count: int, *, padding: int = 0) -> tuple[Daemon, list[int]]:
        daemon = start_daemon(*SMALL_QUEUE)
        with daemon.locked():
            sent_while_locked(daemon, tmp_path, count, padding=padding)
            last = FIRST_SEQUENCE + count - 1
            until(
                lambda: last in spilled(spool_of(daemon.database)).get("s0", ()),
                "the last frame in the spool",
            )
            daemon.kill()
        return daemon, sorted(spilled(spool_of(daemon.database))["s0"])

    return make


@pytest.mark.parametrize("cut_bytes", [1, 300])
def test_a_torn_last_frame(start_daemon: Any, left_behind: Any, cut_bytes: int) -> None:
    """A last frame that is not whole is dropped and said; all others are stored."""
    before, numbers = left_behind(2_000)
    last = segments(spool_of(before.database))[-1]
    with last.open("r+b") as file:
        file.truncate(last.stat().st_size - cut_bytes)

    daemon = start_daemon(*SMALL_QUEUE)
    wait_stored(daemon, len(numbers) - 1)
    daemon.send(stock_frame("after"))
    until(lambda: daemon.rows()[-1]["message"] == "after", "a record after it")
    daemon.stop()

    assert list(stored(daemon.database)["s0"]) == numbers[:-1]
    assert re.search("last frame of .* is lost", daemon.stderr), daemon.stderr
    assert segments(spool_of(daemon.database)) == []
    check_database(daemon.database)


def test_a_damaged_segment(start_daemon: Any, left_behind: Any, figure: Any) -> None:
    """A segment with a flipped byte is set aside, and the others are read."""
    before, numbers = left_behind(40_000, padding=2_000)
    files = segments(spool_of(before.database))
    assert len(files) >= 3
    content = bytearray(files[1].read_bytes())
    content[len(content) // 2] ^= 0x40
    files[1].write_bytes(content)
    in_others = spilled_in(files[0], *files[2:])["s0"]

    daemon = start_daemon(*SMALL_QUEUE)
    wait_stored(daemon, len(in_others))
    daemon.send(stock_frame("after"))
    until(lambda: daemon.rows()[-1]["message"] == "after", "a record after it")
    daemon.stop()

    found = list(stored(daemon.database)["s0"])
    assert disorder({"s0": found}) is None
    missing = in_others.difference(found)
    assert not missing, f"{len(missing)} of undamaged segments"
    # What stood before the flipped byte is good, too, and may be stored.
    assert set(found) <= set(numbers)
    figure("lost by one flipped byte", len(numbers) - len(found), "records")
    aside = list(spool_of(daemon.database).glob("*.damaged"))
    assert [path.name for path in aside] == [f"{files[1].name}.damaged"]
    assert aside[0].read_bytes() == content
    assert "damaged" in daemon.stderr
    assert segments(spool_of(daemon.database)) == []
    check_database(daemon.database)


def test_a_full_spool(start_daemon: Any, tmp_path: Path, figure: Any) -> None:
    """Beyond its bound the newest are shed and counted, and one record tells it."""
    bound = 2_000_000
    sent = 20_000
    daemon = start_daemon(*SMALL_QUEUE, "--spool-max-bytes", str(bound))
    with daemon.locked() as holder:
        sent_while_locked(daemon, tmp_path, sent)
        daemon.wait_said("shed")
        size = sum(path.stat().st_size for path in segments(spool_of(daemon.database)))
        holder.rollback()
    tellers = until(lambda: told_of(daemon), "the record that tells of it")
    daemon.send(stock_frame("after"))
    until(lambda: daemon.rows()[-1]["message"] == "after", "a record after it")
    daemon.stop()

    figure("spool at its bound", size / bound, "x the bound")
    # Each segment has a few bytes of its own.
    assert size <= bound * 1.001
    found = list(stored(daemon.database)["s0"])
    # The newest were shed: what is stored is a beginning.
    assert found == list(range(FIRST_SEQUENCE, FIRST_SEQUENCE + len(found)))
    assert len(found) < sent
    [teller] = tellers
    assert teller["level"] == "WARNING"
    told = json.loads(teller["extra"])
    assert told["shed"] == sent - len(found)
    assert told["peers"] == {"127.0.0.1": sent - len(found)}
    assert 0 < told["seconds"] < 60
    check_database(daemon.database)


def told_of(daemon: Daemon) -> list[sqlite3.Row]:
    return daemon.rows("SELECT * FROM logs WHERE name = 'logcollector'")
