"""The indexer: a task that keeps the search index some way behind the writer."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import aiosqlite

from collector.store.backlog import Backlog
from collector.store.database import run_in_thread
from collector.store.failures import Failure, classify
from collector.store.search_index import create_index, index_some, remaining
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
        database: aiosqlite.Connection,
        *,
        backlog: Backlog,
        writer: Writer,
        path: Path,
    ) -> None:
        self._database = database
        self._backlog = backlog
        self._writer = writer
        self._path = path
        self.lag_records = 0

    async def run(self) -> None:
        """Index for ever, or until that turns out to be impossible."""
        try:
            if not await self._attempt(create_index):
                log.warning("this SQLite has no trigram index: searches will scan")
                return
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
                    await self._writer.stored.wait()
                    self._writer.stored.clear()
                    continue
                step = partial(index_some, records=STEP_RECORDS)
                self.lag_records = await self._attempt(step)
                # SQLite's thread tells of its jobs in their order: by now all
                # batches before the step are in this number, and none after it.
                counted = self._writer.stored_total
        except sqlite3.Error as error:
            log.warning(
                "%s: the search index cannot be kept: %s; searches will scan "
                "(`logcollector db reindex` makes it anew)",
                self._path,
                error,
            )

    async def _attempt(self, job: Callable[[sqlite3.Connection], int]) -> int:
        """Run a job in SQLite's thread, again and again while a fault may pass."""
        while True:
            try:
                return await run_in_thread(self._database, job)
            except (sqlite3.Error, MemoryError) as error:
                if classify(error) is not Failure.PASSING:
                    raise
                await asyncio.sleep(RETRY_SECONDS)
