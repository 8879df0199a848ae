"""The writer stalls for a minute while twenty thousand records come a second."""

import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
from faults.accounts import (
    check_database,
    disorder,
    gaps,
    spool_of,
    stored,
    wait_stored,
)
from faults.generator import SLOW_SECONDS
from faults.load import FIRST_SEQUENCE, senders
from integration.daemon import Daemon

pytestmark = pytest.mark.fault

RATE = 20_000
STALLED_SECONDS = float(os.environ.get("FAULT_STALLED_SECONDS", "60"))
CLIENTS = 4

# The stated bound, for the whole process.
MEMORY_MB = 200


def peak_mb(daemon: Daemon) -> float:
    """Return the most memory that the daemon has had, in MB."""
    status = Path(f"/proc/{daemon.pid}/status").read_text(encoding="ascii")
    [kilobytes] = re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(kilobytes) / 1000


def size_mb(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.glob("*.frames")) / 1e6


def test_memory_while_the_writer_stalls(
    start_daemon: Any, tmp_path: Path, figure: Any
) -> None:
    """Memory stays under its bound, no client waits, and everything is stored."""
    daemon = start_daemon()
    figure("memory at the start", peak_mb(daemon), "MB")
    with senders("fast", CLIENTS, tmp_path) as clients:
        with daemon.locked() as holder:
            for client in clients:
                client.send(daemon.port, rate=RATE / CLIENTS, seconds=STALLED_SECONDS)
            reports = {client.name: client.report() for client in clients}
            figure("memory while stalled", peak_mb(daemon), "MB")
            figure("spool while stalled", size_mb(spool_of(daemon.database)), "MB")
            holder.rollback()
        released = time.monotonic()
        total = sum(report.tried for report in reports.values())
        wait_stored(daemon, total)
        took = time.monotonic() - released
    figure("speed of catching up", total / took, "records/s")
    peak = peak_mb(daemon)
    figure("memory after catching up", peak, "MB")
    slowest = max(report.slowest_seconds for report in reports.values())
    figure("longest send of a client", slowest * 1000, "ms")
    daemon.stop()

    assert peak < MEMORY_MB
    assert total == RATE * STALLED_SECONDS
    assert [report.error for report in reports.values()] == [""] * CLIENTS
    assert slowest < SLOW_SECONDS
    assert "shed" not in daemon.stderr
    found = stored(daemon.database)
    assert disorder(found) is None
    for numbers in found.values():
        assert numbers[0] == FIRST_SEQUENCE
        assert gaps(numbers) == []
        assert len(numbers) == RATE * STALLED_SECONDS / CLIENTS
    check_database(daemon.database)
