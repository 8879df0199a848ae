"""A backup: one state of a database as a file of its own, while it is written to.

All pages are copied within one read transaction. SQLite's own way of copying a few
at a time begins anew whenever somebody writes, so it would never end beside a busy
daemon; VACUUM INTO makes every row anew and takes many times as long, while the
write-ahead log grows for as long as it takes.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from collector.errors import ReadError
from collector.store.claim import FILE_MODE
from collector.store.consistency import damage
from collector.store.database import SIBLING_SUFFIXES
from collector.store.disk import free_bytes
from collector.store.reader import FAULTS, Deadline, Reader, connect, explained
from collector.store.target_file import is_there

# Pages between two looks at the progress: 16 MB.
STEP_PAGES: Final = 4000

# Called with how many pages of how many are done.
Progress = Callable[[int, int], None]


def back_up(source: Path, target: Path, *, overwrite: bool, progress: Progress) -> int:
    """Copy a database to `target`; return the size of the copy in bytes.

    It is written beside its place, as `target`.part, and gets there only when it
    is whole, checked and on the disk. Raises ReadError when something keeps it
    from that, and leaves nothing behind then.
    """
    with closing(connect(source)) as connection:
        _check_target(source, target, overwrite=overwrite)
        part = target.with_name(target.name + ".part")
        try:
            _check_room(connection, target)
            _make(part, target)
            try:
                _copy(connection, source, part, progress)
                _sync(part)
                size = part.stat().st_size
                part.replace(target)
                _sync(target.absolute().parent)
            except BaseException:
                for suffix in ("", *SIBLING_SUFFIXES):
                    with contextlib.suppress(OSError):
                        part.with_name(part.name + suffix).unlink()
                raise
        except OSError as error:
            raise ReadError(f"{target}: cannot be written: {error}") from None
    return size


def _check_target(source: Path, target: Path, *, overwrite: bool) -> None:
    if is_there(source, target) and not overwrite:
        raise ReadError(f"{target}: is there already; --overwrite replaces it")
    for suffix in SIBLING_SUFFIXES:
        sibling = target.with_name(target.name + suffix)
        if os.path.lexists(sibling):
            # SQLite would take it for the log of the new file.
            raise ReadError(
                f"{sibling}: belongs to a database that is in use, or was not closed; "
                "name another target, or move it away"
            )


def _check_room(connection: sqlite3.Connection, target: Path) -> None:
    [(needed,)] = connection.execute(
        "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
    )
    free = free_bytes(target.absolute())
    if free is not None and free < needed:
        raise ReadError(
            f"{target}: needs {needed:,} bytes, and its disk has {free:,} left"
        )


def _make(part: Path, target: Path) -> None:
    if not part.parent.exists():
        raise ReadError(f"{target}: there is no folder {part.parent}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        os.close(os.open(part, flags, FILE_MODE))
    except FileExistsError:
        raise ReadError(
            f"{part}: is there already; another backup may be running, else remove it"
        ) from None


def _copy(
    connection: sqlite3.Connection, source: Path, part: Path, progress: Progress
) -> None:
    try:
        with closing(sqlite3.connect(part, isolation_level=None)) as copy:
            # It is synced when it is whole; until then it is worth nothing.
            copy.execute("PRAGMA synchronous = OFF")
            connection.execute("BEGIN")
            # Only reading begins the transaction.
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
            connection.backup(
                copy,
                pages=STEP_PAGES,
                progress=lambda _, left, total: progress(total - left, total),
            )
            connection.execute("COMMIT")
            _verify(copy, source, part)
    except FAULTS as error:
        raise explained(source, error) from None


def _verify(copy: sqlite3.Connection, source: Path, part: Path) -> None:
    for found in damage(Reader(copy, part, Deadline(None)), thorough=False):
        raise ReadError(
            f"{source}: its copy is not sound: {found.table}: {found.text}; see what "
            "`logcollector db check` says, and check the disk"
        )


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
