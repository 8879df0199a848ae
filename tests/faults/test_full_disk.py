"""A file system that is full for twenty seconds, under load."""

import re
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faults.accounts import check_database, disorder, gaps, stored, wait_stored
from faults.generator import SLOW_SECONDS
from faults.load import Report, senders
from integration.daemon import Daemon, until
from integration.disk import fill, small_disk
from integration.wire import stock_frame

pytestmark = pytest.mark.fault

FULL_SECONDS = 20.0
AROUND_SECONDS = 2.0
# 400 records of some 1.5 KB: 12 MB in the time, less than the spool's reserve.
RATE = 400
PADDING = 1000
CLIENTS = 2
MEGABYTES = 96

# "within 5 s of space"
WRITING_SECONDS = 5.0

DEGRADED = re.compile(r"\bfull\b|degraded")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own."""
    with small_disk(tmp_path / "disk", MEGABYTES) as folder:
        yield folder


@pytest.fixture(params=["elsewhere", "reserve"])
def flags(request: Any, tmp_path: Path) -> list[str]:
    """The spool on another file system, or on the same, with its reserve."""
    # So few that most of what comes has no place in memory.
    flags = ["--queue-high-records", "500"]
    if request.param == "elsewhere":
        flags += ["--spool", str(tmp_path / "spool")]
    return flags


def check_all_stored(daemon: Daemon, reports: dict[str, Report]) -> None:
    """Fail unless each record is stored once, in order, and no client noticed."""
    found = stored(daemon.database)
    assert disorder(found) is None
    for name, report in reports.items():
        assert report.dropped == []
        assert report.slowest_seconds < SLOW_SECONDS
        assert gaps(found[name]) == []
        assert len(found[name]) == report.tried
    assert "shed" not in daemon.stderr
    check_database(daemon.database)


def first_write(daemon: Daemon, before: int) -> float:
    """Return how long it takes until there are more than `before` records."""

    def wrote() -> bool:
        try:
            return daemon.count() > before
        except sqlite3.Error:
            # A database that was begun on a full disk has no tables yet.
            return False

    began = time.monotonic()
    until(wrote, f"writing again; {daemon.stderr}")
    return time.monotonic() - began


def test_full_under_load(
    start_daemon: Any, tmp_path: Path, disk: Path, flags: list[str], figure: Any
) -> None:
    """The daemon lives on, loses nothing, and writes again soon after."""
    daemon = start_daemon(*flags, database=disk / "logs.sqlite")
    where = "spool elsewhere" if "--spool" in flags else "spool beside the database"
    with senders("stock", CLIENTS, tmp_path, padding=PADDING) as clients:
        for client in clients:
            client.send(
                daemon.port,
                rate=RATE / CLIENTS,
                seconds=FULL_SECONDS + 2 * AROUND_SECONDS,
            )
        until(lambda: daemon.count() > RATE / 2, "load under way")
        filler = fill(disk, 0)
        time.sleep(FULL_SECONDS)  # the fault's length, not a wait for something
        assert daemon.process.poll() is None, daemon.stderr
        held = daemon.count()
        filler.unlink()
        took = first_write(daemon, held)
        figure(f"first commit after there is space ({where})", took, "s")
        reports = {client.name: client.report() for client in clients}
    slowest = max(report.slowest_seconds for report in reports.values())
    figure(f"longest call of a stock client ({where})", slowest * 1000, "ms")
    total = sum(report.tried for report in reports.values())
    wait_stored(daemon, total)
    daemon.stop()

    assert DEGRADED.search(daemon.stderr)
    # Otherwise the reserve was not put to the test.
    released = "its reserve is released" in daemon.stderr
    assert released == ("--spool" not in flags), daemon.stderr
    assert took < WRITING_SECONDS
    check_all_stored(daemon, reports)


@pytest.mark.parametrize("database", ["new", "old"])
def test_a_start_on_a_full_disk(
    start_daemon: Any,
    tmp_path: Path,
    disk: Path,
    flags: list[str],
    database: str,
    figure: Any,
) -> None:
    """It serves, says that it is degraded, and stores all once there is space."""
    path = disk / "logs.sqlite"
    if database == "old":
        earlier = start_daemon(*flags, database=path)
        earlier.send(stock_frame("before"))
        earlier.wait_rows(1)
        earlier.stop()
    before = int(database == "old")
    filler = fill(disk, 0)

    daemon = start_daemon(*flags, database=path)
    with senders("stock", CLIENTS, tmp_path, padding=PADDING) as clients:
        for client in clients:
            client.send(daemon.port, rate=RATE / CLIENTS, seconds=AROUND_SECONDS)
        reports = {client.name: client.report() for client in clients}
        until(lambda: DEGRADED.search(daemon.stderr), "a word of what is wrong")
        assert daemon.process.poll() is None
        filler.unlink()
        took = first_write(daemon, before)
    figure(f"first commit after a start on a full disk ({database})", took, "s")
    total = before + sum(report.tried for report in reports.values())
    wait_stored(daemon, total)
    daemon.stop()

    assert took < WRITING_SECONDS
    check_all_stored(daemon, reports)
