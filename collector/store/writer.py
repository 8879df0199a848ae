"""The writer: one task that moves batches from the backlog to SQLite."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import time
from functools import partial
from pathlib import Path
from typing import Final

import aiosqlite

from collector.errors import StoreError
from collector.record import RECORD_FIELDS, Record
from collector.store.backlog import Backlog, Batch
from collector.store.database import run_in_thread
from collector.store.failures import Failure, classify
from collector.store.inserter import Inserter
from collector.store.rejects import Reject, make_reject
from collector.store.waiting import wait_for_batch

log = logging.getLogger("logcollector")

# Pauses between attempts grow from the first to the last.
FIRST_PAUSE_SECONDS: Final = 0.05
LAST_PAUSE_SECONDS: Final = 5.0


class Writer:
    """Writes what the backlog holds, in order, a transaction a batch.

    A batch that meets a passing fault (a lock, a full disk) is kept and tried
    again; `stalled` is true meanwhile. A record that SQLite refuses becomes
    a reject. Close the backlog to end `run`, which is never cancelled.
    """

    def __init__(
        self,
        database: aiosqlite.Connection,
        backlog: Backlog,
        *,
        path: Path,
        batch_records: int,
        flush_interval_seconds: float,
        max_rejects: int,
    ) -> None:
        self._database = database
        self._backlog = backlog
        self._path = path
        # These may be replaced at any time.
        self.batch_records = batch_records
        self.flush_interval_seconds = flush_interval_seconds
        self.max_rejects = max_rejects
        self._inserter = Inserter()
        self._give_up = asyncio.Event()
        self._closed = False
        self.stored_total = 0
        # Set after each transaction, for whoever clears it.
        self.stored = asyncio.Event()
        self.rejects_stored_total = 0
        self.refused_total = 0
        self._writing_since: float | None = None
        self.stalled = False
        # Whether the last batch was as large as batches get.
        self.is_loaded = False

    async def run(self) -> None:
        """Write until the backlog is closed and empty.

        Raises StoreError when the database fails for good; what is in the
        backlog then is not stored.
        """
        while True:
            await wait_for_batch(
                self._backlog, self.batch_records, self.flush_interval_seconds
            )
            batch = self._backlog.take(self.batch_records)
            self.is_loaded = len(batch.records) >= self.batch_records
            if batch.records or batch.rejects:
                await self._store(batch)
                self._backlog.done(batch)
            elif self._backlog.closing:
                return

    def is_hung(self, seconds: float) -> bool:
        """Tell whether one transaction has been going on for so long."""
        since = self._writing_since
        return since is not None and time.monotonic() - since > seconds

    def give_up(self) -> None:
        """Stop trying again: a stop has no more time for a passing fault."""
        self._give_up.set()

    async def close(self) -> None:
        """Close the database, with a last checkpoint; once is enough."""
        if self._closed:
            return
        self._closed = True
        for step in (self._checkpoint, self._database.close):
            try:
                await step()
            except sqlite3.Error as error:
                # Everything committed is in the write-ahead log.
                log.warning("%s: closing: %s", self._path, error)

    async def _checkpoint(self) -> None:
        # By itself SQLite makes one only where nobody else has the database
        # open, as a tail has. The file alone would lack what is in the log.
        await self._database.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")

    async def _store(self, batch: Batch) -> None:
        """Store a batch, whatever number of attempts that takes."""
        pause = FIRST_PAUSE_SECONDS
        stalled_since = 0.0
        while True:
            self._writing_since = time.monotonic()
            try:
                await run_in_thread(
                    self._database,
                    partial(
                        self._inserter.store, batch=batch, max_rejects=self.max_rejects
                    ),
                )
            except (sqlite3.Error, MemoryError, OverflowError, ValueError) as error:
                failure = classify(error)
                if failure is Failure.FOR_GOOD:
                    raise StoreError(f"{self._path}: {error}") from error
                if failure is Failure.RECORD:
                    await self._store_split(batch, error)
                    break
                if not self.stalled:
                    self.stalled = True
                    stalled_since = time.monotonic()
                    log.warning(
                        "%s: cannot write: %s; %d records wait in memory, trying again",
                        self._path,
                        error,
                        self._backlog.waiting_records,
                    )
                self._writing_since = None
                await self._pause(pause, error)
                pause = min(pause * 2, LAST_PAUSE_SECONDS)
                continue
            finally:
                self._writing_since = None
            self.stored_total += len(batch.records)
            self.rejects_stored_total += len(batch.rejects)
            self.stored.set()
            break
        if self.stalled and stalled_since:
            self.stalled = False
            log.warning(
                "%s: writing again after %.1f s",
                self._path,
                time.monotonic() - stalled_since,
            )

    async def _pause(self, seconds: float, error: Exception) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._give_up.wait()
        except TimeoutError:
            return
        raise StoreError(
            f"{self._path}: {error}; {self._backlog.waiting_records} records "
            "could not be stored before the stop"
        ) from error

    async def _store_split(self, batch: Batch, error: Exception) -> None:
        """Store the halves of a refused batch, down to the one at fault."""
        records, rejects = batch.records, batch.rejects
        if len(records) > 1:
            middle = len(records) // 2
            await self._store(Batch(records[:middle], [], 0))
            await self._store(Batch(records[middle:], rejects, 0))
        elif records and rejects:
            await self._store(Batch(records, [], 0))
            await self._store(Batch([], rejects, 0))
        elif records:
            self.refused_total += 1
            log.warning("a record was refused by SQLite: %s", error)
            await self._store(Batch([], [refused(records[0], error)], 0))
        elif len(rejects) > 1:
            for reject in rejects:
                await self._store(Batch([], [reject], 0))
        else:
            raise StoreError(f"{self._path}: {error}") from error


def refused(record: Record, error: Exception) -> Reject:
    """Make a reject of a record that SQLite would not take.

    Its payload is the record as a JSON document, so that it can be sent again.
    """
    document = {
        name: getattr(record, name)
        for name in RECORD_FIELDS
        if name not in ("started", "received", "peer", "extra")
    }
    document.update(json.loads(record.extra or "{}"))
    # With escapes for all but ASCII, as it may be a lone surrogate that SQLite
    # refused, which msgspec refuses too.
    payload = json.dumps(document).encode("ascii")
    return make_reject(
        payload,
        received=record.received,
        peer=record.peer,
        reason="refused_by_sqlite",
        detail=str(error),
    )
