"""A source: a database whose records are imported. It is never changed.

It may be of an older schema, damaged, being written by its own collector, on a
medium that can't be written, or one of dagrunner's.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from enum import Enum
from pathlib import Path
from typing import Any, Final

from collector.errors import ReadError
from collector.store.graft import grafted, was_ours
from collector.store.reader import (
    BUSY_SECONDS,
    FAULTS,
    explained,
    log_of,
    may_write_beside,
)
from collector.store.rows import CALL_SITE_COLUMNS, ORIGIN_COLUMNS, RECORD_COLUMNS
from collector.store.salvage import Losses, SalvagedTable, is_damage
from collector.store.schema import SCHEMA_VERSION
from collector.store.stored_rows import StoredRow, StoredRows

HEADER: Final = b"SQLite format 3\0"

# A row of ours is not larger: one that is is none, and is not read into memory.
MAX_ROW_BYTES: Final = 256 * 1024 * 1024

DAGRUNNER_COLUMNS: Final = (
    "created",
    "name",
    "level",
    "message",
    "hostname",
    "process",
    "thread",
)

# Beyond what is known to be there, ids are tried this far.
_UNKNOWN_IDS: Final = 1_000_000

# Interned rows that are found in an index when their table is damaged.
_MOST_INDEXED: Final = 100_000


class Kind(Enum):
    """Whose a database is."""

    COLLECTOR = "a database of logcollector"
    DAGRUNNER = "a database of dagrunner"


class Source:
    """One database to import from. Use `open_source`.

    kind: None where it has no table of records that can be found. is_grafted:
    whether its own first page is lost.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self.is_grafted = False
        self.kind: Final = self._find_kind()
        columns: tuple[str, ...] = ("id", *RECORD_COLUMNS)
        table = "records"
        if self.kind is Kind.DAGRUNNER:
            columns, table = ("rowid", *DAGRUNNER_COLUMNS), "logs"
        key = columns[0]
        self._table = SalvagedTable(connection, columns=columns, table=table, key=key)
        # What is no table of ours is not asked anything: a view may never end.
        is_known = self.kind is not None
        self.low: Final = self._bound("min", table, key) if is_known else 1
        self.high: Final = self._bound("max", table, key) if is_known else 0
        self._indexes: dict[str, dict[int, Any]] = {}

    @property
    def lost(self) -> Losses:
        """What could not be read, once all records have been."""
        return self._table.lost

    def records(self) -> Iterator[list[StoredRow]]:
        """Yield the records of a collector's database in the order of their ids.

        What is interned is None where it is lost.
        """
        stored = StoredRows(self._interned_rows)
        for rows in self._steps():
            yield [stored.made(row) for row in rows]

    def logs(self) -> Iterator[list[tuple[Any, ...]]]:
        """Yield rows of dagrunner's table: the key, and DAGRUNNER_COLUMNS."""
        yield from self._steps()

    def _steps(self) -> Iterator[list[tuple[Any, ...]]]:
        try:
            yield from self._table.steps(self.low, self.high)
        except FAULTS as error:
            raise explained(self._path, error) from None

    def _find_kind(self) -> Kind | None:
        tables = dict(self._values("SELECT name, type FROM sqlite_master"))
        version = self._value("PRAGMA user_version")
        is_there = all(
            tables.get(name) == "table" for name in ("records", "call_sites", "origins")
        )
        # It may be named, and its definition be nonsense.
        if is_there and self._can_prepare("SELECT id FROM records LIMIT 0"):
            if version is not None and version > SCHEMA_VERSION:
                raise ReadError(
                    f"{self._path}: its schema has version {version}, this program "
                    f"knows {SCHEMA_VERSION}; upgrade logcollector"
                )
            return Kind.COLLECTOR
        if tables.get("logs") == "table":
            columns = {row[1] for row in self._values("PRAGMA table_info(logs)")}
            if columns.issuperset(DAGRUNNER_COLUMNS):
                return Kind.DAGRUNNER
        return None

    def _bound(self, which: str, table: str, key: str) -> int:
        """Return the least or the greatest key that a row may have."""
        found = self._value(f"SELECT {which}({key}) FROM {table}")
        if isinstance(found, int):
            return found
        if self._can_prepare(f"SELECT {which}({key}) FROM {table}"):
            # There are no rows.
            return 1 if which == "min" else 0
        if which == "min":
            return 1
        guesses = [
            self._value("SELECT seq FROM sqlite_sequence WHERE name = 'records'"),
            self._value("SELECT max(last_id) FROM rollups"),
        ]
        known = [guess for guess in guesses if isinstance(guess, int)]
        return max(known) if known else _UNKNOWN_IDS

    def _interned_rows(self, sql: str, parameters: Sequence[object]) -> list[Any]:
        """Return an interned row; from its table's index where that is damaged."""
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except (*FAULTS, MemoryError, OverflowError) as error:
            if not is_damage(error) and "decode" not in str(error):
                raise explained(self._path, error) from None
        table = "call_sites" if "FROM call_sites" in sql else "origins"
        if table not in self._indexes:
            self._indexes[table] = self._indexed(table)
        found = self._indexes[table].get(int(str(parameters[0])))
        return [] if found is None else [found]

    def _indexed(self, table: str) -> dict[int, Any]:
        """Return interned rows as the index of their unique key has them."""
        columns = CALL_SITE_COLUMNS if table == "call_sites" else ORIGIN_COLUMNS
        found: dict[int, Any] = {}
        names = ",".join(columns)
        for order in ("ASC", "DESC"):
            by = ",".join(f"{column} {order}" for column in columns)
            try:
                for row in self._connection.execute(
                    f"SELECT id, {names} FROM {table} "
                    f"INDEXED BY sqlite_autoindex_{table}_1 ORDER BY {by} LIMIT ?",
                    (_MOST_INDEXED,),
                ):
                    found[row[0]] = row[1:]
            except (*FAULTS, MemoryError, OverflowError):
                continue
        return found

    def _can_prepare(self, sql: str) -> bool:
        try:
            self._connection.execute(sql).fetchall()
        except (*FAULTS, MemoryError):
            return False
        return True

    def _value(self, sql: str) -> Any:
        rows = self._values(sql)
        return rows[0][0] if rows else None

    def _values(self, sql: str) -> list[Any]:
        try:
            return self._connection.execute(sql).fetchall()
        except (*FAULTS, MemoryError) as error:
            if isinstance(error, sqlite3.Error) and not is_damage(error):
                # No such table, in an older schema.
                if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_ERROR:
                    return []
                raise explained(self._path, error) from None
            return []


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Open a database to import from; raise ReadError where that is impossible."""
    with ExitStack() as stack:
        try:
            try:
                source = _opened(path, path, stack)
            except sqlite3.OperationalError:
                # With a log beside it, SQLite must be able to write there.
                if may_write_beside(path) or not log_of(path).exists():
                    raise
                source = _opened(stack.enter_context(copied(path)), path, stack)
        except FAULTS as error:
            if not (is_damage(error) and was_ours(path)):
                raise explained(path, error) from None
            source = None
        if source is None or (source.kind is None and was_ours(path)):
            try:
                source = _opened(stack.enter_context(grafted(path)), path, stack)
            except FAULTS as error:
                raise explained(path, error) from None
            source.is_grafted = True
        if source.kind is None:
            raise ReadError(
                f"{path}: a database, but neither logcollector's nor dagrunner's"
            )
        yield source


def _opened(place: Path, path: Path, stack: ExitStack) -> Source:
    return Source(stack.enter_context(closing(_connected(place))), path)


@contextmanager
def copied(path: Path) -> Iterator[Path]:
    """Give a copy of a database and its log, somewhere where it can be read."""
    with tempfile.TemporaryDirectory(prefix="logcollector-") as folder:
        copy = Path(folder) / "copy.sqlite"
        try:
            shutil.copyfile(path, copy)
            shutil.copyfile(log_of(path), log_of(copy))
        except OSError as error:
            raise ReadError(
                f"{path}: has a log beside it and can't be written there, so that it "
                f"has to be copied, and that failed: {error.strerror}; TMPDIR names "
                "another place for it"
            ) from None
        yield copy


def _connected(path: Path) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?mode=ro"
    if not may_write_beside(path) and not log_of(path).exists():
        # Where no log is left nobody writes.
        address += "&immutable=1"
    connection = sqlite3.connect(
        address, uri=True, timeout=BUSY_SECONDS, isolation_level=None
    )
    try:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_ROW_BYTES)
        connection.execute("PRAGMA query_only = ON")
        # A schema that somebody else made must not run functions of ours.
        connection.execute("PRAGMA trusted_schema = OFF")
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        except FAULTS as error:
            if not is_damage(error) and isinstance(error, sqlite3.Error):
                raise
            # What can't be understood of the schema is left out then.
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection
