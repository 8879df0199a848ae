"""The database as it is written: one connection, opened again after a fault."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import aiosqlite

from collector.errors import DamagedDatabase, StoreError
from collector.store.claim import Claim
from collector.store.database import open_database, refuse_links, run_in_thread

log = logging.getLogger("logcollector")

Result = TypeVar("Result")

# Damaged files that are kept: with more of them, it is the disk.
MAX_DAMAGED: Final = 10


def checkpoint(connection: sqlite3.Connection) -> bool:
    """Move the write-ahead log into the file; tell if a reader needs it still."""
    [(busy, _, _)] = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return bool(busy)


class WritableDatabase:
    """A database that is opened when a job needs it. Jobs run one by one.

    `generation` rises when a new file takes the place of one that is damaged,
    or was taken away.
    """

    def __init__(self, path: Path, *, synchronous: str) -> None:
        self.path: Final = path
        self._synchronous = synchronous
        self._connection: aiosqlite.Connection | None = None
        self._claim = Claim(path)
        self._using = asyncio.Lock()
        self.generation = 0

    async def open(self) -> None:
        """Open or create it, if it is not open; one that is damaged is replaced.

        Raises StoreError when it can't be used, sqlite3.Error for a fault that
        may pass (a lock, a full file system).
        """
        async with self._using:
            await self._open()

    async def run(self, job: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run a job in SQLite's thread; return what it returns.

        Raises what `open` or the job raises.
        """
        async with self._using:
            connection = self._connection or await self._open()
            return await run_in_thread(connection, job)

    async def close(self) -> None:
        """Close the connection; the next job opens it again."""
        async with self._using:
            await self._close()

    async def finish(self) -> None:
        """Close it for good, with all of the write-ahead log in the file."""
        async with self._using:
            connection = self._connection
            if connection is not None:
                try:
                    # By itself SQLite does so only where nobody else has the
                    # database open, as a tail has.
                    await run_in_thread(connection, checkpoint)
                except sqlite3.Error as error:
                    # Everything committed is in the log.
                    log.warning("%s: closing: %s", self.path, error)
                await self._close()
            self._claim.release()

    async def leave_if_gone(self) -> bool:
        """Let go of a file that is not at its path any more; tell if it was so.

        The next job opens, or makes, the one that is.
        """
        async with self._using:
            if not self._claim.is_void:
                return False
            await self._close()
            self._claim.release()
            self.generation += 1
            return True

    async def replace(self, error: Exception) -> None:
        """Set a damaged file aside and begin a new one, as `open` does."""
        async with self._using:
            await self._close()
            self._set_aside(error)
            await self._open()

    async def _open(self) -> aiosqlite.Connection:
        if self._connection is None:
            try:
                self._connection = await self._opened()
            except DamagedDatabase as error:
                self._set_aside(error)
                self._connection = await self._opened()
        return self._connection

    async def _opened(self) -> aiosqlite.Connection:
        try:
            refuse_links(self.path)
        except OSError as error:
            raise StoreError(
                f"{self.path}: cannot be reached: {error.strerror}"
            ) from None
        self._claim.take()
        return await open_database(self.path, synchronous=self._synchronous)

    async def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                await connection.close()

    def _set_aside(self, error: Exception) -> None:
        prefix = f"{self.path.name}.damaged-"
        damaged = [
            each.name
            for each in self.path.parent.iterdir()
            if each.name.startswith(prefix) and not each.name.endswith("-wal")
        ]
        if len(damaged) >= MAX_DAMAGED:
            raise StoreError(
                f"{self.path}: {error}; {len(damaged)} damaged files lie beside it "
                "already: check the disk, then move them away"
            )
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        aside = self.path.with_name(prefix + stamp)
        number = 1
        while aside.exists():
            number += 1
            aside = self.path.with_name(f"{prefix}{stamp}-{number}")
        try:
            self.path.rename(aside)
            # What is committed may stand only there.
            with contextlib.suppress(FileNotFoundError):
                log_file = self.path.with_name(self.path.name + "-wal")
                log_file.rename(aside.with_name(aside.name + "-wal"))
            with contextlib.suppress(FileNotFoundError):
                self.path.with_name(self.path.name + "-shm").unlink()
        except OSError as failed:
            raise StoreError(
                f"{self.path}: is damaged and cannot be moved aside: {failed}"
            ) from None
        self._claim.release()
        self.generation += 1
        log.error(
            "%s: is damaged (%s): it is now %s, and a new one is begun; "
            "`logcollector import` adds to it what can be read of the old one",
            self.path,
            str(error).removeprefix(f"{self.path}: "),
            aside.name,
        )
