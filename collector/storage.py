"""The storage: the database with all that writes to it, started and stopped."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any, Final

from collector.commit_times import CommitTimes
from collector.errors import StoreError
from collector.intake.overflow import Overflow
from collector.intake.receiver import Receiver
from collector.intake.spooler import Spooler
from collector.retaining import retention_policy
from collector.settings import Settings
from collector.store.backlog import Backlog
from collector.store.checkpointer import Checkpointer
from collector.store.indexer import Indexer
from collector.store.pruner import Pruner
from collector.store.spool import Spool
from collector.store.writable import WritableDatabase
from collector.store.writer import NoTimeLeft, Writer

log = logging.getLogger("logcollector")

# The part of a stop's time that is kept to spool what could not be stored, and
# to close.
KEEP_SHARE: Final = 0.2

# How long after that a call of a disk is waited for.
HANGING_SECONDS: Final = 5.0


class Storage:
    """Stores what the backlog is given, with a spool for what it can't take.

    After `open` the writer runs, after `open_spool` the spooler does.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        path = Path(settings.db).absolute()
        self.database: Final = WritableDatabase(path, synchronous=settings.synchronous)
        self.backlog: Final = Backlog(
            high_records=settings.queue_high_records,
            high_bytes=settings.queue_high_bytes,
        )
        self.writer: Final = Writer(
            self.database,
            self.backlog,
            batch_records=settings.batch_records,
            flush_interval_seconds=settings.flush_interval_seconds,
            max_rejects=settings.max_rejects,
        )
        self.commits: Final = CommitTimes()
        self.writer.observe_commit = self.commits.observe
        self.overflow: Final = (
            Overflow(max_bytes=settings.spool_max_bytes)
            if settings.spool_max_bytes
            else None
        )
        if self.overflow is not None:
            self.writer.on_fault = self.overflow.start
        self.indexer: Final = (
            Indexer(self.database, backlog=self.backlog, writer=self.writer)
            if settings.search_index
            else None
        )
        self.pruner: Final = Pruner(
            self.database,
            retention_policy(settings),
            backlog=self.backlog,
            reserve_bytes=settings.retention_reserve_bytes,
        )
        self.spooler: Spooler | None = None
        self._receiver: Receiver | None = None
        # Whether a thread was left behind in a call that does not end.
        self.is_stuck = False
        # Those that end by themselves, and those that are cancelled.
        self._writing: asyncio.Task[None] | None = None
        self._spooling: asyncio.Task[None] | None = None
        self._helping: list[asyncio.Task[None]] = []

    @property
    def running(self) -> set[asyncio.Task[None]]:
        """The tasks whose end, unasked, is a failure."""
        return {task for task in (self._writing, self._spooling) if task is not None}

    @property
    def has_failed(self) -> bool:
        """Whether nothing is written any more."""
        return self._writing is not None and self._writing.done()

    def is_hung(self, seconds: float) -> bool:
        """Tell whether one call of a disk has been going on for so long."""
        return self.writer.is_hung(seconds) or (
            self.spooler is not None and self.spooler.is_hung(seconds)
        )

    def change(self, settings: Settings) -> None:
        """Take new settings, as far as they can change."""
        self.writer.batch_records = settings.batch_records
        self.writer.flush_interval_seconds = settings.flush_interval_seconds
        self.writer.max_rejects = settings.max_rejects
        self.pruner.change(retention_policy(settings))
        if self.spooler is not None:
            self.spooler.sync_seconds = settings.spool_sync_seconds

    async def open(self) -> None:
        """Open the database and begin to write. Raises StoreError."""
        await self.writer.open()
        self._writing = asyncio.create_task(self.writer.run())
        helpers = [Checkpointer(self.database).run(), self.pruner.run()]
        if self.indexer is not None:
            helpers.append(self.indexer.run())
        self._helping = [asyncio.create_task(helper) for helper in helpers]
        for task in self._helping:
            task.add_done_callback(tell_failure)

    async def open_spool(self, receiver: Receiver) -> None:
        """Take the spool; what an earlier run left there comes first.

        Raises StoreError when it can't be ours.
        """
        settings = self._settings
        folder = Path(settings.spool or f"{self.database.path}-spool")
        if self.overflow is None:
            if any(folder.glob("*.frames")):  # noqa: ASYNC240 - one folder, once
                log.warning(
                    "%s: records of an earlier run stay there, as there is to be no "
                    "spool; let them in with spool_max_bytes",
                    folder,
                )
            return
        self.spooler = Spooler(
            Spool(
                folder.absolute(),  # noqa: ASYNC240 - no I/O
                max_bytes=settings.spool_max_bytes,
                reserve_bytes=settings.spool_reserve_bytes,
                # A folder that somebody chose stays as it was made.
                is_removable=not settings.spool,
            ),
            self.overflow,
            receiver=receiver,
            backlog=self.backlog,
            writer=self.writer,
            sync_seconds=settings.spool_sync_seconds,
        )
        await self.spooler.open()
        self._spooling = asyncio.create_task(self.spooler.run())

    def stopping(self) -> None:
        """Leave all time to what has to be written."""
        for task in self._helping:
            task.cancel()

    async def finish(self, deadline: float) -> StoreError | None:
        """Write all that was received, or spool it, and close the files.

        `deadline` is in the loop's time. Returns what is to be told of a failure.
        """
        if self._writing is None:
            return None
        loop = asyncio.get_running_loop()
        deadline -= KEEP_SHARE * self._settings.stop_timeout_seconds
        if self.spooler is not None and self._spooling is not None:
            if not self._writing.done():
                await self.spooler.drain(max(0.0, deadline - loop.time()))
            self.spooler.stop()
            await self._wait(self._spooling, deadline + HANGING_SECONDS)
        self.backlog.close()
        await asyncio.wait({self._writing}, timeout=max(0.0, deadline - loop.time()))
        if not self._writing.done():
            self.writer.give_up(leave_rest=self.spooler is not None)
            if not await self._wait(self._writing, deadline + HANGING_SECONDS):
                self.writer.abandon()
        error = _failure(self._writing, "writer")
        if self._spooling is not None:
            error = error or _failure(self._spooling, "spooler")
        lost = await self._keep_rest()
        if self._writing.done():
            await self.database.finish()
        if self.is_stuck:
            error = error or StoreError("a disk does not answer; it was not waited for")
        if lost:
            log.error("%d records could not be kept, and are lost", lost)
            return error or StoreError(f"{lost} records are lost")
        # Records that are safe are no failure.
        return None if isinstance(error, NoTimeLeft) else error

    async def _wait(self, task: asyncio.Task[Any], until: float) -> bool:
        """Wait for a task that may hang in a call of a disk; tell if it ended."""
        left = max(0.0, until - asyncio.get_running_loop().time())
        await asyncio.wait({task}, timeout=left)
        self.is_stuck = self.is_stuck or not task.done()
        return task.done()

    async def _keep_rest(self) -> int:
        """Spool what could not be stored; return how many records are lost."""
        rest = self.backlog.take(self.backlog.waiting_records).records
        if self.spooler is None and self._receiver is not None:
            self._receiver.closed = True
        if self.spooler is None:
            return len(rest)
        waiting = len(rest) + self.spooler.waiting_records
        if self._spooling is not None and not self._spooling.done():
            return waiting
        keeping = asyncio.create_task(self.spooler.finish(rest))
        until = asyncio.get_running_loop().time() + HANGING_SECONDS
        if not await self._wait(keeping, until) or not keeping.result():
            return waiting
        if waiting:
            log.warning("%d records wait in the spool for the next start", waiting)
        return 0


def tell_failure(task: asyncio.Task[None]) -> None:
    """Say that a task which helps the writer has failed, where nobody waits for it."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error(
            "%s has failed, and is not done until the next start",
            getattr(task.get_coro(), "__qualname__", task.get_name()),
            exc_info=error,
        )


def _failure(task: asyncio.Task[None], name: str) -> StoreError | None:
    """Return why a part of the store has ended; None if as it was asked, or not."""
    error = task.exception() if task.done() else None
    if error is None or isinstance(error, StoreError):
        return error
    log.error("the %s failed", name, exc_info=error)
    return StoreError(f"the {name} failed: {error!r}")
