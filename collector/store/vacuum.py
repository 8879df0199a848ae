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
from typing import Final

from collector.errors import ReadError
from collector.store.beside import PAUSE_SECONDS, open_beside
from collector.store.claim import Claim
from collector.store.disk import free_bytes
from collector.store.reader import connect

# Pages of one transaction.
STEP_PAGES: Final = 500

# Called with how many pages of how many are done.
Progress = Callable[[int, int], None]


def give_back(path: Path, progress: Progress) -> tuple[int, int]:
    """Give all free pages back, in steps; return the bytes before and after.

    The daemon may run; what becomes free meanwhile is given back by itself or
    the next time. Raises ReadError.
    """
    with open_beside(path) as connection:
        before = _bytes(connection)
        total = left = _free_pages(connection)
        while left > 0:
            # It has a row without columns for each page: `execute` ends at the first.
            connection.executescript(f"PRAGMA incremental_vacuum({STEP_PAGES})")
            now = _free_pages(connection)
            left = min(left - STEP_PAGES, now)
            progress(total - max(left, 0), total)
            time.sleep(PAUSE_SECONDS)
        after = _bytes(connection)
        # The file itself ends where the log is moved into it.
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    return before, after


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
            before = _bytes(connection)
            _check_room(connection, path)
            connection.execute("VACUUM")
            after = _bytes(connection)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        claim.release()
    return before, after


def _check_room(connection: sqlite3.Connection, path: Path) -> None:
    """Raise ReadError where there is no room for what VACUUM needs.

    It makes the new file among SQLite's temporary ones, and puts it in the place
    of the old one by way of the write-ahead log.
    """
    used = _bytes(connection) - _free_pages(connection) * _page_bytes(connection)
    free = free_bytes(path.absolute())
    if free is not None and free < 2 * used:
        raise ReadError(
            f"{path}: to write it anew takes up to {2 * used:,} bytes, and the disk "
            f"has {free:,} left; without --full nothing is needed"
        )


def _bytes(connection: sqlite3.Connection) -> int:
    [(pages,)] = connection.execute("PRAGMA page_count")
    return int(pages) * _page_bytes(connection)


def _page_bytes(connection: sqlite3.Connection) -> int:
    [(size,)] = connection.execute("PRAGMA page_size")
    return int(size)


def _free_pages(connection: sqlite3.Connection) -> int:
    [(pages,)] = connection.execute("PRAGMA freelist_count")
    return int(pages)
