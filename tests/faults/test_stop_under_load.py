"""SIGTERM while eight clients send as fast as they can."""

import re
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from faults.accounts import (
    check_database,
    disorder,
    gaps,
    numbered,
    stored,
)
from faults.load import FIRST_SEQUENCE, senders
from integration.daemon import run_command, until

pytestmark = pytest.mark.fault

CLIENTS = 8
STOP_SECONDS = 5.0


@pytest.mark.parametrize(
    ("loop", "flags"),
    [
        pytest.param("uvloop", [], id="uvloop"),
        pytest.param("asyncio", [], id="asyncio"),
        pytest.param("uvloop", ["--queue-high-records", "1000"], id="small-queue"),
    ],
)
def test_a_stop_at_full_load(
    start_daemon: Any, tmp_path: Path, figure: Any, loop: str, flags: list[str]
) -> None:
    """Every whole frame that was received is stored, and the daemon ends in time.

    Of each client a gapless beginning is stored. What the daemon had received
    of the frame after it is kept as a reject: so no whole frame was received
    behind the stored ones.
    """
    daemon = start_daemon("--loop", loop, *flags)
    with senders("fast", CLIENTS, tmp_path) as clients:
        for client in clients:
            client.send(daemon.port)
        until(
            lambda: (
                len(stored_senders(daemon)) == CLIENTS
                and min(client.sent for client in clients) > 5_000
            ),
            "all clients at full speed",
        )
        sent = {client.name: client.sent for client in clients}
        began = time.monotonic()
        daemon.send_signal(signal.SIGTERM)
        status = daemon.wait_end()
        took = time.monotonic() - began
        reports = {client.name: client.report() for client in clients}
    figure(f"stop at full load ({loop}{' '.join(flags)})", took, "s")
    waiting = sum(map(int, re.findall(r"(\d+) records wait in the", daemon.stderr)))
    figure("left in the spool for the next start", waiting, "records")
    cut = daemon.rows("SELECT reason, payload FROM rejects")

    assert status == 0, daemon.stderr
    assert took < STOP_SECONDS
    assert {row["reason"] for row in cut} <= {"stopped"}
    if waiting:
        # Half as fast, it has not the time for all; nothing is lost by that.
        assert is_interpreted(tmp_path), daemon.stderr
        start_daemon(*flags).stop()
    found = stored(daemon.database)
    assert disorder(found) is None
    for name in reports:
        assert found[name][0] == FIRST_SEQUENCE
        assert gaps(found[name]) == []
        assert len(found[name]) <= reports[name].tried
    for name, sequence in filter(None, (numbered(row["payload"]) for row in cut)):
        received = sequence - FIRST_SEQUENCE
        assert len(found[name]) == received, (name, daemon.stderr)
    total = sum(map(len, found.values()))
    figure("stored of eight clients", total, "records")
    late = sum(max(0, sent[name] - len(found[name])) for name in sent)
    figure("in the kernel at the signal and not read in time", late, "records")
    assert "shed" not in daemon.stderr
    check_database(daemon.database)


def stored_senders(daemon: Any) -> list[sqlite3.Row]:
    return daemon.rows("SELECT 1 FROM call_sites WHERE name LIKE 'load.%'")


def is_interpreted(folder: Path) -> bool:
    return "(interpreted)" in run_command("--version", folder=folder).stdout
