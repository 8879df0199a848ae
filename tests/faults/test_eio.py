"""Syncs that fail with EIO: a batch is kept, and is stored once, whatever follows."""

import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from faults.stream import Stream, disorder, numbers, so_far
from faults.tracer import FailingSyncs, skip_without_strace
from integration.daemon import Daemon, until
from integration.wire import numbered_frames, stock_frame

pytestmark = pytest.mark.fault

Figure = Callable[[str, float, str], None]

# After so long a disk that fails at each sync is given up.
GIVEN_UP_SECONDS = 180.0

EXIT_STORE = 74


@pytest.fixture(autouse=True)
def strace() -> None:
    skip_without_strace()


def failing(daemon: Daemon) -> FailingSyncs:
    """Make the syncs of the database fail, not those of the spool."""
    database = daemon.database
    return FailingSyncs(
        daemon.pid,
        database,
        database.with_name(database.name + "-wal"),
        log=database.with_name(f"trace-{time.monotonic_ns()}"),
    )


def check(database: Path) -> str:
    with closing(sqlite3.connect(database)) as reader:
        return str(reader.execute("PRAGMA integrity_check").fetchone()[0])


def test_passing_eio(start_daemon: Any, loop_name: str, figure: Figure) -> None:
    """Syncs that fail for a while cost no record, no order, and no exit."""
    daemon = start_daemon("--loop", loop_name)
    with Stream(daemon, rate=1_000) as stream:
        until(lambda: len(so_far(daemon.database)) > 100, "a stream under way")
        with failing(daemon) as syncs:
            syncs.wait_injected(3)
            stream.wait_sent(1_000)
            daemon.wait_said("cannot write")
            # Each attempt is on a connection of its own: SQLite can't tell what
            # the failed one left behind.
            syncs.wait_injected(2)
            assert syncs.opened_again(daemon.database)
        began = time.monotonic()
        daemon.wait_said("writing again")
        figure("end of EIO to writing again", time.monotonic() - began, "s")
        stream.wait_sent(500)
        sent = stream.stop()
    until(lambda: len(so_far(daemon.database)) >= sent, "all records")
    daemon.stop()

    assert disorder(numbers(daemon.database)) == ""
    assert len(numbers(daemon.database)) == sent
    assert check(daemon.database) == "ok"
    assert daemon.stderr.count("cannot write") == 1
    assert "Traceback" not in daemon.stderr


def test_one_failed_sync(start_daemon: Any) -> None:
    """A single failed sync is survived, and the records are stored once."""
    daemon = start_daemon()
    daemon.send(stock_frame("0", name="stream.0"))
    daemon.wait_rows(1)
    with failing(daemon) as syncs:
        daemon.send(*numbered_frames("stream.0", 9, 1))
        syncs.wait_injected(1)
    until(lambda: len(so_far(daemon.database)) >= 10, "ten records")
    daemon.send(stock_frame("10", name="stream.0"))
    until(lambda: len(so_far(daemon.database)) >= 11, "one more")
    daemon.stop()

    assert numbers(daemon.database) == list(range(11))


def test_lasting_eio(start_daemon: Any, figure: Figure) -> None:
    """If it goes on the daemon ends with 74 and one line; the next start has it all."""
    daemon = start_daemon()
    daemon.send(*numbered_frames("stream.0", 100))
    until(lambda: len(so_far(daemon.database)) == 100, "the first records")
    with failing(daemon) as syncs:
        began = time.monotonic()
        with Stream(daemon, name="during", rate=500) as stream:
            syncs.wait_injected(1)
            stream.wait_sent(500)
            sent = stream.stop()
        daemon.send(*numbered_frames("stream.0", 1_000, 100))
        assert daemon.wait_end(GIVEN_UP_SECONDS) == EXIT_STORE, daemon.stderr
        figure("first EIO to exit 74", time.monotonic() - began, "s")

    assert "Traceback" not in daemon.stderr
    last = [line for line in daemon.stderr.splitlines() if line.startswith("logcoll")]
    assert len(last) == 1, daemon.stderr
    assert str(daemon.database) in last[0]

    again = start_daemon(database=daemon.database)
    until(lambda: len(so_far(daemon.database)) >= 1_100, "what was in the spool")
    until(lambda: len(numbers(daemon.database, "during")) >= sent, "the stream")
    again.stop()
    assert disorder(numbers(daemon.database)) == ""
    assert len(numbers(daemon.database)) == 1_100
    assert disorder(numbers(daemon.database, "during")) == ""
    assert len(numbers(daemon.database, "during")) == sent
    assert check(daemon.database) == "ok"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_end_during_eio(start_daemon: Any, number: signal.Signals) -> None:
    """A stop or a kill while syncs fail stores nothing twice; a stop loses nothing."""
    daemon = start_daemon()
    daemon.send(*numbered_frames("stream.0", 100))
    until(lambda: len(so_far(daemon.database)) == 100, "the first records")
    with failing(daemon) as syncs:
        daemon.send(*numbered_frames("stream.0", 500, 100))
        daemon.wait_said("cannot write")
        daemon.send(*numbered_frames("stream.0", 500, 600))
        syncs.wait_injected(2)
        daemon.send_signal(number)
        daemon.wait_end()
    assert "Traceback" not in daemon.stderr

    again = start_daemon(database=daemon.database)
    again.send(*numbered_frames("after.0", 10))
    until(lambda: len(numbers(daemon.database, "after")) == 10, "later records")
    again.stop()
    found = numbers(daemon.database)
    assert found == sorted(set(found))
    assert found[:100] == list(range(100))
    if number == signal.SIGTERM:
        assert len(found) == 1_100
