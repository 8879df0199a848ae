"""The schema: tables, the view `logs`, migrations."""

import sqlite3
from contextlib import closing

import pytest

from collector.store.rolling_up import roll_up_sql
from collector.store.schema import (
    MIGRATIONS,
    SCHEMA_VERSION,
    Migration,
    migration_script,
)

COLUMNS = [
    "id",
    "created",
    "name",
    "levelno",
    "level",
    "message",
    "hostname",
    "process",
    "processName",
    "thread",
    "threadName",
    "taskName",
    "pathname",
    "filename",
    "module",
    "lineno",
    "funcName",
    "exc_text",
    "stack_info",
    "extra",
    "peer",
    "received",
]
WITHOUT_STRICT = (3, 36, 0)


def migrated(version=sqlite3.sqlite_version_info):
    """Return a database in memory that all migrations have run on."""
    database = sqlite3.connect(":memory:")
    for migration in MIGRATIONS:
        database.executescript(migration_script(migration, version))
    return database


def log_rows(**changes):
    """Return the view's row, by column, of one record with these values."""
    values = {
        "name": "'app'",
        "pathname": "''",
        "lineno": 0,
        "funcName": "''",
        "filename": "''",
        "module": "''",
        "levelno": 20,
        "level": "'INFO'",
        "hostname": "'web1'",
        "process": 0,
        "processName": "''",
        "started": 0.0,
        "peer": "'::1'",
        "thread": 0,
        "threadName": "''",
        "created": 100.5,
        "delay_ms": 0,
        "message": "'m'",
        "taskName": "NULL",
        "exc_text": "NULL",
        "stack_info": "NULL",
        "extra": "NULL",
        **changes,
    }
    columns = list(values)

    def insert(table, names, more=()):
        pairs = [(name, values[name]) for name in names] + list(more)
        return (
            f"INSERT INTO {table} ({','.join(name for name, _ in pairs)}) "
            f"VALUES ({','.join(str(value) for _, value in pairs)});"
        )

    with closing(migrated()) as database:
        database.executescript(
            insert("call_sites", columns[:8], [("id", 3)])
            + insert("origins", columns[8:15], [("id", 4)])
            + insert("records", columns[15:], [("call_site_id", 3), ("origin_id", 4)])
        )
        (row,) = database.execute("SELECT * FROM logs")
        return dict(zip(COLUMNS, row, strict=True))


@pytest.mark.parametrize("version", [sqlite3.sqlite_version_info, WITHOUT_STRICT])
def test_the_view_has_the_documented_columns(version):
    """The view `logs` has exactly these columns, in this order."""
    with closing(migrated(version)) as database:
        found = database.execute("SELECT * FROM logs").description
        assert [column[0] for column in found] == COLUMNS


@pytest.mark.skipif(
    sqlite3.sqlite_version_info < (3, 37), reason="STRICT is known since 3.37"
)
def test_tables_are_strict_where_sqlite_can():
    """Every table refuses values of a wrong type, if the SQLite at hand can."""
    with closing(migrated()) as database:
        tables = database.execute(
            "SELECT name, strict FROM pragma_table_list "
            "WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite%'"
        ).fetchall()
        assert sorted(tables) == [
            ("call_sites", 1),
            ("imports", 1),
            ("level_rollups", 1),
            ("origins", 1),
            ("records", 1),
            ("rejects", 1),
            ("rollups", 1),
            ("search_parts", 1),
            ("search_state", 1),
            ("writer_state", 1),
        ]
        with pytest.raises(sqlite3.IntegrityError, match="cannot store TEXT"):
            database.execute(
                "INSERT INTO rejects VALUES (1, 'soon', 'p', 'r', 'd', x'00', 1)"
            )


