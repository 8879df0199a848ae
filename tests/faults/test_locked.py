"""Another process holds the database's write lock for ten seconds."""

import time
from pathlib import Path
from typing import Any

import pytest
from faults.accounts import (
    check_database,
    disorder,
    gaps,
    segments,
    spool_of,
    stored,
    wait_stored,
)
from faults.generator import SLOW_SECONDS
from faults.load import FIRST_SEQUENCE, Report, senders
from integration.daemon import until

pytestmark = pytest.mark.fault

RATE = 5_000
LOCKED_SECONDS = 10.0
# Before and after the lock.
AROUND_SECONDS = 2.0
CLIENTS = 2
FULL_SPEED_SECONDS = 12.0


def check_nothing_lost(database: Path, reports: dict[str, Report]) -> None:
    """Fail unless each record of each client is stored once and in order."""
    found = stored(database)
    assert disorder(found) is None
    for name, report in reports.items():
        assert report.dropped == []
        assert gaps(found[name]) == []
        assert found[name][0] == FIRST_SEQUENCE
        assert len(found[name]) == report.tried
    check_database(database)


def test_ten_seconds_of_a_lock(start_daemon: Any, tmp_path: Path, figure: Any) -> None:
    """Stock clients notice nothing, and all they logged is stored in order."""
    daemon = start_daemon()
    with senders("stock", CLIENTS, tmp_path) as clients:
        for client in clients:
            client.send(
                daemon.port,
                rate=RATE / CLIENTS,
                seconds=LOCKED_SECONDS + 2 * AROUND_SECONDS,
            )
        until(lambda: all(c.sent >= RATE / CLIENTS for c in clients), "load under way")
        with daemon.locked() as holder:
            time.sleep(LOCKED_SECONDS)  # the fault's length, not a wait for something
            held = daemon.count()
            holder.rollback()
        released = time.monotonic()
        until(lambda: daemon.count() > held, "writing again")
        figure("first commit after the lock", time.monotonic() - released, "s")
        reports = {client.name: client.report() for client in clients}
    total = sum(report.tried for report in reports.values())
    wait_stored(daemon, total)
    figure("caught up after the lock", time.monotonic() - released, "s")
    slowest = max(report.slowest_seconds for report in reports.values())
    figure("longest call of a stock client", slowest * 1000, "ms")
    daemon.stop()

    assert total == RATE * (LOCKED_SECONDS + 2 * AROUND_SECONDS)
    assert slowest < SLOW_SECONDS
    assert "shed" not in daemon.stderr
    check_nothing_lost(daemon.database, reports)


def test_full_speed_while_the_spool_is_read(
    start_daemon: Any, tmp_path: Path, figure: Any
) -> None:
    """Clients that log faster than can be stored are slowed down, not cut off."""
    daemon = start_daemon()
    with senders("stock", CLIENTS, tmp_path) as clients:
        with daemon.locked() as holder:
            for client in clients:
                client.send(daemon.port, seconds=FULL_SPEED_SECONDS)
            until(lambda: segments(spool_of(daemon.database)), "a spool in use")
            time.sleep(FULL_SPEED_SECONDS / 3)  # the fault's length
            holder.rollback()
        reports = {client.name: client.report() for client in clients}
    total = sum(report.tried for report in reports.values())
    figure("logged at full speed", total / FULL_SPEED_SECONDS, "records/s")
    slowest = max(report.slowest_seconds for report in reports.values())
    figure("longest call at full speed", slowest * 1000, "ms")
    wait_stored(daemon, total)
    daemon.stop()

    assert "shed" not in daemon.stderr
    check_nothing_lost(daemon.database, reports)
    assert slowest < SLOW_SECONDS
