"""A database of the first version, with records, becomes one of today."""

import sqlite3
from contextlib import closing

import pytest
from store.hypotheses import DAY, NOW
from store.stored import ROLLUPS, Stored, expected_rollups, reading

from collector.query.tree import Everything, Since, Text, Until, every
from collector.store import stats
from collector.store.database import open_database
from collector.store.inserter import intern_values
from collector.store.rows import (
    CALL_SITE_COLUMNS,
    ORIGIN_COLUMNS,
    Interned,
    Missing,
    insert_records_sql,
    row_parameters,
)
from collector.store.schema import (
    APPLICATION_ID,
    MIGRATIONS,
    SCHEMA_VERSION,
    migration_script,
)
from collector.store.search import Search
from collector.store.search_index import erase_some


def first_version(path, records):
    """Make a database as version 1 of the schema left it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(
            migration_script(MIGRATIONS[0], sqlite3.sqlite_version_info)
        )
        interned, missing = Interned(), Missing()
        row_parameters(records, interned, missing)
        interned.call_sites.update(
            intern_values(
                connection, "call_sites", CALL_SITE_COLUMNS, missing.call_sites
            )
        )
        interned.origins.update(
            intern_values(connection, "origins", ORIGIN_COLUMNS, missing.origins)
        )
        for record in records:
            connection.execute(
                insert_records_sql(1), row_parameters([record], interned, Missing())
            )
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)


@pytest.fixture
def old_records(make_record):
    """Records of some days, out of order, of several call sites."""
    return [
        make_record(
            f"old {n}",
            created=NOW + (n * 7919) % (3 * DAY),
            name=f"logger{n % 5}",
            lineno=n % 3,
        )
        for n in range(200)
    ]


async def test_old_records_are_counted_and_found(tmp_path, make_record, old_records):
    """Rollups of a migrated database are those of its records, old and new."""
    path = tmp_path / "logs.sqlite"
    first_version(path, old_records)
    await (await open_database(path, synchronous="off")).close()

    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        found = connection.execute(ROLLUPS).fetchall()
        assert found == expected_rollups(connection) != []
        one = Stored(path, connection)
        one.add(make_record("new", created=NOW + DAY, name="logger1", lineno=1))
        assert connection.execute(ROLLUPS).fetchall() == expected_rollups(connection)
        since = every(Since(NOW + 100.0), Until(NOW + DAY))
        with reading(path) as reader:
            assert reader.indexed_id() == 0
            assert stats.count(reader, Everything()) == 201
            assert stats.count(reader, since) == len(one.matching(since)) > 0
            assert len(list(Search(reader, Text("OLD ")).ids(newest_first=True))) == 200
            one.index()
            assert reader.indexed_id() == 201
            assert len(list(Search(reader, Text("OLD ")).ids(newest_first=True))) == 200


async def test_a_database_without_records_is_migrated(tmp_path):
    """Without records there are no rollups."""
    path = tmp_path / "logs.sqlite"
    first_version(path, [])
    await (await open_database(path, synchronous="off")).close()

    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute(ROLLUPS).fetchall() == []
        assert connection.execute("SELECT * FROM search_state").fetchall() == [(1, 0)]


@pytest.mark.parametrize(("indexed", "parts"), [(500_000, 1), (500_001, 0)])
async def test_an_index_of_before_becomes_a_part(tmp_path, old_records, indexed, parts):
    """One that is larger than a part is indexed anew, and what it took is erased."""
    path = tmp_path / "logs.sqlite"
    first_version(path, old_records)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for migration in MIGRATIONS[1:3]:
            connection.executescript(
                migration_script(migration, sqlite3.sqlite_version_info)
            )
        connection.execute(
            "CREATE VIRTUAL TABLE search USING fts5(text, content='', detail=none, "
            "columnsize=0, tokenize='trigram case_sensitive 1')"
        )
        connection.execute("UPDATE search_state SET indexed_id = ?", (indexed,))
    await (await open_database(path, synchronous="off")).close()

    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        one = Stored(path, connection)
        one.index()
        while erase_some(connection):
            pass
        tables = "SELECT count(*) FROM sqlite_master WHERE name = 'search'"
        assert connection.execute(tables).fetchone() == (parts,)
        assert len(one.indexed("old")) == (0 if parts else 200)


async def test_what_is_migrated_is_not_migrated_again(tmp_path, old_records):
    """At the next start, nothing is counted a second time."""
    path = tmp_path / "logs.sqlite"
    first_version(path, old_records)
    for _ in range(2):
        await (await open_database(path, synchronous="off")).close()

    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute(ROLLUPS).fetchall() == expected_rollups(connection)
        total = "SELECT sum(count) FROM rollups WHERE seconds = 86400"
        assert connection.execute(total).fetchone() == (200,)