@pytest.mark.parametrize(
    ("version", "strict"),
    [((3, 36, 0), False), ((3, 37, 0), True), ((3, 40, 1), True), ((4, 0), True)],
)
def test_old_versions_get_a_script_without_strict(version, strict):
    """The script says STRICT from 3.37 on, and leaves no placeholder."""
    script = migration_script(MIGRATIONS[0], version)

    assert ("STRICT" in script) is strict
    assert "{" not in script


def test_what_is_not_known_is_null():
    """Zeros and empty texts of the interned tables are NULL in the view."""
    row = log_rows()

    unknown = set(COLUMNS[7:20])
    assert {name for name, value in row.items() if value is None} == unknown
    assert (row["name"], row["hostname"], row["peer"]) == ("app", "web1", "::1")


def test_what_is_known_is_shown():
    """Each column shows its own value."""
    texts = [
        "processName",
        "threadName",
        "taskName",
        "pathname",
        "filename",
        "module",
        "funcName",
        "exc_text",
        "stack_info",
        "extra",
    ]
    numbers = {"process": 7, "thread": 2**62, "lineno": 9}
    row = log_rows(**numbers, **{name: f"'{name}!'" for name in texts})

    assert {name: row[name] for name in numbers} == numbers
    assert {name: row[name] for name in texts} == {name: f"{name}!" for name in texts}


@pytest.mark.parametrize(
    ("levelno", "level"), [(0, "NOTSET"), (20, "INFO"), (20, "NOTICE"), (-5, "LOW")]
)
def test_levels_have_number_and_name(levelno, level):
    """A level is shown by its number and by the name its client gave it."""
    row = log_rows(levelno=levelno, level=f"'{level}'")

    assert (row["levelno"], row["level"]) == (levelno, level)


@pytest.mark.parametrize(("delay", "received"), [(250, 100.75), (-500, 100.0)])
def test_received_is_created_and_the_delay(delay, received):
    """The time of receipt is put together again, before or after creation."""
    assert log_rows(delay_ms=delay)["received"] == received


def test_migrations_are_numbered_from_one():
    """Each migration leads from the version before it to its own."""
    assert [m.number for m in MIGRATIONS] == list(range(1, SCHEMA_VERSION + 1))


def test_a_migration_records_its_number():
    """The version is set in the transaction that changes the tables."""
    with closing(migrated()) as database:
        script = migration_script(
            Migration(SCHEMA_VERSION + 1, "CREATE TABLE later (x INTEGER) {strict};\n"),
            sqlite3.sqlite_version_info,
        )
        database.executescript(script)
        assert database.execute("PRAGMA user_version").fetchone() == (
            SCHEMA_VERSION + 1,
        )
        assert not database.in_transaction


def test_a_failing_migration_changes_nothing(tmp_path):
    """A migration that fails half-way leaves the file as it was."""
    path = tmp_path / "a.sqlite"
    bad = Migration(
        1, "CREATE TABLE first (x);\nINSERT INTO first VALUES (1);\nNONSENSE;\n"
    )
    database = sqlite3.connect(path)
    with pytest.raises(sqlite3.OperationalError, match="NONSENSE"):
        database.executescript(migration_script(bad, sqlite3.sqlite_version_info))
    database.close()

    with closing(sqlite3.connect(path)) as again:
        assert again.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
        assert again.execute("PRAGMA user_version").fetchone() == (0,)


def test_ids_are_never_used_again():
    """A record's id stays its own although the newest records are deleted."""
    insert = (
        "INSERT INTO rejects (received, peer, reason, detail, payload, payload_bytes) "
        "VALUES (1.0, 'p', 'r', 'd', x'00', 1)"
    )
    with closing(migrated()) as database:
        first = database.execute(insert).lastrowid
        database.execute("DELETE FROM rejects")
        assert database.execute(insert).lastrowid == first + 1


def test_statements_are_known_to_older_versions_of_sqlite():
    """An upsert names its target, without which it needs SQLite 3.35."""
    for sql in [*roll_up_sql("?"), *(migration.sql for migration in MIGRATIONS)]:
        assert "ON CONFLICT DO" not in " ".join(sql.split())
