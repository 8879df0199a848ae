"""The pruner: removes what has had its time, in small steps beside the writer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

from collector.errors import StoreError
from collector.store.backlog import Backlog
from collector.store.disk import free_bytes
from collector.store.failures import is_full, is_input_output, is_locked
from collector.store.prune_run import PruneRun
from collector.store.reserve import keep_reserve, release_reserve
from collector.store.retention import Policy
from collector.store.writable import WritableDatabase, checkpoint

log = logging.getLogger("logcollector")

# Between two runs.
LOOK_SECONDS: Final = 5.0

# Steps take at most this part of the time of SQLite's thread, less while the writer
# has more to do than it can.
BUSY_SHARE: Final = 0.5
LOADED_SHARE: Final = 0.3

# The reserve is taken again once there is so many times as much space.
RENEWAL_FACTOR: Final = 2

# A file system with less room than this is full: SQLite may need as much to
# remove anything.
FULL_BYTES: Final = 8 * 1024 * 1024


class Pruner:
    """Keeps a database to a policy.

    With a policy a file of `reserve_bytes` is kept beside the database, and given
    back when the file system is full, since removing takes space at first.
    `removed_total` counts records as they go, by what they exceeded. `run` may be
    cancelled at any time.
    """

    def __init__(
        self,
        database: WritableDatabase,
        policy: Policy,
        *,
        backlog: Backlog,
        reserve_bytes: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._policy = policy
        self._changed = asyncio.Event()
        self._backlog = backlog
        self._reserve_bytes = reserve_bytes
        self._reserve = Path(f"{database.path}-reserve")
        self._clock = clock
        self._run: PruneRun | None = None
        self._fault = ""
        # Since orphans were looked for.
        self._removed = 0
        self._step_seconds = 0.0
        self.removed_total: Counter[str] = Counter()

    async def run(self) -> None:
        """Look after the database for ever."""
        while True:
            self._changed.clear()
            await self.look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._changed.wait()

    def change(self, policy: Policy) -> None:
        """Go by another policy from now on."""
        self._policy = policy
        self._changed.set()

    async def look(self) -> None:
        """Remove what has had its time, if there is any."""
        if not self._policy:
            release_reserve(self._reserve)
            return
        self._end_run()
        try:
            more = True
            while more:
                more = await self._database.run(self._step)
                await asyncio.sleep(self._pause())
        except (sqlite3.Error, StoreError, MemoryError) as error:
            self._note_fault(str(error))
        else:
            self._note_fault("")
        finally:
            self._end_run()
        await asyncio.to_thread(self._keep_reserve)

    def _step(self, connection: sqlite3.Connection) -> bool:
        """Do a step of a run, in SQLite's thread; tell whether there was one."""
        began = time.monotonic()
        try:
            return self._present_run(connection).step()
        except sqlite3.Error as error:
            if is_locked(error):
                # By another process: after the pause it may not be.
                self._end_run()
                return True
            if not self._means_full(error):
                raise
            self._make_room(connection)
            # At once, or others take it.
            self._end_run()
            return self._present_run(connection).step()
        finally:
            if self._is_full():
                # What was freed is in the log only, and that takes space itself.
                with contextlib.suppress(sqlite3.Error):
                    checkpoint(connection)
            self._step_seconds = time.monotonic() - began

    def _make_room(self, connection: sqlite3.Connection) -> None:
        """Make room for a step on a full file system, if there is any to be had."""
        if release_reserve(self._reserve):
            log.warning(
                "%s: no space left; the reserve of retention is released",
                self._database.path,
            )
        with contextlib.suppress(sqlite3.Error):
            checkpoint(connection)

    def _present_run(self, connection: sqlite3.Connection) -> PruneRun:
        if self._run is None or not self._run.is_of(self._policy, connection):
            self._end_run()
            self._run = PruneRun(
                self._policy,
                connection,
                clock=self._clock,
                removed_before=self._removed,
                total=self.removed_total,
            )
        return self._run

    def _end_run(self) -> None:
        """Remember how much a run has removed, also one that failed."""
        run, self._run = self._run, None
        if run is None:
            return
        self._removed += run.removed.total()
        if run.has_looked_for_orphans:
            self._removed = 0

    def _pause(self) -> float:
        share = LOADED_SHARE if self._backlog.waiting_records else BUSY_SHARE
        return self._step_seconds * (1 / share - 1)

    def _is_full(self) -> bool:
        free = free_bytes(self._database.path)
        return free is not None and free < FULL_BYTES

    def _means_full(self, error: sqlite3.Error) -> bool:
        """Tell whether an error is for want of space, which is not always said."""
        return is_full(error) or (is_input_output(error) and self._is_full())

    def _keep_reserve(self) -> None:
        free = free_bytes(self._database.path)
        if not self._reserve_bytes:
            return
        if free is None or free >= self._reserve_bytes * RENEWAL_FACTOR:
            # Without it, nothing is worse than without retention.
            with contextlib.suppress(OSError):
                keep_reserve(self._reserve, self._reserve_bytes)

    def _note_fault(self, fault: str) -> None:
        """Say once what keeps it from removing, and once that it is over."""
        if fault and not self._fault:
            log.warning(
                "%s: what is too old or too much cannot be removed: %s; trying again",
                self._database.path,
                fault,
            )
        elif self._fault and not fault:
            log.warning("%s: retention works again", self._database.path)
        self._fault = fault
