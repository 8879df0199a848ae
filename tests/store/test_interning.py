"""Names that are stored once: how they are found again among many."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from collector.store.inserter import KEYS_PER_STATEMENT, intern_values
from collector.store.rows import CALL_SITE_COLUMNS, ORIGIN_COLUMNS
from collector.store.schema import MIGRATIONS, migration_script

# How often SQLite tells of its work, in instructions.
INSTRUCTIONS = 10


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        for migration in MIGRATIONS:
            script = migration_script(migration, sqlite3.sqlite_version_info)
            database.executescript(script)
        yield database


def call_sites(start: int, count: int) -> list[tuple[Any, ...]]:
    return [
        (f"app.{n * 7919 % 100_003}", "/srv/a.py", n, "f", "a.py", "a", 20, "INFO")
        for n in range(start, start + count)
    ]


def origins(start: int, count: int) -> list[tuple[Any, ...]]:
    return [
        (f"web{n * 7919 % 100_003}", n, "Main", n + 0.5, "::1", n, f"Thread-{n}")
        for n in range(start, start + count)
    ]


KINDS = [
    ("call_sites", CALL_SITE_COLUMNS, call_sites),
    ("origins", ORIGIN_COLUMNS, origins),
]


@pytest.mark.parametrize(("table", "columns", "make"), KINDS)
def test_known_and_new(
    connection: sqlite3.Connection, table: str, columns: Any, make: Any
) -> None:
    """A value keeps its id; a new one gets its own, whatever was asked with it."""
    first = intern_values(connection, table, columns, make(0, 250))
    again = intern_values(connection, table, columns, make(200, 150))

    assert set(first) == set(make(0, 250))
    assert set(again) == set(make(200, 150))
    assert all(again[value] == first[value] for value in make(200, 50))
    assert len({*first.values(), *again.values()}) == 350


@pytest.mark.parametrize(("table", "columns", "make"), KINDS)
def test_many_names_cost_no_more(
    connection: sqlite3.Connection, table: str, columns: Any, make: Any
) -> None:
    """New values take as much work among twenty thousand as among a hundred."""
    work = 0

    def count() -> int:
        nonlocal work
        work += INSTRUCTIONS
        return 0

    def work_of(start: int) -> int:
        nonlocal work
        work = 0
        connection.set_progress_handler(count, INSTRUCTIONS)
        intern_values(connection, table, columns, make(start, KEYS_PER_STATEMENT))
        connection.set_progress_handler(None, 0)
        return work

    intern_values(connection, table, columns, make(0, 100))
    among_few = work_of(100)
    intern_values(connection, table, columns, make(200, 20_000))

    assert among_few > 1_000
    assert work_of(50_000) < 2 * among_few
