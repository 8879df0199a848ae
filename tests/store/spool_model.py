"""A spool, a database and a process that may die at any call, beside a model."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from collector.store.segments import encoded
from collector.store.spool import START, Position, Spool


class Killed(BaseException):
    """The process died here."""


@contextmanager
def dying(calls: int) -> Iterator[None]:
    """Die at that call of the file system, having written half of it."""
    left = calls

    def counted(name: str):
        real = getattr(os, name)

        def call(*args, **options):
            nonlocal left
            left -= 1
            if left >= 0:
                return real(*args, **options)
            if name == "write":
                real(args[0], args[1][: len(args[1]) // 2])
            raise Killed

        return mock.patch.object(os, name, call)

    with counted("write"), counted("rename"), counted("unlink"), counted("fsync"):
        yield


@contextmanager
def full(calls: int) -> Iterator[None]:
    """Let the file system be full from that call on; half of it still fits."""
    real = os.write
    left = calls

    def write(file: int, data: memoryview) -> int:
        nonlocal left
        left -= 1
        if left >= 0:
            return real(file, data)
        if left == -1 and len(data) > 1:
            return real(file, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    with mock.patch.object(os, "write", write):
        yield


def frame_of(number: int) -> bytes:
    """Return a frame with a number; their lengths differ."""
    return encoded(b"%d" % number + b"." * (number % 7 * 20), 1.0, "p", "h")


def abandon(spool: Spool) -> None:
    """Let go of a spool as the death of its process does."""
    for file in (spool._file, spool._folder):
        if file is not None:
            os.close(file)
    spool._file = spool._folder = None


@dataclass
class Waiting:
    """A frame that waits; one in doubt may be gone, as nobody said it was kept."""

    number: int
    in_doubt: bool = False


class Model:
    """What should be in the spool and in the database, and what is.

    Each frame has a number. `unread` are the frames that `read` returns next,
    `handed` those that it has returned and that are not stored.
    """

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self.numbers = iter(range(1 << 60))
        self.unread: list[Waiting] = []
        self.handed: list[tuple[int, Position]] = []
        # What the database would hold.
        self.position = START
        self.batch = 0
        # No number is met again, whatever became of it.
        self.batches = iter(range(1, 1 << 60))
        self.start()

    def start(self) -> None:
        """Start as the daemon does; what was not stored is read again."""
        self.unread[:0] = [Waiting(number) for number, _ in self.handed]
        self.handed = []
        self.spool = Spool(self.folder, max_bytes=self.max_bytes, reserve_bytes=0)
        self.spool.open()
        self.spool.skip_to(self.position, self.batch)
        self.spool.forget(self.position)

    def crash(self) -> None:
        abandon(self.spool)
        self.start()

    def new(self, count: int) -> list[int]:
        return [next(self.numbers) for _ in range(count)]

    def append(self, count: int) -> None:
        added = self.new(count)
        self.spool.append([frame_of(number) for number in added])
        self.unread += [Waiting(number) for number in added]

    def append_and_die(self, count: int, calls: int) -> None:
        added = self.new(count)
        try:
            with dying(calls):
                self.spool.append([frame_of(number) for number in added])
        except Killed:
            self.unread += [Waiting(number, in_doubt=True) for number in added]
            self.crash()
        else:
            self.unread += [Waiting(number) for number in added]

    def append_when_full(self, count: int, calls: int) -> None:
        added = self.new(count)
        try:
            with full(calls):
                self.spool.append([frame_of(number) for number in added])
        except OSError:
            # As said: nothing has changed.
            pass
        else:
            self.unread += [Waiting(number) for number in added]

    def read(self) -> None:
        """Read once; exactly the frames that come next have to come."""
        read = self.spool.read()
        for frame, position in read:
            number = int(frame.payload.rstrip(b"."))
            while self.unread and self.unread[0].number != number:
                assert self.unread[0].in_doubt, (number, self.unread, self.handed)
                self.unread.pop(0)
            assert self.unread, f"{number} was not to come"
            assert encoded(
                frame.payload, frame.received, frame.peer, frame.hostname
            ) == frame_of(number)
            self.unread.pop(0)
            self.handed.append((number, position))
        if not read:
            assert all(one.in_doubt for one in self.unread), self.unread
            self.unread = []
            assert self.spool.is_read

    def store(self, count: int) -> None:
        """Store a batch of what was read; its position is in the transaction."""
        batch, self.handed = self.handed[:count], self.handed[count:]
        self.batch = next(self.batches)
        # What skip_to found comes with whatever is stored next.
        self.position = max(self.position, self.spool.stored)
        if batch:
            self.position = batch[-1][1]

    def forget(self) -> None:
        self.spool.forget(self.position)

    def forget_and_die(self, calls: int) -> None:
        try:
            with dying(calls):
                self.spool.forget(self.position)
        except Killed:
            self.crash()

    def stop(self, direct: int, unsure: int, *, committed: bool) -> None:
        """Stop with records in memory, and a COMMIT of which nobody knows."""
        waiting = [number for number, _ in self.handed] + self.new(direct)
        frames = [frame_of(number) for number in waiting]
        batch = next(self.batches)
        self.spool.put_first(frames[:unsure], batch, frames[unsure:])
        self.spool.close()
        if committed:
            self.batch = batch
            stored = self.handed[:unsure]
            if stored:
                self.position = stored[-1][1]
            waiting = waiting[unsure:]
        self.handed = []
        self.unread[:0] = [Waiting(number) for number in waiting]
        self.start()

    def stop_and_fail(self, direct: int, calls: int, *, is_killed: bool) -> None:
        """Be killed at the stop, or find the disk full; records may be lost."""
        waiting = [number for number, _ in self.handed]
        added = self.new(direct)
        frames = [frame_of(number) for number in waiting + added]
        try:
            with dying(calls) if is_killed else full(calls):
                self.spool.put_first([], 0, frames)
        except Killed:
            abandon(self.spool)
        except OSError:
            self.spool.close()
        else:
            self.spool.close()
        self.handed = []
        self.unread[:0] = [
            *[Waiting(number) for number in waiting],
            *[Waiting(number, in_doubt=True) for number in added],
        ]
        self.start()

    def finish(self) -> None:
        """Read and store all; nothing may be left, lost or doubled."""
        while not self.spool.is_read or any(not one.in_doubt for one in self.unread):
            self.read()
        self.store(len(self.handed))
        self.forget()
        assert not self.spool.has_segments
        self.spool.close()
        assert not self.folder.exists()
