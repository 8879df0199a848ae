"""Writing to a database beside a daemon that may be at work on it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from collector.store.database import refuse_links
from collector.store.file_space import KEEP_FREED_PAGES
from collector.store.reader import FAULTS, connect, explained

# The pause behind each transaction. The daemon, if it runs, tries for 50 ms to get
# the lock, at least every 20 ms: it must find it free.
PAUSE_SECONDS: Final = 0.025

# How long to wait for the daemon's own transactions.
BUSY_SECONDS: Final = 10.0


def connect_beside(path: Path) -> sqlite3.Connection:
    """Connect to a database of ours, in today's schema, in autocommit mode.

    Use short transactions, and pause after each. Raises ReadError or StoreError
    where it is none, and what SQLite reports.
    """
    # For what it checks.
    connect(path).close()
    refuse_links(path)
    return sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)


@contextmanager
def open_beside(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database as `connect_beside` does.

    What SQLite reports, also in the body, is raised as ReadError.
    """
    try:
        with closing(connect_beside(path)) as connection:
            connection.execute(KEEP_FREED_PAGES)
            yield connection
    except FAULTS as error:
        raise explained(path, error) from None
