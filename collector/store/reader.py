"""A reader: a read-only connection with a deadline.

It can't hurt the database or the daemon: it never writes, and each statement
is a read transaction of its own, no longer than it needs to be.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from collector.errors import NoSuchDatabase, QueryTimeout, ReadError
from collector.query.conditions import Function
from collector.store.schema import APPLICATION_ID, SCHEMA_VERSION
from collector.store.search_index import Part, parts

# How long a reader waits for a lock, which in WAL mode is only held while the
# first connection recovers the log.
BUSY_SECONDS: Final = 2.0

# SQLite's steps between two looks at the clock: some milliseconds.
STEPS_PER_CHECK: Final = 50_000


# What the sqlite3 module raises; the second for a message of SQLite that quotes
# a damaged schema.
FAULTS: Final = (sqlite3.Error, UnicodeDecodeError)


class Deadline:
    """When a search must have ended. `seconds` None: never."""

    def __init__(
        self,
        seconds: float | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self.restart()

    def restart(self) -> None:
        """Give as much time as at the beginning, from now on."""
        seconds = self._seconds
        self._end = None if seconds is None else self._clock() + seconds

    def seconds_left(self) -> float:
        """Return how much time is left, 0 or less when it is over."""
        return float("inf") if self._end is None else self._end - self._clock()

    def check(self) -> None:
        """Raise QueryTimeout when the time is over."""
        if self.seconds_left() <= 0:
            raise QueryTimeout(
                f"not done within {self._seconds:g} s; narrow it down (since:, "
                "logger:, level:) or give it more --timeout"
            )


class Reader:
    """Reads one database. Use `open_reader`; not for several threads at once."""

    def __init__(
        self, connection: sqlite3.Connection, path: Path, deadline: Deadline
    ) -> None:
        self._connection = connection
        self._path = path
        self.deadline: Final = deadline
        self._raised: BaseException | None = None
        connection.set_progress_handler(
            self._noticing(lambda: deadline.seconds_left() <= 0), STEPS_PER_CHECK
        )

    def register(self, functions: Iterable[Function]) -> None:
        """Make functions of a query known to SQLite."""
        for function in functions:
            self._connection.create_function(
                function.name,
                function.arguments,
                self._noticing(function.call),
                deterministic=True,
            )

    def _noticing(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return what does the same, and notes what is raised in it."""

        # SQLite makes an error of its own of whatever is raised in here.
        def noticing(*values: object) -> Any:
            try:
                return call(*values)
            except BaseException as error:
                self._raised = error
                raise

        return noticing

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Any]:
        """Return all rows of a statement, which ends its read transaction.

        Raises QueryTimeout when the time is over, ReadError for whatever else
        SQLite reports.
        """
        return self._taken(sql, parameters, sqlite3.Cursor.fetchall)

    def some(
        self, sql: str, parameters: Sequence[object], enough: Callable[[Any], bool]
    ) -> list[Any]:
        """Return the rows of a statement up to the one with which it is enough.

        So memory is bounded also where rows are large. Raises what `rows` does.
        """

        def take(cursor: sqlite3.Cursor) -> list[Any]:
            taken = []
            for row in cursor:
                taken.append(row)
                if enough(row):
                    break
            cursor.close()
            return taken

        return self._taken(sql, parameters, take)

    def _taken(
        self,
        sql: str,
        parameters: Sequence[object],
        take: Callable[[sqlite3.Cursor], list[Any]],
    ) -> list[Any]:
        self.deadline.check()
        try:
            try:
                return take(self._connection.execute(sql, parameters))
            except sqlite3.OperationalError as error:
                if "decode" not in str(error):
                    raise
                # Text in a damaged database that is no UTF-8: slower from now on.
                self._connection.text_factory = decoded
                return take(self._connection.execute(sql, parameters))
        except (*FAULTS, MemoryError, OverflowError) as error:
            raised, self._raised = self._raised, None
            if isinstance(raised, KeyboardInterrupt):
                raise KeyboardInterrupt from None
            # Whatever a deadline interrupts fails for some other reason.
            self.deadline.check()
            if raised is None and _is_of_a_function(error):
                # Only a signal can raise before the function itself has begun.
                raise KeyboardInterrupt from None
            raise explained(self._path, error) from None

    def value(self, sql: str, parameters: Sequence[object] = ()) -> Any:
        """Return the first value of the first row."""
        return self.rows(sql, parameters)[0][0]

    def indexed_id(self) -> int:
        """Return up to which id the search index holds everything.

        0 without an index, or with one that this SQLite can't read.
        """
        return max((part.last_id for part in self.index_parts()), default=0)

    def index_parts(self) -> list[Part]:
        """Return the parts of the search index, as far as they are filled.

        Those are left out that this SQLite can't read.
        """
        try:
            found = parts(self._connection)
            for part in found[-1:]:
                self._connection.execute(f"SELECT rowid FROM {part.name} LIMIT 0")
        except FAULTS:
            return []
        done = int(self.value("SELECT coalesce(max(indexed_id), 0) FROM search_state"))
        return [
            replace(part, last_id=min(part.last_id, done))
            for part in found
            if part.first_id <= done
        ]

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See one state of the database in several statements. Be quick."""
        self.rows("BEGIN")
        try:
            yield
        finally:
            if self._connection.in_transaction:
                self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@contextmanager
def open_reader(path: Path, deadline: Deadline) -> Iterator[Reader]:
    """Open a database for reading; raise ReadError where that is impossible.

    NoSuchDatabase when there is none, or it is not one of ours.
    """
    reader = Reader(connect(path), path, deadline)
    try:
        yield reader
    finally:
        reader.close()


def connect(path: Path) -> sqlite3.Connection:
    """Return a read-only connection to a database of ours, in today's schema."""
    _check_file(path)
    try:
        connection = _connected(path)
    except FAULTS as error:
        raise explained(path, error) from None
    try:
        _check_schema(connection, path)
    except FAULTS as error:
        connection.close()
        raise explained(path, error) from None
    except BaseException:
        connection.close()
        raise
    return connection


