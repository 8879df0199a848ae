"""The spool: frames on disk that the database could not take yet, in order.

A folder of segments. Frames are appended to the last one and read from the
first. How far they are in the database is told by a Position that the database
keeps, written in the same transaction as their records: so none is stored
twice, whenever the process dies. A segment goes when all of it is stored.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import stat
from pathlib import Path
from typing import Final, NamedTuple

from collector.store.reserve import keep_reserve, release_reserve
from collector.store.segment_numbers import (
    DAMAGED_SUFFIX,
    FIRST_SUFFIX,
    UNFINISHED_SUFFIX,
    lineage_of,
    new_lineage,
    next_number,
    parsed_name,
    segment_name,
)
from collector.store.segments import (
    START_BYTES,
    SpooledFrame,
    decoded,
    read_segment_start,
    segment_start,
)
from collector.store.spool_folder import FULL, PASSING, opened_folder

log = logging.getLogger("logcollector")

SEGMENT_BYTES: Final = 16 * 1024 * 1024

# A small bound has small segments, as room only comes by whole ones.
SEGMENTS_OF_BOUND: Final = 8

# How much is read at once, if no single frame is longer.
READ_BYTES: Final = 2 * 1024 * 1024

# After so many attempts a segment that can't be read is given up.
MAX_FAILED_READS: Final = 20

RESERVE_NAME: Final = "reserve"


class Position(NamedTuple):
    """A place in the spool: `offset` bytes into the segment of that number."""

    segment: int
    offset: int


START: Final = Position(0, 0)


class Spool:
    """The files of one spool. Everything blocks; not for two threads at once.

    `max_bytes` is kept by whoever appends: see `size_bytes`. What the file system
    refuses is raised as OSError, and then nothing has changed; but if its folder
    has been removed, it is not open any more.
    """

    def __init__(
        self,
        folder: Path,
        *,
        max_bytes: int,
        reserve_bytes: int,
        is_removable: bool = True,
    ) -> None:
        self.folder: Final = folder
        self._segment_bytes = min(SEGMENT_BYTES, max_bytes // SEGMENTS_OF_BOUND)
        self._reserve_bytes = reserve_bytes
        # Whether the folder is ours to remove, when it holds nothing.
        self._is_removable = is_removable
        self._folder: int | None = None
        # No segment of this spool has a lesser number.
        self._base = new_lineage()
        # Bytes of each segment by number, in order; some may be read already.
        self._sizes: dict[int, int] = {}
        self._damaged: set[int] = set()
        # The last segment, while it is appended to.
        self._file: int | None = None
        self._unsynced = False
        self._read = START
        # Behind the last frame that was returned by `read`.
        self._handed_out = START
        # Up to where everything was stored when it was opened.
        self.stored = START
        self._failed_reads = 0
        self.torn_bytes_total = 0
        self.damaged_segments_total = 0

    @property
    def is_open(self) -> bool:
        """Whether the folder is there and is ours."""
        return self._folder is not None

    @property
    def size_bytes(self) -> int:
        """How many bytes the segments take, read ones included."""
        return sum(self._sizes.values())

    @property
    def last_number(self) -> int:
        """The number of the last segment; 0 if there is none."""
        return next(reversed(self._sizes), 0)

    @property
    def has_segments(self) -> bool:
        """Whether any segment is there, read or not."""
        return bool(self._sizes)

    @property
    def is_read(self) -> bool:
        """Whether everything that was appended has been read."""
        return all(
            number < self._read.segment
            or (number == self._read.segment and size <= self._read.offset)
            for number, size in self._sizes.items()
        )

    def open(self) -> None:
        """Take the folder, made where there is none, and look what is in it.

        Raises StoreError when it is not ours to use, OSError when the file
        system has a fault that may pass.
        """
        folder = opened_folder(self.folder)
        try:
            self._folder = folder
            self._look()
        except BaseException:
            self._folder = None
            os.close(folder)
            raise

    def _look(self) -> None:
        sizes: dict[int, int] = {}
        firsts = []
        for name in sorted(os.listdir(self._folder)):  # noqa: PTH208 - of a descriptor
            found = parsed_name(name)
            entry = os.stat(name, dir_fd=self._folder, follow_symlinks=False)
            if not found or not stat.S_ISREG(entry.st_mode):
                continue
            number, suffix = found
            if suffix == UNFINISHED_SUFFIX:
                os.unlink(name, dir_fd=self._folder)
                continue
            sizes[number] = entry.st_size
            if suffix == FIRST_SUFFIX:
                firsts.append(number)
        self._sizes = sizes
        if sizes:
            self._base = lineage_of(self.last_number)
        for number in firsts:
            self._take_first(number)

    def keep_reserve(self) -> None:
        """Take space that is given back when the file system is full.

        Raises OSError where there is not enough of it.
        """
        if self._reserve_bytes and self._folder is not None:
            keep_reserve(RESERVE_NAME, self._reserve_bytes, self._folder)

    def append(self, frames: list[bytes]) -> None:
        """Add encoded frames; all of them, or none when OSError is raised.

        On a full file system the reserve is released first.
        """
        try:
            self._append(frames)
        except OSError as error:
            if error.errno == errno.ENOENT and not self._sizes:
                # Somebody has removed the folder; it can be made again.
                self._let_go()
            if error.errno not in FULL or not self.release_reserve():
                raise
            log.warning("%s: no space left; its reserve is released", self.folder)
            self._append(frames)

    def release_reserve(self) -> bool:
        """Give the reserved space back; tell whether there was any."""
        return release_reserve(RESERVE_NAME, self._folder)

    def _append(self, frames: list[bytes]) -> None:
        data = b"".join(frames)
        if self._sizes.get(self.last_number, 0) >= self._segment_bytes:
            self._end_segment()
        if self._file is None:
            self._begin_segment(self._next_number())
        assert self._file is not None
        number = self.last_number
        size = self._sizes[number]
        try:
            _write_all(self._file, data)
        except OSError:
            try:
                os.ftruncate(self._file, size)
            except OSError:
                # What is behind `size` must not be appended to.
                os.close(self._file)
                self._file = None
            raise
        self._unsynced = True
        self._sizes[number] = size + len(data)

    def _next_number(self) -> int:
        return next_number(max(self._base, self.last_number, self._read.segment))

    def _begin_segment(self, number: int) -> None:
        name = segment_name(number)
        file = self._opened(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND)
        try:
            _write_all(file, segment_start(0, 0))
        except OSError:
            os.close(file)
            os.unlink(name, dir_fd=self._folder)
            raise
        self._file = file
        self._sizes[number] = START_BYTES

    def _end_segment(self) -> None:
        if self._file is not None:
            try:
                self.sync()
            finally:
                os.close(self._file)
                self._file = None

    def sync(self) -> None:
        """Make what was appended outlast a power cut."""
        if self._unsynced and self._file is not None and self._folder is not None:
            os.fdatasync(self._file)
            # The names of new segments are in the folder.
            os.fsync(self._folder)
            self._unsynced = False

    def read(self) -> list[tuple[SpooledFrame, Position]]:
        """Read the next frames, each with the position behind it; [] at the end.

        What is damaged is counted, told and left out.
        """
        for number, size in self._sizes.items():
            if number < self._read.segment:
                continue
            offset = self._read.offset if number == self._read.segment else 0
            if offset >= size:
                self._read = max(self._read, Position(number, size))
                continue
            try:
                frames = self._read_segment(number, max(offset, START_BYTES), size)
            except OSError as error:
                if self._may_pass(error):
                    raise
                self._note_damage(number, offset, size, f"can't be read: {error}")
                continue
            self._failed_reads = 0
            if frames:
                self._handed_out = frames[-1][1]
                return frames
        return []

    def _may_pass(self, error: OSError) -> bool:
        """Tell whether it is worth trying again to read a segment."""
        if error.errno == errno.EIO:
            self._failed_reads += 1
            return self._failed_reads < MAX_FAILED_READS
        return error.errno in PASSING

    def _read_segment(
        self, number: int, offset: int, size: int
    ) -> list[tuple[SpooledFrame, Position]]:
        file = self._opened(segment_name(number), os.O_RDONLY)
        try:
            if read_segment_start(os.pread(file, START_BYTES, 0)) is None:
                self._note_damage(number, offset, size, "is no segment")
                return []
            while offset < size:
                piece = decoded(os.pread(file, min(READ_BYTES, size - offset), offset))
                if not piece.end and 0 < piece.needed <= size - offset:
                    piece = decoded(os.pread(file, piece.needed, offset))
                if piece.bad_frames:
                    self._note_bad_frames(number, piece.bad_frames)
                if piece.end:
                    start, offset = offset, offset + piece.end
                    self._read = Position(number, offset)
                    if piece.frames:
                        return [
                            (frame, Position(number, start + end))
                            for frame, end in piece.frames
                        ]
                elif piece.damaged:
                    self._note_damage(number, offset, size, "is damaged")
                    return []
                else:
                    self._note_torn(number, offset, size)
                    return []
        finally:
            os.close(file)
        self._read = Position(number, size)
        return []

    def _note_bad_frames(self, number: int, count: int) -> None:
        self._damaged.add(number)
        log.warning(
            "%s: %d damaged frames in %s are lost",
            self.folder,
            count,
            segment_name(number),
        )

    def _note_damage(self, number: int, offset: int, size: int, what: str) -> None:
        self._read = Position(number, size)
        self._failed_reads = 0
        self._damaged.add(number)
        self.damaged_segments_total += 1
        log.warning(
            "%s: %s %s; its %d bytes from byte %d on are lost",
            self.folder,
            segment_name(number),
            what,
            size - offset,
            offset,
        )

    def _note_torn(self, number: int, offset: int, size: int) -> None:
        self._read = Position(number, size)
        self.torn_bytes_total += size - offset
        log.warning(
            "%s: the last frame of %s was not written whole and is lost (%d bytes)",
            self.folder,
            segment_name(number),
            size - offset,
        )

    def skip_to(self, position: Position, batch: int) -> None:
        """Begin to read at the position up to which everything is stored.

        `batch` is the last one in the database: where a segment begins with its
        frames, they are skipped too. Can be done again when it raised OSError.
        """
        position = self._own(position)
        for number in self._sizes:
            start = self._segment_start(number)
            if start is not None and start[0] and start[0] == batch:
                position = max(position, Position(number, start[1]))
        self._read = self._handed_out = self.stored = max(position, self._read)

    def _own(self, position: Position) -> Position:
        """Return a position in this spool; START for one in another."""
        return position if lineage_of(position.segment) == self._base else START

    def _segment_start(self, number: int) -> tuple[int, int] | None:
        try:
            file = self._opened(segment_name(number), os.O_RDONLY)
        except OSError as error:
            if error.errno in PASSING:
                raise
            return None
        try:
            return read_segment_start(os.pread(file, START_BYTES, 0))
        finally:
            os.close(file)

    def forget(self, position: Position) -> None:
        """Remove the segments that are stored, damaged ones only from reading.

        `position` is up to where everything is in the database.
        """
        position = max(self._own(position), self.stored)
        all_stored = position >= self._handed_out
        for number, size in list(self._sizes.items()):
            is_read = Position(number, size) <= self._read
            if number >= position.segment and not (all_stored and is_read):
                break
            self._remove(number)

    def _remove(self, number: int) -> None:
        if self._file is not None and number == self.last_number:
            os.close(self._file)
            self._file = None
            self._unsynced = False
        name = segment_name(number)
        # Whoever took it away need not be told.
        with contextlib.suppress(FileNotFoundError):
            if number in self._damaged:
                self._rename(name, name + DAMAGED_SUFFIX)
            else:
                os.unlink(name, dir_fd=self._folder)
        self._damaged.discard(number)
        del self._sizes[number]

    def put_first(self, unsure: list[bytes], batch: int, frames: list[bytes]) -> None:
        """Put back what was read and not stored, in front of what was not read.

        `unsure` are the frames of the batch of that number, of which the
        database could not tell whether it is in it; `frames` come after those.
        Together they stand for all that `read` has returned since the last stored
        one, and what has to be stored between. Nothing can be read or appended
        afterwards.
        """
        self._end_segment()
        number, offset = self._read
        number = max(number, self._base)
        unsure_data = b"".join(unsure)
        start = segment_start(batch, START_BYTES + len(unsure_data))
        name = segment_name(number + 1)
        unfinished, finished = name + UNFINISHED_SUFFIX, name + FIRST_SUFFIX
        file = self._opened(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            for data in (start, unsure_data, b"".join(frames)):
                _write_all(file, data)
            # The rest of a segment that was read in part, and what stands where
            # this one is to stand.
            for copied, begin in ((number, offset), (number + 1, 0)):
                if copied in self._sizes:
                    self._copy_rest(segment_name(copied), begin, file)
            os.fsync(file)
        finally:
            os.close(file)
        self._rename(unfinished, finished)
        self._sizes = {
            **self._sizes,
            number + 1: os.stat(finished, dir_fd=self._folder).st_size,
        }
        self._take_first(number + 1)

    def _take_first(self, number: int) -> None:
        """Let a segment of `put_first` stand for all that were there before it."""
        for read in [each for each in self._sizes if each < number]:
            self._remove(read)
        name = segment_name(number)
        self._rename(name + FIRST_SUFFIX, name)
        if self._folder is not None:
            os.fsync(self._folder)

    def _rename(self, old: str, new: str) -> None:
        os.rename(old, new, src_dir_fd=self._folder, dst_dir_fd=self._folder)

    def _copy_rest(self, name: str, offset: int, target: int) -> None:
        offset = max(offset, START_BYTES)
        source = self._opened(name, os.O_RDONLY)
        try:
            while data := os.pread(source, READ_BYTES, offset):
                _write_all(target, data)
                offset += len(data)
        finally:
            os.close(source)

    def close(self) -> None:
        """Let go of the folder, which is removed where it holds nothing."""
        if self._folder is None:
            return
        with contextlib.suppress(OSError):
            self._end_segment()
        with contextlib.suppress(OSError):
            os.unlink(RESERVE_NAME, dir_fd=self._folder)
        if self._is_removable:
            with contextlib.suppress(OSError):
                self.folder.rmdir()
        self._let_go()

    def _let_go(self) -> None:
        if self._folder is not None:
            os.close(self._folder)
            self._folder = None

    def _opened(self, name: str, flags: int) -> int:
        # Not to wait for ever for the other end of a pipe that somebody put there.
        flags |= os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        return os.open(name, flags, 0o600, dir_fd=self._folder)


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
