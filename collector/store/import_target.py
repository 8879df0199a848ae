"""The database that records are imported into.

Its daemon may be writing to it meanwhile: each step is one short transaction,
and while somebody else is seen to write there is a pause behind it.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from collector.record import Record
from collector.store.backlog import Batch
from collector.store.claim import Claim
from collector.store.database import CHECKPOINT_PAGES, open_database, refuse_links
from collector.store.disk import file_bytes
from collector.store.doubles import Doubles
from collector.store.inserter import Inserter
from collector.store.reader import FAULTS, connect, explained
from collector.store.rejects import Reject

# Records of one transaction, their characters, and the pause behind it. The
# daemon tries for 50 ms to get the lock, at least every 20 ms: it must find it
# free.
STEP_RECORDS: Final = 2000
STEP_CHARS: Final = 4_000_000
PAUSE_SECONDS: Final = 0.025

# So long after somebody else's write there are pauses.
BUSY_FOR_SECONDS: Final = 5.0

# How long to wait for the daemon's own transactions.
BUSY_SECONDS: Final = 10.0

# Rejects of an import that are kept; the others are counted.
MOST_REJECTS: Final = 100


class ImportTarget:
    """A database that is being imported into. Use `open_target`."""

    def __init__(
        self, connection: sqlite3.Connection, *, max_rejects: int, imported: float
    ) -> None:
        self._connection = connection
        self._max_rejects = max_rejects
        self._imported = imported
        self._inserter = Inserter()
        self._doubles = Doubles(connection)
        self._rejects_left = MOST_REJECTS
        self._version = self._data_version()
        self._others_wrote_at = float("-inf")

    def fresh(self, records: list[Record]) -> list[Record]:
        """Return those records that are not in the database yet, in order."""
        return self._doubles.fresh(records)

    def store(self, records: list[Record], rejects: list[Reject]) -> None:
        """Store records, and the first rejects of the import, step by step."""
        kept = [each for each in rejects if not self._is_known(each)]
        kept = kept[: self._rejects_left]
        self._rejects_left -= len(kept)
        for step in steps(records):
            self._store(Batch(step, kept, 0))
            kept = []
        if kept:
            self._store(Batch([], kept, 0))

    def _store(self, batch: Batch) -> None:
        self._inserter.store(
            self._connection,
            batch=batch,
            max_rejects=self._max_rejects,
            imported=self._imported,
        )
        version = self._data_version()
        if version != self._version:
            self._version = version
            self._others_wrote_at = time.monotonic()
        if time.monotonic() - self._others_wrote_at < BUSY_FOR_SECONDS:
            time.sleep(PAUSE_SECONDS)

    def _data_version(self) -> int:
        """Return a number that changes when another connection has written."""
        [(version,)] = self._connection.execute("PRAGMA data_version")
        return int(version)

    def _is_known(self, reject: Reject) -> bool:
        found = self._connection.execute(
            "SELECT 1 FROM rejects WHERE reason = ? AND detail = ? AND payload = ?",
            (reject.reason, reject.detail, reject.payload),
        )
        return bool(found.fetchall())


def steps(records: list[Record]) -> Iterator[list[Record]]:
    """Yield records in order, as many as one transaction has time for."""
    step: list[Record] = []
    chars = 0
    for record in records:
        step.append(record)
        chars += chars_of(record)
        if len(step) >= STEP_RECORDS or chars >= STEP_CHARS:
            yield step
            step, chars = [], 0
    if step:
        yield step


def chars_of(record: Record) -> int:
    """Return how long the texts of a record are that are stored for it alone."""
    return (
        len(record.message)
        + len(record.exc_text or "")
        + len(record.stack_info or "")
        + len(record.extra or "")
    )


@contextmanager
def open_target(
    path: Path, *, synchronous: str, max_rejects: int
) -> Iterator[ImportTarget]:
    """Open a database to import into; it is made if there is none.

    Raises ReadError or StoreError where that is impossible, and for what
    SQLite reports while it is open.
    """
    if not file_bytes(path):
        make(path, synchronous)
    # For what it checks: that it is a database of ours, in today's schema.
    connect(path).close()
    refuse_links(path)
    try:
        with closing(
            sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        ) as connection:
            connection.execute(f"PRAGMA synchronous = {synchronous}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
            yield ImportTarget(
                connection, max_rejects=max_rejects, imported=time.time()
            )
    except FAULTS as error:
        raise explained(path, error) from None


def make(path: Path, synchronous: str) -> None:
    """Make a database as the daemon does.

    Raises StoreError where that is impossible, or a daemon is just doing it.
    """

    async def made() -> None:
        await (await open_database(path, synchronous=synchronous)).close()

    refuse_links(path)
    claim = Claim(path)
    claim.take()
    try:
        asyncio.run(made())
    except sqlite3.Error as error:
        raise explained(path, error) from None
    finally:
        claim.release()