def _is_of_a_function(error: BaseException) -> bool:
    """Tell whether SQLite reports that a function of ours, or the handler, raised."""
    interrupted = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT
    return interrupted or "user-defined function raised" in str(error)


def _check_file(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except PermissionError as error:
        raise explained(path, error) from None
    except (OSError, ValueError):
        raise NoSuchDatabase(
            f"{path}: there is no such database; name one with --db, or collect "
            "some records first: logcollector serve --db ..."
        ) from None
    if stat.S_ISDIR(mode):
        raise NoSuchDatabase(f"{path}: this is a folder; name a database with --db")
    if not stat.S_ISREG(mode):
        # A pipe would be waited for.
        raise NoSuchDatabase(f"{path}: this is no file; name a database with --db")


def _connected(path: Path) -> sqlite3.Connection:
    try:
        return _connect_to(f"{path.absolute().as_uri()}?mode=ro")
    except sqlite3.OperationalError:
        if may_write_beside(path) or log_of(path).exists():
            raise
        if not os.access(path, os.R_OK):
            raise
        # Where no log is left nobody writes.
        return _connect_to(f"{path.absolute().as_uri()}?mode=ro&immutable=1")


def may_write_beside(path: Path) -> bool:
    """Tell whether SQLite can make the files that it needs beside a database.

    In WAL mode a reader needs them too.
    """
    return os.access(path.resolve().parent, os.W_OK)


def log_of(path: Path) -> Path:
    """Return where a database has its write-ahead log: beside the file itself."""
    return Path(f"{path.resolve()}-wal")


def _connect_to(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None
    )
    try:
        connection.execute("PRAGMA query_only = ON")
        # Opening is only tried when something is read.
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def _check_schema(connection: sqlite3.Connection, path: Path) -> None:
    [(version,)] = connection.execute("PRAGMA user_version").fetchall()
    [(application_id,)] = connection.execute("PRAGMA application_id").fetchall()
    if application_id != APPLICATION_ID:
        raise NoSuchDatabase(
            f"{path}: not a database of logcollector; name another with --db"
        )
    if version > SCHEMA_VERSION:
        raise ReadError(
            f"{path}: its schema has version {version}, this program knows "
            f"{SCHEMA_VERSION}; upgrade logcollector"
        )
    if version < SCHEMA_VERSION:
        raise ReadError(
            f"{path}: its schema has version {version}, this program needs "
            f"{SCHEMA_VERSION}; `logcollector serve` with this database upgrades it"
        )


def decoded(raw: bytes) -> str:
    """Return text that need not be UTF-8."""
    return raw.decode("utf-8", "replace")


def explained(path: Path, error: BaseException) -> ReadError:
    """Return the error for people that SQLite's own stands for."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_NOTADB:
        return NoSuchDatabase(f"{path}: not a database; name another with --db")
    if isinstance(error, UnicodeDecodeError):
        error, code = sqlite3.DatabaseError("malformed schema"), sqlite3.SQLITE_CORRUPT
    hint = {
        sqlite3.SQLITE_CORRUPT: "it is damaged; `logcollector import` into another "
        "database saves what can be read of it",
        sqlite3.SQLITE_BUSY: "another program has locked it; try again",
        sqlite3.SQLITE_LOCKED: "another program has locked it; try again",
        sqlite3.SQLITE_CANTOPEN: "may this user read it, and write beside it?",
        sqlite3.SQLITE_IOERR: "is the disk in order?",
    }.get(code, "")
    return ReadError(
        f"{path}: cannot be read: {error}" + (f" ({hint})" if hint else "")
    )
