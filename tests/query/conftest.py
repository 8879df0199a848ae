"""Real databases in memory with the real schema, for conditions to be tried on."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC
from functools import partial
from typing import Any

import pytest

from collector.query.conditions import Condition
from collector.query.dialect import SqliteDialect
from collector.query.log_row import LogRow
from collector.query.parser import parse
from collector.query.sql import condition
from collector.query.tree import Node
from collector.store.rows import (
    CALL_SITE_COLUMNS,
    ORIGIN_COLUMNS,
    RECORD_COLUMNS,
)
from collector.store.schema import MIGRATIONS, migration_script

# 2023-11-14 22:13:20 UTC, a Tuesday.
NOW = 1_700_000_000.0

VALUES: dict[str, Any] = {
    "created": NOW - 60,
    "delay_ms": 250,
    "message": "hello",
    "taskName": None,
    "exc_text": None,
    "stack_info": None,
    "extra": None,
    "name": "myapp.db",
    "pathname": "/srv/app/db.py",
    "lineno": 17,
    "funcName": "connect",
    "filename": "db.py",
    "module": "db",
    "levelno": 20,
    "level": "INFO",
    "hostname": "web1",
    "process": 4242,
    "processName": "MainProcess",
    "started": NOW - 3600,
    "peer": "127.0.0.1",
    "thread": 1234,
    "threadName": "MainThread",
}


class Store:
    """A database of the real schema, and what conditions find in it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        for migration in MIGRATIONS:
            connection.executescript(
                migration_script(migration, sqlite3.sqlite_version_info)
            )

    def clear(self) -> None:
        for table in ("records", "call_sites", "origins"):
            self.connection.execute(f"DELETE FROM {table}")

    def add(self, **changes: Any) -> int:
        """Store one record and return its id."""
        values = {**VALUES, **changes}
        ids = [
            self._intern(table, columns, values)
            for table, columns in (
                ("call_sites", CALL_SITE_COLUMNS),
                ("origins", ORIGIN_COLUMNS),
            )
        ]
        values = {**values, "call_site_id": ids[0], "origin_id": ids[1]}
        row = self.connection.execute(
            f"INSERT INTO records ({', '.join(RECORD_COLUMNS)}) "
            f"VALUES ({', '.join('?' * len(RECORD_COLUMNS))})",
            [values[column] for column in RECORD_COLUMNS],
        )
        assert row.lastrowid is not None
        return row.lastrowid

    def _intern(
        self, table: str, columns: tuple[str, ...], values: dict[str, Any]
    ) -> int:
        wanted = [values[column] for column in columns]
        self.connection.execute(
            f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) "
            f"VALUES ({', '.join('?' * len(columns))})",
            wanted,
        )
        same = " AND ".join(f"{column} IS ?" for column in columns)
        row = self.connection.execute(f"SELECT id FROM {table} WHERE {same}", wanted)
        return int(row.fetchone()[0])

    def rows(self) -> list[LogRow]:
        """Return all records as the view shows them, in order."""
        columns = ", ".join(LogRow._fields)
        return [
            LogRow(*row)
            for row in self.connection.execute(
                f"SELECT {columns} FROM logs ORDER BY id"
            )
        ]

    def execute(self, sql: str, made: Condition) -> list[tuple[Any, ...]]:
        """Run a statement that holds a condition."""
        for function in made.functions:
            self.connection.create_function(
                function.name, function.arguments, function.call, deterministic=True
            )
        return self.connection.execute(sql, made.parameters).fetchall()

    def found(self, node: Node) -> list[int]:
        """Return the ids of what the condition of a query finds, in order."""
        made = condition(node, SqliteDialect())
        sql = f"SELECT r.id FROM records AS r WHERE {made.sql} ORDER BY r.id"
        return [row[0] for row in self.execute(sql, made)]

    def verdicts(self, node: Node) -> set[object]:
        """Return all values that the condition of a query has."""
        made = condition(node, SqliteDialect())
        return {
            row[0] for row in self.execute(f"SELECT {made.sql} FROM records AS r", made)
        }


@pytest.fixture(scope="session")
def now() -> float:
    return NOW


@pytest.fixture
def store() -> Iterator[Store]:
    with closing(sqlite3.connect(":memory:")) as connection:
        yield Store(connection)


@pytest.fixture(scope="session")
def shared_store() -> Iterator[Store]:
    """For property tests, which clear it before each example."""
    with closing(sqlite3.connect(":memory:")) as connection:
        yield Store(connection)


@pytest.fixture(scope="session")
def read() -> Callable[[str], Node]:
    """Parses a query, at NOW and in UTC."""
    return partial(parse, now=NOW, zone=UTC)


@pytest.fixture(scope="session")
def make_row() -> Callable[..., LogRow]:
    """Makes a row like one of a stock client, with some values changed."""

    def make(**changes: Any) -> LogRow:
        known = {name: value for name, value in VALUES.items() if name in ROW_FIELDS}
        return LogRow(**{"id": 1, "received": NOW - 59.75, **known, **changes})

    return make


ROW_FIELDS = frozenset(LogRow._fields)
