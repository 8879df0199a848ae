"""A long read by another program: the write-ahead log grows, and shrinks after it."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from faults.stream import Stream, disorder, numbers
from integration.daemon import Daemon, until

pytestmark = pytest.mark.fault

Figure = Callable[[str, float, str], None]

MIB = 1024 * 1024

# What the log is cut back to, and what it must pass for that to be seen.
BOUND_BYTES = 64 * MIB
GROWN_BYTES = 96 * MIB

# The log of a daemon without readers stays under it: see wal_autocheckpoint.
GROWN_WITH_READERS_BYTES = 40 * MIB

# After a reader has ended, with or without new records.
CUT_BACK_SECONDS = 15.0

# Long messages fill the log soon; so many do it in some seconds.
PADDING = 4_000
RATE = 5_000


def log_bytes(daemon: Daemon) -> int:
    path = daemon.database.with_name(daemon.database.name + "-wal")
    return path.stat().st_size if path.exists() else 0


def warnings(daemon: Daemon) -> list[str]:
    return [line for line in daemon.stderr.splitlines() if "write-ahead log" in line]


@contextmanager
def long_read(database: Path) -> Iterator[sqlite3.Connection]:
    """Hold a read transaction open, as an export that takes its time."""
    with closing(sqlite3.connect(database, timeout=10)) as reader:
        reader.isolation_level = None
        reader.execute("BEGIN")
        reader.execute("SELECT max(id) FROM records").fetchone()
        yield reader


@pytest.mark.parametrize("after", ["under load", "idle"])
def test_a_long_reader(start_daemon: Any, after: str, figure: Figure) -> None:
    """The daemon warns while a reader keeps the log, which shrinks soon after it."""
    daemon = start_daemon()
    with Stream(daemon, rate=RATE, padding=PADDING) as stream:
        until(lambda: len(numbers(daemon.database)) > 100, "a stream under way")
        with long_read(daemon.database):
            until(lambda: log_bytes(daemon) > GROWN_BYTES, "a log that has grown", 120)
            until(lambda: warnings(daemon), "a warning")
            if after == "idle":
                sent = stream.stop()
                until(
                    lambda: daemon.rows("SELECT max(id) FROM records")[0][0] >= sent,
                    "all records",
                )
            peak = log_bytes(daemon)
        ended = time.monotonic()
        until(
            lambda: log_bytes(daemon) < BOUND_BYTES,
            f"a log under 64 MiB, not {log_bytes(daemon) / MIB:.0f}",
            CUT_BACK_SECONDS,
        )
        took = time.monotonic() - ended
        if after != "idle":
            stream.wait_sent(RATE)
            sent = stream.stop()
    figure(f"write-ahead log's peak with a long reader ({after})", peak / MIB, "MiB")
    figure(f"write-ahead log after it ({after})", log_bytes(daemon) / MIB, "MiB")
    figure(f"end of the reader to a log under 64 MiB ({after})", took, "s")
    daemon.stop()

    # One now and then, not one a commit.
    assert 1 <= len(warnings(daemon)) <= 5, warnings(daemon)
    stored = numbers(daemon.database)
    assert disorder(stored) == ""
    assert len(stored) == sent


def test_readers_that_overlap(start_daemon: Any, figure: Figure) -> None:
    """Short readers of which one is always there do not keep the log growing."""
    daemon = start_daemon()
    stopping = threading.Event()
    sizes = [0]

    def read(number: int) -> None:
        stopping.wait(0.04 * number)
        while not stopping.is_set():
            with long_read(daemon.database):
                stopping.wait(0.15)

    def cut_back() -> bool:
        sizes.append(log_bytes(daemon))
        return max(sizes) > GROWN_WITH_READERS_BYTES > 2 * sizes[-1]

    with Stream(daemon, rate=RATE, padding=PADDING) as stream:
        until(lambda: len(numbers(daemon.database)) > 100, "a stream under way")
        readers = [threading.Thread(target=read, args=[n]) for n in range(4)]
        for reader in readers:
            reader.start()
        try:
            # An attempt may fail for a reader; the next one comes after a pause.
            until(cut_back, "a log that is cut back", 120)
            sent = stream.stop()
        finally:
            stopping.set()
            for reader in readers:
                reader.join()
    figure("write-ahead log's peak with overlapping readers", max(sizes) / MIB, "MiB")
    until(
        lambda: daemon.rows("SELECT max(id) FROM records")[0][0] >= sent, "all records"
    )
    daemon.stop()
    assert disorder(numbers(daemon.database)) == ""
