"""The checkpointer: keeps the write-ahead log from growing for ever."""

from __future__ import annotations

import asyncio
import logging
import math
import sqlite3
import time
from collections.abc import Callable
from typing import Final

from collector.errors import StoreError
from collector.store.database import BUSY_SECONDS, WAL_LIMIT_BYTES
from collector.store.disk import log_bytes
from collector.store.writable import WritableDatabase, checkpoint

log = logging.getLogger("logcollector")

LOOK_SECONDS: Final = 1.0
SAY_SECONDS: Final = 60.0

# How long readers are waited for to let go of the log, with the writer standing
# still; if they don't, the next attempt comes after a pause.
PATIENCE_SECONDS: Final = 0.5
PAUSE_SECONDS: Final = 10.0

# Under full load the log passes its limit for moments.
TOO_LARGE_BYTES: Final = WAL_LIMIT_BYTES * 3 // 2


class Checkpointer:
    """Cuts back a log that has grown beyond its limit, and tells who keeps it.

    SQLite does so itself as a rule, but not while a reader still needs what is
    in it, and not after that reader's end unless something is written.
    """

    def __init__(
        self,
        database: WritableDatabase,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._clock = clock
        self._said_at = -math.inf
        self._large_since: float | None = None
        self._next_at = -math.inf

    async def run(self) -> None:
        """Look after the log for ever; may be cancelled at any time."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Cut the log back if it is too large, or say why that can't be.

        And notice that somebody took the database away.
        """
        if await self._database.leave_if_gone():
            log.error(
                "%s: was moved or removed while it was written to; records go to a "
                "new one now (stop the collector first)",
                self._database.path,
            )
        if log_bytes(self._database.path) <= TOO_LARGE_BYTES:
            if self._said_at > -math.inf:
                log.warning(
                    "%s: the write-ahead log is small again", self._database.path
                )
            self._large_since = None
            self._said_at = -math.inf
            return
        now = self._clock()
        if self._large_since is None:
            self._large_since = now
        if now < self._next_at:
            return
        try:
            kept = await self._database.run(_checkpoint_patiently)
        except (sqlite3.Error, StoreError):
            # The writer meets the same fault and tells of it.
            return
        if kept:
            self._next_at = self._clock() + PAUSE_SECONDS
        if kept and now - self._said_at >= SAY_SECONDS:
            self._said_at = now
            log.warning(
                "%s: the write-ahead log has %d MB and grows, because a program has "
                "been reading in one transaction for %.0f s or more; end it, or the "
                "disk fills",
                self._database.path,
                log_bytes(self._database.path) // 1_000_000,
                now - self._large_since,
            )


def _checkpoint_patiently(connection: sqlite3.Connection) -> bool:
    # Readers that begin meanwhile don't need the log any more.
    connection.execute(f"PRAGMA busy_timeout = {int(PATIENCE_SECONDS * 1000)}")
    try:
        return checkpoint(connection)
    finally:
        connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
