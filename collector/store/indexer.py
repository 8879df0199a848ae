"""The indexer: a task that keeps the search index some way behind the writer."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Final

from collector.errors import StoreError
from collector.store.backlog import Backlog
from collector.store.failures import Failure, classify
from collector.store.search_index import (
    create_index,
    erase_some,
    index_some,
    remaining,
)
from collector.store.writable import WritableDatabase
from collector.store.writer import Writer

log = logging.getLogger("logcollector")

# Fewer than these are not worth a transaction: scanning them takes no time.
ENOUGH_RECORDS: Final = 1000

# Records of one step: the writer may have to wait for it, some 20 ms.
STEP_RECORDS: Final = 2000

RETRY_SECONDS: Final = 1.0


class Indexer:
    """Indexes what the writer has stored, in small steps, when there is time.

    Searches find everything whether or not it keeps up. It may be cancelled
    at any time.
    """

    def __init__(
        self,
        database: WritableDatabase,
        *,
        backlog: Backlog,
        writer: Writer,
    ) -> None:
        self._database = database
        self._backlog = backlog
        self._writer = writer
        self.lag_records = 0

    async def run(self) -> None:
        """Index for ever, or until that turns out to be impossible."""
        while True:
            generation = self._database.generation
            try:
                await self._follow()
            except (sqlite3.Error, StoreError) as error:
                if self._database.generation == generation:
                    log.warning(
                        "%s: the search index cannot be kept: %s; searches will scan "
                        "(`logcollector db reindex` makes it anew)",
                        self._database.path,
                        error,
                    )
            else:
                return
            # A new file may yet take the place of a damaged one.
            while self._database.generation == generation:
                await self._wait_stored()

    async def _follow(self) -> None:
        if not await self._attempt(create_index):
            log.warning("this SQLite has no trigram index: searches will scan")
            return
        # What an index that was made anew has left.
        while await self._attempt(erase_some):
            pass
        self.lag_records = await self._attempt(remaining)
        counted = self._writer.stored_total
        while True:
            stored = self._writer.stored_total
            self.lag_records += stored - counted
            counted = stored
            # At full load there is no time to spare: searches scan more.
            if self.lag_records < ENOUGH_RECORDS or (
                self._writer.is_loaded and self._backlog.waiting_records
            ):
                await self._wait_stored()
                continue
            step = partial(index_some, records=STEP_RECORDS)
            self.lag_records = await self._attempt(step)
            # Jobs run one by one: by now all batches before the step are in
            # this number, and none after it.
            counted = self._writer.stored_total

    async def _wait_stored(self) -> None:
        await self._writer.stored.wait()
        self._writer.stored.clear()

    async def _attempt(self, job: Callable[[sqlite3.Connection], int]) -> int:
        """Run a job in SQLite's thread, again and again while a fault may pass."""
        while True:
            try:
                return await self._database.run(job)
            except (sqlite3.Error, MemoryError) as error:
                if classify(error) is not Failure.PASSING:
                    raise
                await asyncio.sleep(RETRY_SECONDS)
