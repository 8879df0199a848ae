"""The database that records are imported into.

Its daemon may be writing to it meanwhile: each step is one short transaction
with a pause behind it. Only where the import has made the database itself, and
nobody else is seen to write, it goes without pauses.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from collector.errors import StoreError
from collector.record import Record
from collector.store.backlog import Batch
from collector.store.beside import PAUSE_SECONDS, connect_beside
from collector.store.claim import Claim
from collector.store.database import CHECKPOINT_PAGES, open_database, refuse_links
from collector.store.disk import file_bytes
from collector.store.doubles import Doubles
from collector.store.inserter import Inserter
from collector.store.reader import FAULTS, explained
from collector.store.rejects import Reject

# A transaction, with a pause behind it.
STEP_SECONDS: Final = 0.02

# Records of a transaction, as many as there is time for, and their characters.
LEAST_RECORDS: Final = 100
MOST_RECORDS: Final = 2000
STEP_CHARS: Final = 4_000_000

# Rejects of an import that are kept; the others are counted. And those of all
# imports that are.
MOST_REJECTS: Final = 100
MOST_KEPT: Final = 1000


class ImportTarget:
    """A database that is being imported into. Use `open_target`.

    `stored` is how many records of the source at hand are committed.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        imported: float,
        is_shared: bool,
    ) -> None:
        self._connection = connection
        self._imported = imported
        self._inserter = Inserter()
        self._doubles = Doubles(connection)
        self.stored = 0
        self._rejects_left = MOST_REJECTS
        self._version = self._data_version()
        self._is_shared = is_shared
        self._step_records = LEAST_RECORDS

    def begin(self) -> None:
        """Begin with another source: what is there by now is not to come again."""
        self._doubles = Doubles(self._connection)
        self.stored = 0

    @property
    def looks_up(self) -> bool:
        """Whether records must be looked up, best many at once."""
        return self._doubles.is_possible

    def fresh(self, records: list[Record]) -> list[Record]:
        """Return those records that are not in the database yet, in order."""
        return self._doubles.fresh(records)

    def store(self, records: list[Record], rejects: list[Reject]) -> None:
        """Store records, and the first rejects of the import, step by step."""
        first = rejects[: self._rejects_left]
        self._rejects_left -= len(first)
        kept = [each for each in first if not self._is_known(each)]
        while records:
            step = first_step(records, self._step_records)
            records = records[len(step) :]
            self._store(Batch(step, kept, 0))
            kept = []
        if kept:
            self._store(Batch([], kept, 0))

    def _store(self, batch: Batch) -> None:
        begun = time.monotonic()
        self._inserter.store(
            self._connection,
            batch=batch,
            max_rejects=MOST_KEPT,
            imported=self._imported,
        )
        self.stored += len(batch.records)
        took = time.monotonic() - begun
        self._step_records = next_step(self._step_records, took)
        if self._data_version() != self._version:
            self._is_shared = True
        if self._is_shared:
            time.sleep(PAUSE_SECONDS)

    def _data_version(self) -> int:
        """Return a number that changes when another connection has written."""
        [(version,)] = self._connection.execute("PRAGMA data_version")
        return int(version)

    def _is_known(self, reject: Reject) -> bool:
        found = self._connection.execute(
            "SELECT 1 FROM rejects WHERE peer = ? AND reason = ? AND detail = ? "
            "AND payload = ?",
            (reject.peer, reject.reason, reject.detail, reject.payload),
        )
        return bool(found.fetchall())


def first_step(records: list[Record], most: int) -> list[Record]:
    """Return the first records, as many as one transaction has time for."""
    left = STEP_CHARS
    for count, record in enumerate(records[:most], 1):
        left -= chars_of(record)
        if left <= 0:
            return records[:count]
    return records[:most]


def next_step(records: int, took_seconds: float) -> int:
    """Return how many records to store at once when so many took so long."""
    fitting = int(records * STEP_SECONDS / max(took_seconds, 1e-6))
    return max(LEAST_RECORDS, min(fitting, 2 * records, MOST_RECORDS))


def chars_of(record: Record) -> int:
    """Return how long the texts of a record are that are stored for it alone."""
    return (
        len(record.message)
        + len(record.exc_text or "")
        + len(record.stack_info or "")
        + len(record.extra or "")
    )


@contextmanager
def open_target(path: Path, *, synchronous: str) -> Iterator[ImportTarget]:
    """Open a database to import into; it is made if there is none.

    Raises ReadError or StoreError where that is impossible, and StoreError for
    what SQLite reports while it is open.
    """
    is_new = not file_bytes(path)
    if is_new:
        make(path, synchronous)
    try:
        with closing(connect_beside(path)) as connection:
            connection.execute(f"PRAGMA synchronous = {synchronous}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
            yield ImportTarget(
                connection,
                imported=time.time(),
                is_shared=not is_new,
            )
    except FAULTS as error:
        raise StoreError(
            f"{path}: cannot be written: {error}; what was imported by then is kept, "
            "and the same import can be run again"
        ) from None


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
