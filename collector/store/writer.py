"""The writer: one task that moves batches from the backlog to SQLite."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from collector.errors import StoreError
from collector.record import Record, attributes_of
from collector.store.backlog import Backlog, Batch
from collector.store.disk import free_bytes
from collector.store.failures import Failure, classify, is_input_output
from collector.store.inserter import Inserter
from collector.store.rejects import Reject, make_reject
from collector.store.waiting import wait_for_batch
from collector.store.writable import WritableDatabase, checkpoint

log = logging.getLogger("logcollector")

# Pauses between attempts grow from the first to the last.
FIRST_PAUSE_SECONDS: Final = 0.05
LAST_PAUSE_SECONDS: Final = 1.0

# After so many attempts in a row, over some ten seconds, a disk that can't be
# read or written is not expected to get better.
MAX_FAILED_READS_AND_WRITES: Final = 15

# SQLite's shared memory alone takes 32 KiB.
LEAST_SPACE_BYTES: Final = 1024 * 1024


class NoTimeLeft(StoreError):
    """A stop can't wait for the database any longer."""


class Writer:
    """Writes what the backlog holds, in order, a transaction a batch.

    A batch that meets a passing fault (a lock, a full disk) is kept and tried
    again; `stalled` is true meanwhile. A record that SQLite refuses becomes
    a reject; a damaged database is replaced by a new one. Close the backlog to
    end `run`, which is never cancelled.
    """

    def __init__(
        self,
        database: WritableDatabase,
        backlog: Backlog,
        *,
        batch_records: int,
        flush_interval_seconds: float,
        max_rejects: int,
    ) -> None:
        self._database = database
        self._backlog = backlog
        self._path = database.path
        # These may be replaced at any time.
        self.batch_records = batch_records
        self.flush_interval_seconds = flush_interval_seconds
        self.max_rejects = max_rejects
        self._inserter = Inserter()
        # Of the database, when the last batch was stored.
        self._generation = 0
        self._give_up = asyncio.Event()
        self._leave_rest = False
        self.stored_total = 0
        # Set after each transaction, for whoever clears it.
        self.stored = asyncio.Event()
        self.rejects_stored_total = 0
        self.refused_total = 0
        # Begins anywhere: an earlier run's last number must not be met again.
        self._batch_number = time.time_ns()
        self._batch: Batch | None = None
        # How many of the present batch are stored or refused, when it was split.
        self._done_records = 0
        # How many the last attempt was at: of a split batch, a part.
        self._tried_records = 0
        # The number of the batch whose COMMIT failed last, and how many of the
        # oldest records it has: they may be in the database all the same.
        self.unsure_batch = (0, 0)
        # The last batch in the database before there was one of this run.
        self.found_batch = 0
        self._has_state = False
        # Up to where the spool's frames are stored, as (segment, offset).
        self.spool_position = (0, 0)
        # Told the seconds that each transaction took, once it is committed.
        self.observe_commit: Callable[[float], None] | None = None
        self._writing_since: float | None = None
        # What keeps it from writing; "" while nothing does.
        self.fault = ""
        # Called when that begins, with what to tell people.
        self.on_fault: Callable[[str], None] | None = None
        self._stalled_since = 0.0
        self._failed_reads_and_writes = 0
        # Whether a sync failed, and none was seen to work since.
        self._is_doubtful = False
        # Whether the last batch was as large as batches get.
        self.is_loaded = False

    @property
    def stalled(self) -> bool:
        """Whether the last attempt failed and will be made again."""
        return bool(self.fault)

    async def open(self) -> None:
        """Open the database; a fault that may pass is noted, and tried again.

        Raises StoreError when it can't be used.
        """
        try:
            await self._database.open()
        except sqlite3.Error as error:
            self._try_without_a_batch(error)

    async def find_state(self) -> bool:
        """Learn the state that the database was in; tell whether it is known."""
        if self._has_state:
            return True
        try:
            await self._database.run(self._note_state)
        except (sqlite3.Error, StoreError) as error:
            self._try_without_a_batch(error)
            return False
        return True

    def _note_state(self, connection: sqlite3.Connection) -> None:
        """Read the state, in SQLite's thread, before a batch changes it."""
        [(batch, segment, offset)] = connection.execute(
            "SELECT batch, spool_segment, spool_offset FROM writer_state"
        )
        self.found_batch = batch
        self.spool_position = segment, offset
        self._has_state = True

    async def run(self) -> None:
        """Write until the backlog is closed and empty.

        Raises StoreError when the database fails for good, or there is no more
        time; what is in the backlog then is not stored.
        """
        while True:
            await wait_for_batch(
                self._backlog, self.batch_records, self.flush_interval_seconds
            )
            if self._leave_rest and self._backlog.waiting_records:
                raise NoTimeLeft(f"{self._path}: the stop had no more time")
            batch = self._backlog.take(self.batch_records)
            self.is_loaded = len(batch.records) >= self.batch_records
            # While it is stalled nothing comes but what waits in the spool.
            is_trial = self.stalled and not self._backlog.closing
            if batch or is_trial:
                self._done_records = 0
                self._batch = batch
                try:
                    await self._store(batch)
                except Exception:
                    # Whatever it is, the spool can keep the batch.
                    self._backlog.put_back(batch, self._done_records)
                    raise
                self._backlog.done(batch)
            elif self._backlog.closing:
                return

    def is_hung(self, seconds: float) -> bool:
        """Tell whether one transaction has been going on for so long."""
        since = self._writing_since
        return since is not None and time.monotonic() - since > seconds

    def abandon(self) -> None:
        """Give back the batch whose transaction hangs; it may come through yet."""
        batch = self._batch
        if batch is not None:
            self.unsure_batch = (self._batch_number, self._tried_records)
            self._backlog.put_back(batch, self._done_records)

    def give_up(self, *, leave_rest: bool) -> None:
        """Stop trying again: a stop has no more time.

        With `leave_rest` not even a sound database gets another batch.
        """
        self._give_up.set()
        self._leave_rest = leave_rest

    async def _store(self, batch: Batch) -> None:
        """Store a batch, whatever number of attempts that takes."""
        pause = FIRST_PAUSE_SECONDS
        self._batch_number += 1
        self._tried_records = len(batch.records)
        job = partial(self._insert, batch=batch, number=self._batch_number)
        while True:
            self._writing_since = begun = time.monotonic()
            try:
                await self._database.run(job)
            except (sqlite3.Error, MemoryError, OverflowError, ValueError) as error:
                failure = classify(error)
                if failure is Failure.FOR_GOOD:
                    raise StoreError(f"{self._path}: {error}") from error
                if failure is Failure.RECORD:
                    await self._store_split(batch, error)
                    break
                if failure is Failure.DAMAGED:
                    await self._replace_database(error)
                    continue
                await self._stall(error, pause)
                if not batch and self._backlog.closing:
                    return
                pause = min(pause * 2, LAST_PAUSE_SECONDS)
                continue
            finally:
                self._writing_since = None
            self.stored_total += len(batch.records)
            self._done_records += len(batch.records)
            self.unsure_batch = (0, 0)
            self.rejects_stored_total += len(batch.rejects)
            if batch.position is not None:
                self.spool_position = batch.position
            self.stored.set()
            if self.observe_commit is not None:
                self.observe_commit(time.monotonic() - begun)
            break
        self._failed_reads_and_writes = 0
        if self.stalled:
            self.fault = ""
            log.warning(
                "%s: writing again after %.1f s",
                self._path,
                time.monotonic() - self._stalled_since,
            )

    def _insert(
        self, connection: sqlite3.Connection, *, batch: Batch, number: int
    ) -> None:
        """Store a batch, in SQLite's thread."""
        if self._database.generation != self._generation:
            # Another file, with ids of its own.
            self._generation = self._database.generation
            self._inserter.interned.forget()
        if self._is_doubtful:
            # What SQLite finds in the log after a failed sync need not be on
            # the disk. This syncs it, or fails; as long as a reader keeps it from
            # all of it, that is not over.
            self._is_doubtful = checkpoint(connection)
        if not self._has_state:
            self._note_state(connection)
        self._inserter.store(
            connection, batch=batch, number=number, max_rejects=self.max_rejects
        )

    async def _replace_database(self, error: Exception) -> None:
        try:
            await self._database.replace(error)
        except sqlite3.Error as passing:
            # The damaged one is away; the new one is made at the next attempt.
            await self._stall(passing, FIRST_PAUSE_SECONDS)

    async def _stall(self, error: Exception, seconds: float) -> None:
        """Wait before the next attempt. Raises StoreError when there is none."""
        if is_input_output(error):
            # After a failed sync nobody knows what is in the file: SQLite finds
            # out when it opens it anew.
            await self._database.close()
            self._is_doubtful = True
            self.unsure_batch = (self._batch_number, self._tried_records)
        # A full disk is not always said to be full.
        if is_input_output(error) and has_space(self._path):
            self._failed_reads_and_writes += 1
            if self._failed_reads_and_writes >= MAX_FAILED_READS_AND_WRITES:
                raise StoreError(f"{self._path}: {error}; check the disk") from error
        self._note_fault(error)
        self._writing_since = None
        try:
            async with asyncio.timeout(seconds):
                await self._give_up.wait()
        except TimeoutError:
            return
        raise NoTimeLeft(f"{self._path}: the stop had no more time: {error}") from error

    def _try_without_a_batch(self, error: Exception) -> None:
        """Note a fault that no batch met, and have `run` try whether it is over."""
        self._note_fault(error)
        self._backlog.arrived.set()

    def _note_fault(self, error: Exception) -> None:
        """Note that nothing can be written for now, and say so once."""
        text = str(error)
        if not has_space(self._path) and "full" not in text:
            text = f"the disk is full ({text})"
        if not self.fault:
            self._stalled_since = time.monotonic()
            log.warning("%s: cannot write: %s; trying again", self._path, text)
            if self.on_fault is not None:
                self.on_fault("the database cannot be written")
        self.fault = text

    async def _store_split(self, batch: Batch, error: Exception) -> None:
        """Store the halves of a refused batch, down to the one at fault."""
        records, rejects = batch.records, batch.rejects
        if len(records) > 1:
            middle = len(records) // 2
            await self._store(Batch(records[:middle], [], 0))
            await self._store(Batch(records[middle:], rejects, 0, batch.position))
        elif records and rejects:
            await self._store(Batch(records, [], 0))
            await self._store(Batch([], rejects, 0, batch.position))
        elif records:
            self.refused_total += 1
            log.warning("a record was refused by SQLite: %s", error)
            reject = refused(records[0], error)
            await self._store(Batch([], [reject], 0, batch.position))
            self._done_records += 1
        elif len(rejects) > 1:
            for reject in rejects:
                await self._store(Batch([], [reject], 0, batch.position))
        else:
            raise StoreError(f"{self._path}: {error}") from error


def has_space(path: Path) -> bool:
    """Tell whether the file system of a path has room for more than a page."""
    free = free_bytes(path)
    return free is None or free >= LEAST_SPACE_BYTES


def refused(record: Record, error: Exception) -> Reject:
    """Make a reject of a record that SQLite would not take.

    Its payload is the record as a JSON document, so that it can be sent again.
    """
    # With escapes for all but ASCII, as it may be a lone surrogate that SQLite
    # refused, which msgspec refuses too.
    payload = json.dumps(attributes_of(record)).encode("ascii")
    return make_reject(
        payload,
        received=record.received,
        peer=record.peer,
        reason="refused_by_sqlite",
        detail=str(error),
    )
