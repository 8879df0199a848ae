"""A part file: an export on its way, which an interruption does not spoil.

What is exported to FILE is first in FILE.part, and FILE.part.json notes of
which export it is and up to where it is whole and on the disk. The same export
called again cuts off what is behind that and goes on. FILE itself is there
only when it is complete.
"""

from __future__ import annotations

import fcntl
import gzip
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from collector.errors import TransferError

# What is exported may be read by whom the database may be read by.
FILE_MODE: Final = 0o640

# How often it is made sure that what is written need not be written again.
SYNC_SECONDS: Final = 2.0
SYNC_BYTES: Final = 64 * 1024 * 1024

# Fast, and half the size of level 1's is not worth three times the time.
GZIP_LEVEL: Final = 1

MAX_NOTE_BYTES: Final = 1024 * 1024


class Note(msgspec.Struct, forbid_unknown_fields=True):
    """Which export a part file is of, and how far it is.

    asked: the query as it was written; at: the epoch second for which its
    times were worked out. last_id: of the last record in the first
    `size_bytes`.
    """

    database: str
    asked: str
    at: float
    format: str
    last_id: int = 0
    size_bytes: int = 0


class PartFile:
    """The part file of one export. Use `open_part`."""

    def __init__(self, target: Path, file: int, note: Note) -> None:
        self._target = target
        self._file = file
        self.note: Final = note
        self._compresses = target.suffix == ".gz"
        self._size_bytes = note.size_bytes
        self._last_id = note.last_id
        self._unsynced_bytes = 0
        self._synced_at = time.monotonic()

    def write(self, data: bytes, last_id: int) -> None:
        """Write what holds all records up to `last_id` that are not there yet."""
        if self._compresses:
            # Members of their own, so that it can be cut between any two.
            data = gzip.compress(data, GZIP_LEVEL, mtime=0)
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]
        self._size_bytes += len(data)
        self._unsynced_bytes += len(data)
        self._last_id = last_id
        late = time.monotonic() - self._synced_at > SYNC_SECONDS
        if late or self._unsynced_bytes > SYNC_BYTES:
            self.sync()

    def sync(self) -> None:
        """Bring what is written to the disk, and note that."""
        os.fsync(self._file)
        self.note.size_bytes = self._size_bytes
        self.note.last_id = self._last_id
        write_note(note_of(self._target), self.note)
        self._unsynced_bytes = 0
        self._synced_at = time.monotonic()

    def finish(self) -> None:
        """Make it the file that was asked for."""
        os.fsync(self._file)
        part_of(self._target).replace(self._target)
        note_of(self._target).unlink()
        sync_folder(self._target.parent)


def part_of(target: Path) -> Path:
    """Return where a file is until it is complete."""
    return target.with_name(f"{target.name}.part")


def note_of(target: Path) -> Path:
    """Return where the note on its part file is."""
    return target.with_name(f"{target.name}.part.json")


def read_note(target: Path) -> Note | None:
    """Return the note on a part file; None where one of the two is missing.

    Raises TransferError where one lies that is not of an export.
    """
    note, part = note_of(target), part_of(target)
    if os.path.lexists(part) and (part.is_symlink() or not part.is_file()):
        raise in_the_way(part, "it is no file")
    if not note.exists():
        # It is made before its note is.
        if part.exists() and part.stat().st_size:
            raise in_the_way(part, "it is not known of which export it is")
        return None
    try:
        with note.open("rb") as file:
            found = msgspec.json.decode(file.read(MAX_NOTE_BYTES), type=Note)
    except (ValueError, OSError) as error:
        raise in_the_way(note, str(error)) from None
    # A kill just before or after the part is renamed leaves the note alone.
    return found if part.exists() else None


def in_the_way(path: Path, reason: str) -> TransferError:
    """Return the error for a file that would be written over."""
    return TransferError(f"{path} is in the way: {reason}; move or remove it")


@contextmanager
def open_part(target: Path, note: Note) -> Iterator[PartFile]:
    """Open the part file that a note is on; it is made if there is none.

    Whatever happens, what was written is noted in the end, so that it can be
    gone on from there. Raises TransferError where a file can't be written.
    """
    with explaining(target):
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        file = os.open(part_of(target), flags, FILE_MODE)
    try:
        lock(target, file)
        write_note(note_of(target), note)
        if os.fstat(file).st_size < note.size_bytes:
            raise in_the_way(part_of(target), "it is shorter than was noted of it")
        os.ftruncate(file, note.size_bytes)
        os.lseek(file, note.size_bytes, os.SEEK_SET)
        part = PartFile(target, file, note)
        try:
            yield part
        except BaseException:
            with suppress(OSError):
                part.sync()
            raise
        part.finish()
    except OSError as error:
        raise TransferError(
            f"{target}: cannot be written: {error.strerror}; what is there of it is "
            "kept, and the same command goes on from there"
        ) from None
    finally:
        os.close(file)


def lock(target: Path, file: int) -> None:
    """Make sure that no other export writes to a part file."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise TransferError(f"{target}: another export is writing it") from None
    except OSError:
        # A file system without such locks.
        return


def discard(target: Path) -> None:
    """Remove a part file and its note, but not while another export writes it."""
    with suppress(FileNotFoundError):
        file = os.open(part_of(target), os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            lock(target, file)
            part_of(target).unlink()
        finally:
            os.close(file)
    note_of(target).unlink(missing_ok=True)


@contextmanager
def explaining(target: Path) -> Iterator[None]:
    """Raise what the system says of a file and its part as TransferError."""
    try:
        yield
    except OSError as error:
        raise TransferError(f"{target}: cannot be written: {error.strerror}") from None


def write_note(path: Path, note: Note) -> None:
    """Write a note, so that there is always a whole one."""
    fresh = path.with_name(f"{path.name}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    file = os.open(fresh, flags, FILE_MODE)
    try:
        os.write(file, msgspec.json.encode(note))
        os.fsync(file)
    finally:
        os.close(file)
    fresh.replace(path)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
