"""Opening the database for the writer: pragmas, checks, migrations."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import aiosqlite

from collector.errors import DamagedDatabase, SchemaTooNew, StoreError
from collector.store.failures import Failure, classify
from collector.store.file_space import KEEP_FREED_PAGES
from collector.store.schema import (
    ABOUT,
    APPLICATION_ID,
    MIGRATIONS,
    SCHEMA_VERSION,
    migration_script,
)

Result = TypeVar("Result")

# What SQLite puts beside a database.
SIBLING_SUFFIXES: Final = ("-wal", "-shm", "-journal")

# Of SQLite's file format: https://www.sqlite.org/fileformat.html
HEADER_BYTES: Final = 100

# Where a file of ours has ABOUT: it is written before any records.
ABOUT_WITHIN_BYTES: Final = 1024 * 1024

# How long SQLite itself waits for another process's lock, in each statement of
# a batch; the writer goes on trying after that.
BUSY_SECONDS: Final = 0.05

# The write-ahead log is cut back to this size when a checkpoint allows it.
WAL_LIMIT_BYTES: Final = 32 * 1024 * 1024

# Pages of 4 KiB. SQLite's own 1,000 sync the database some four times a
# second under full load.
CHECKPOINT_PAGES: Final = 4000


async def open_database(path: Path, *, synchronous: str) -> aiosqlite.Connection:
    """Open or create the database at `path` for writing, in its newest schema.

    Raises StoreError (SchemaTooNew) when it can't be used, DamagedDatabase when
    it is ours and no sound one, sqlite3.Error for a fault that may pass.
    """
    # Its debug messages hold whole batches; in a program that sends its own
    # records to a collector within it, they would never end.
    logging.getLogger("aiosqlite").setLevel(logging.INFO)
    _refuse_unwritable(path)
    try:
        # A first try without aiosqlite, whose thread would report a failure
        # to a loop that may be closed by then.
        sqlite3.connect(path).close()
        # Transactions are begun by whoever needs one.
        database = await aiosqlite.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None
        )
    except sqlite3.Error as error:
        raise _cannot_open(path, error) from None
    try:
        await _prepare(database, path, synchronous)
    except sqlite3.Error as error:
        await database.close()
        raise _cannot_open(path, error) from None
    except BaseException:
        await database.close()
        raise
    return database


def _refuse_unwritable(path: Path) -> None:
    """Raise StoreError for a file that SQLite would only refuse at the first record."""
    if path.is_file() and not os.access(path, os.R_OK | os.W_OK):
        raise StoreError(
            f"{path}: this user may not write it; run as its owner, or name another "
            "file with --db"
        )


async def run_in_thread(
    database: aiosqlite.Connection, job: Callable[[sqlite3.Connection], Result]
) -> Result:
    """Run `job` on the connection in its thread; return or raise what it does.

    Statement by statement, each would wait some 10 ms for a busy loop to come
    round. The job is carried to its end also when this is cancelled.
    """
    # aiosqlite runs everything it does in this way, but has no public name
    # for it.
    result: Result = await database._execute(  # type: ignore[no-untyped-call]  # noqa: SLF001
        job,
        database._conn,  # noqa: SLF001
    )
    return result


async def _prepare(
    database: aiosqlite.Connection, path: Path, synchronous: str
) -> None:
    version = await _pragma(database, "user_version")
    if version and await _pragma(database, "application_id") != APPLICATION_ID:
        raise StoreError(
            f"{path}: a database of another program; name another file with --db"
        )
    if version > SCHEMA_VERSION:
        raise SchemaTooNew(
            f"{path}: its schema has version {version}, this program knows "
            f"{SCHEMA_VERSION}; upgrade logcollector, or name another file with --db"
        )
    if version == 0:
        tables = await _one(database, "SELECT count(*) FROM sqlite_master")
        if tables:
            raise StoreError(
                f"{path}: a database of another program; name another file with --db"
            )
        # Both can only be set while the file is empty.
        await database.execute("PRAGMA auto_vacuum = INCREMENTAL")
        await database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    await database.execute("PRAGMA journal_mode = WAL")
    await database.execute(f"PRAGMA synchronous = {synchronous}")
    await database.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT_BYTES}")
    await database.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    await database.execute(KEEP_FREED_PAGES)
    for migration in MIGRATIONS:
        if migration.number > version:
            script = migration_script(migration, sqlite3.sqlite_version_info)
            await database.executescript(script)


async def _pragma(database: aiosqlite.Connection, name: str) -> int:
    return await _one(database, f"PRAGMA {name}")


async def _one(database: aiosqlite.Connection, sql: str) -> int:
    rows = list(await database.execute_fetchall(sql))
    return int(rows[0][0])


def refuse_links(path: Path) -> None:
    """Raise StoreError if a file that SQLite keeps beside it is a link.

    Whoever may write into the folder could lead the daemon's writes elsewhere.
    """
    for suffix in SIBLING_SUFFIXES:
        sibling = path.with_name(path.name + suffix)
        if sibling.is_symlink():
            raise StoreError(
                f"{sibling}: is a symbolic link, which is not followed; remove it"
            )


def _cannot_open(path: Path, error: sqlite3.Error) -> Exception:
    failure = classify(error)
    if failure is Failure.DAMAGED and is_ours(path):
        return DamagedDatabase(f"{path}: {error}")
    if failure is Failure.PASSING and not _is_mistaken(path):
        return error
    hint = ""
    if not path.parent.is_dir():
        hint = f"; there is no folder {path.parent}"
    elif path.is_dir():
        hint = "; it is a folder"
    elif failure is Failure.DAMAGED:
        hint = "; move it away, or name another file with --db"
    return StoreError(f"{path}: cannot be opened: {error}{hint}")


def _is_mistaken(path: Path) -> bool:
    """Tell whether nothing can be stored at a path, now or later."""
    if path.exists():
        return path.is_dir() or not os.access(path, os.R_OK | os.W_OK)
    return not os.access(path.parent, os.W_OK | os.X_OK)


def is_ours(path: Path) -> bool:
    """Tell whether a file that SQLite can't read was a database of ours.

    It was when our mark is where SQLite has it, or when its header is nothing
    but zeros, as a disk may leave it, and our text stands behind it.
    """
    try:
        with path.open("rb") as file:
            start = file.read(ABOUT_WITHIN_BYTES)
    except OSError:
        return False
    if start[68:72] == APPLICATION_ID.to_bytes(4, "big"):
        return True
    return not any(start[:HEADER_BYTES]) and ABOUT.encode() in start
