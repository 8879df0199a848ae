"""Giving free space back to the disk.

In small steps beside the daemon: the last pages move to free places, and the
file is cut off behind what remains. Or at once, with the daemon stopped: the
whole file is written anew, in the order of its tables.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from collector.errors import ReadError
from collector.store.beside import PAUSE_SECONDS, open_beside
from collector.store.claim import Claim
from collector.store.disk import free_bytes
from collector.store.fetching import fetching
from collector.store.file_space import STEP_PAGES, Space, measure
from collector.store.reader import connect

# Called with how many pages of how many are done.
Progress = Callable[[int, int], None]


def give_back(path: Path, progress: Progress) -> tuple[int, int]:
    """Give all free pages back, in steps; return the bytes before and after.

    The daemon may run; what becomes free meanwhile is given back by itself or
    the next time. Raises ReadError.
    """
    with open_beside(path) as connection:
        space = _space(connection)
        before = space.file_bytes
        total = left = space.free_pages
        while left > 0:
            # Not by execute: it would stop after the first page.
            connection.executescript(f"PRAGMA incremental_vacuum({STEP_PAGES})")
            space = _space(connection)
            left = min(left - STEP_PAGES, space.free_pages)
            progress(total - max(left, 0), total)
            time.sleep(PAUSE_SECONDS)
        # The file itself ends where the log is moved into it.
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    return before, space.file_bytes


def rewrite(path: Path) -> tuple[int, int]:
    """Write the whole file anew; return the bytes before and after.

    Raises StoreError when a collector writes to it, ReadError for whatever
    else keeps it from that.
    """
    connect(path).close()
    claim = Claim(path)
    claim.take()
    try:
        with open_beside(path) as connection:
            before = _space(connection)
            _check_room(before, path)
            connection.execute("VACUUM")
            after = _space(connection)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        claim.release()
    return before.file_bytes, after.file_bytes


def _check_room(space: Space, path: Path) -> None:
    """Raise ReadError where there is no room for what VACUUM needs.

    It makes the new file among SQLite's temporary ones, and puts it in the place
    of the old one by way of the write-ahead log.
    """
    needed = 2 * space.used_bytes
    free = free_bytes(path.absolute())
    if free is not None and free < needed:
        raise ReadError(
            f"{path}: to write it anew takes up to {needed:,} bytes, and the disk "
            f"has {free:,} left; without --full nothing is needed"
        )


def _space(connection: sqlite3.Connection) -> Space:
    return measure(fetching(connection))
