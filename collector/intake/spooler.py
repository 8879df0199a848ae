"""The spooler: a task that moves frames into the spool, and back to the backlog."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from collector.errors import StoreError
from collector.intake.overflow import Overflow
from collector.intake.receiver import Receiver
from collector.record import Record, attributes_of
from collector.store.backlog import Backlog
from collector.store.segments import SpooledFrame, decoded, encoded
from collector.store.spool import START, Position, Spool
from collector.store.writer import Writer

log = logging.getLogger("logcollector")

Result = TypeVar("Result")

# How often it looks for something to do while the spool is in use.
TURN_SECONDS: Final = 0.02

# Frames that are decoded before the loop has its turn.
LEAST_A_TURN: Final = 200
MOST_A_TURN: Final = 8000

# Between two attempts at a file system that refuses.
RETRY_SECONDS: Final = 0.5
# A call that takes longer is not waited for by connections.
PATIENCE_SECONDS: Final = 0.3

RESERVE_SECONDS: Final = 10.0


class Spooler:
    """Runs the spool: appends what is pending, reads back when there is room.

    Ends by `stop`, and is never cancelled. What the file system refuses stays
    pending in memory, and is tried again.
    """

    def __init__(
        self,
        spool: Spool,
        overflow: Overflow,
        *,
        receiver: Receiver,
        backlog: Backlog,
        writer: Writer,
        sync_seconds: float,
    ) -> None:
        self._spool = spool
        self._overflow = overflow
        self._receiver = receiver
        self._backlog = backlog
        self._writer = writer
        self.sync_seconds = sync_seconds
        # Read and not yet decoded.
        self._frames: list[tuple[SpooledFrame, Position]] = []
        self._is_positioned = False
        self._forgotten = START
        # Segments up to this one are of an earlier run.
        self._recovered_to = 0
        self._synced_at = 0.0
        self._retry_at = 0.0
        self._has_reserve = True
        self._stopping = False
        self._working_since: float | None = None
        overflow.is_stuck = lambda: bool(self.fault) or self.is_hung(PATIENCE_SECONDS)
        self._replayed_total = 0
        # Of those and the recovered ones, how many have been told of.
        self._told_passed = 0
        # Of the frames that came in, those before its last turn.
        self._spilled_before = 0
        # What keeps it from writing; "" while nothing does.
        self.fault = ""
        # False once a sync has failed: nobody knows what became of those frames,
        # though the next sync may find nothing to do.
        self._can_sync = True
        # What was said of it last.
        self._said = ""

    @property
    def waiting_records(self) -> int:
        """How many frames of this run wait in the spool or on their way there."""
        overflow = self._overflow
        return overflow.spilled_total - self._replayed_total

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits, in memory or on disk."""
        return (
            not self._frames
            and not self._overflow.pending_bytes
            and not self._spool.has_segments
        )

    def is_hung(self, seconds: float) -> bool:
        """Tell whether one call of the file system has been going on for so long."""
        since = self._working_since
        return since is not None and time.monotonic() - since > seconds

    async def open(self) -> None:
        """Take the spool's folder. Raises StoreError when it can't be ours."""
        await self._attempt(self._open)
        if self._spool.is_open:
            await self._find_position()
        if self._spool.has_segments:
            self._overflow.start(f"{self._spool.folder} holds records")

    def _open(self) -> None:
        self._spool.open()
        self._recovered_to = self._spool.last_number
        self._take_reserve()

    def _take_reserve(self) -> None:
        """Have the spool keep its reserve; say once that it can't."""
        try:
            self._spool.keep_reserve()
        except OSError as error:
            if self._has_reserve:
                log.warning(
                    "%s: cannot take its reserve (spool_reserve_bytes): %s",
                    self._spool.folder,
                    error.strerror,
                )
            self._has_reserve = False
        else:
            self._has_reserve = True

    async def run(self) -> None:
        """Work until told to stop."""
        while not self._stopping:
            if not self._overflow.active and not self._spool.has_segments:
                self._tell_empty()
                await self._wait_for_work()
                self._can_sync = True
            if await self.turn():
                continue
            if self.fault:
                await asyncio.sleep(TURN_SECONDS)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TURN_SECONDS):
                    await self._overflow.arrived.wait()

    def _tell_empty(self) -> None:
        passed = self._replayed_total + self._receiver.recovered_total
        if passed > self._told_passed:
            log.info(
                "the spool is empty again; %d records went through it",
                passed - self._told_passed,
            )
        self._told_passed = passed

    async def turn(self) -> bool:
        """Do what can be done now; tell whether anything was."""
        appended = await self._append_pending()
        replayed = await self._replay()
        await self._forget()
        self._overflow.spool_bytes = self._spool.size_bytes
        if self._receiver.is_shedding and not self._overflow.is_full:
            self._receiver.end_shedding()
        if (
            self._overflow.active
            and not self._overflow.pending_bytes
            and not self._frames
            and self._spool.is_read
            and not self._writer.stalled
        ):
            # Nothing came between: no await since the last look.
            self._overflow.stop()
            lost = self.waiting_records
            if lost:
                # It was said what of the spool is damaged.
                self._replayed_total += lost
                self._receiver.lose("spool_damaged", lost)
        return appended or replayed

    async def _append_pending(self) -> bool:
        overflow, spool = self._overflow, self._spool
        if time.monotonic() < self._retry_at:
            return False
        frames = overflow.take_pending()
        is_appended = False
        try:
            is_appended = not frames or await self._attempt(
                lambda: self._append(frames)
            )
        finally:
            if not is_appended:
                overflow.put_back(frames)
        if not is_appended:
            return False
        overflow.appended(frames, spool.size_bytes)
        self._backlog.room.set()
        if time.monotonic() - self._synced_at >= self.sync_seconds:
            self._synced_at = time.monotonic()
            await self._sync()
        return bool(frames)

    async def _sync(self) -> None:
        """Sync the spool; that it can't is no reason to keep frames in memory."""
        try:
            await self._timed(self._spool.sync)
        except OSError as error:
            if not self._can_sync:
                return
            self._can_sync = False
            log.warning(
                "%s: cannot be synced: %s; a power cut could lose what waits there",
                self._spool.folder,
                error.strerror,
            )

    def _append(self, frames: list[bytes]) -> None:
        if not self._spool.is_open:
            self._open()
        self._spool.append(frames)

    async def _replay(self) -> bool:
        """Give the backlog what it has room for, from the front of the spool."""
        if self._writer.stalled or self._backlog.is_full:
            return False
        if not self._spool.is_open:
            return await self._take_back_refused()
        if not self._is_positioned and not await self._find_position():
            return False
        if not self._frames and not self._spool.is_read:
            self._frames = await self._in_thread(self._spool.read) or []
        frames = self._frames
        if frames:
            await self._take_back()
            return True
        return self._spool.is_read and await self._take_back_refused()

    async def _take_back(self) -> None:
        receiver, backlog, overflow = self._receiver, self._backlog, self._overflow
        while self._frames and not backlog.is_full:
            # Twice what has come in: so a flood can't fill the spool while the
            # database works, as it has to share the loop's time.
            came = overflow.spilled_total - self._spilled_before
            self._spilled_before = overflow.spilled_total
            count = min(max(LEAST_A_TURN, 2 * came), MOST_A_TURN)
            turn, self._frames = self._frames[:count], self._frames[count:]
            for frame, position in turn:
                receiver.take_back(
                    frame.payload, frame.received, frame.peer, frame.hostname
                )
                backlog.mark(position.segment, position.offset)
                if position.segment <= self._recovered_to:
                    receiver.recovered_total += 1
                else:
                    self._replayed_total += 1
            await asyncio.sleep(0)

    async def _take_back_refused(self) -> bool:
        """Give the backlog what the spool's disk refuses, if the database works."""
        overflow, backlog = self._overflow, self._backlog
        if not self.fault or not overflow.pending:
            return False
        while overflow.pending and not backlog.is_full:
            frames = overflow.take_pending()
            turn = frames[:LEAST_A_TURN]
            overflow.put_back(frames[LEAST_A_TURN:])
            for frame, _ in decoded(b"".join(turn)).frames:
                self._receiver.take_back(
                    frame.payload, frame.received, frame.peer, frame.hostname
                )
            overflow.appended(turn, self._spool.size_bytes)
            self._replayed_total += len(turn)
            await asyncio.sleep(0)
        return True

    async def _find_position(self) -> bool:
        """Ask the database how far it has the spool; tell if it answered."""
        writer = self._writer
        if not await writer.find_state():
            return False
        position, batch = Position(*writer.spool_position), writer.found_batch

        def skip() -> bool:
            self._spool.skip_to(position, batch)
            return True

        self._is_positioned = await self._in_thread(skip) or False
        if not self._is_positioned:
            return False
        if self._spool.stored > position:
            # Told by the batch, which may be another one soon.
            self._backlog.mark(*self._spool.stored)
        await self._forget()
        return True

    async def _forget(self) -> None:
        position = Position(*self._writer.spool_position)
        if (
            self._spool.has_segments
            and self._is_positioned
            and (position != self._forgotten or not self._overflow.active)
        ):
            self._forgotten = position
            await self._in_thread(lambda: self._spool.forget(position))

    async def _wait_for_work(self) -> None:
        """Wait until records go to the spool, and renew its reserve meanwhile."""
        while not self._overflow.arrived.is_set():
            if self._spool.is_open:
                await self._timed(self._take_reserve)
            else:
                await self.open()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RESERVE_SECONDS):
                    await self._overflow.arrived.wait()

    async def drain(self, seconds: float) -> None:
        """Let everything go to the database, as long as that is possible."""
        deadline = time.monotonic() + seconds
        while not self.is_idle and not self._writer.stalled:
            if time.monotonic() >= deadline:
                return
            await asyncio.sleep(TURN_SECONDS)

    def stop(self) -> None:
        """Let `run` end."""
        self._stopping = True
        self._overflow.arrived.set()

    async def finish(self, records: list[Record]) -> bool:
        """Keep for the next start what is not stored, then close the spool.

        `records` were given to the backlog and never stored. After `run` has
        ended. Returns False if the file system would not take all of it.
        """
        if self._receiver.is_shedding and self._overflow.active:
            # What tells of a loss is not to be lost for want of room.
            self._overflow.lift_bounds()
            self._receiver.end_shedding()
        self._receiver.closed = True
        pending = self._overflow.take_pending()
        read = [
            encoded(frame.payload, frame.received, frame.peer, frame.hostname)
            for frame, _ in self._frames
        ]
        batch, count = self._writer.unsure_batch

        def keep() -> None:
            if not self._spool.is_open:
                self._spool.open()
            self._spool.release_reserve()
            frames = [_as_frame(record) for record in records]
            if frames and not self._is_positioned:
                # Nothing has been read, so nobody knows what stands before them.
                self._spool.append(frames)
            if pending:
                self._spool.append(pending)
            if self._is_positioned and (frames or read):
                self._spool.put_first(frames[:count], batch, frames[count:] + read)

        try:
            kept = not (pending or records or read) or await self._attempt(keep)
        except StoreError as error:
            # Only now it was to be opened, and it isn't ours.
            log.error("%s", error)
            kept = False
        await self._timed(self._spool.close)
        return kept

    async def _attempt(self, work: Callable[[], None]) -> bool:
        """Do something with the files; note whether that can be done."""
        try:
            await self._timed(work)
        except OSError as error:
            self._retry_at = time.monotonic() + RETRY_SECONDS
            if not self.fault:
                log.warning(
                    "%s: cannot be written: %s; records wait in memory",
                    self._spool.folder,
                    error.strerror,
                )
            self.fault = error.strerror or str(error)
            return False
        if self.fault:
            self.fault = ""
            log.warning("%s: can be written again", self._spool.folder)
        return True

    async def _in_thread(self, work: Callable[[], Result]) -> Result | None:
        """Do something with the files; None where they refuse, which is said once."""
        try:
            done = await self._timed(work)
        except OSError as error:
            if str(error) != self._said:
                log.warning("%s: %s; trying again", self._spool.folder, error)
            self._said = str(error)
            await asyncio.sleep(RETRY_SECONDS)
            return None
        self._said = ""
        return done

    async def _timed(self, work: Callable[[], Result]) -> Result:
        self._working_since = time.monotonic()
        try:
            return await asyncio.to_thread(work)
        finally:
            self._working_since = None


def _as_frame(record: Record) -> bytes:
    """Return a record as a frame whose payload makes the same record again."""
    payload = msgspec.msgpack.encode(attributes_of(record))
    return encoded(payload, record.received, record.peer, record.hostname)
