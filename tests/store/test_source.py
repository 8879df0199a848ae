"""Databases that are imported from: read right wherever they lie, never changed."""

import shutil
import sqlite3
from contextlib import closing

import pytest
from store.rights import without_rights
from store.stored import new_stored

from collector.errors import ReadError
from collector.store.source import Kind, open_source


@pytest.fixture
def in_log(tmp_path, public, make_record):
    """A database of which records stand only in its log, without the -shm file."""
    with new_stored(tmp_path / "logs.sqlite") as one:
        one.connection.execute("PRAGMA wal_autocheckpoint = 0")
        one.add(*[make_record(f"in the log {n}") for n in range(5)])
        for end in ("", "-wal"):
            copy = public / f"logs.sqlite{end}"
            shutil.copyfile(f"{one.path}{end}", copy)
            copy.chmod(0o644)
    return public / "logs.sqlite"


def messages(path):
    with open_source(path) as source:
        assert source.kind is Kind.COLLECTOR
        return [row.message for rows in source.records() for row in rows]


IN_LOG = [f"in the log {n}" for n in range(5)]


def test_a_log_is_read_where_nothing_may_be_written(in_log):
    """On a medium that is read-only, what only the log has is found too."""
    before = {path.name: path.read_bytes() for path in in_log.parent.iterdir()}
    with without_rights(in_log.parent):
        assert messages(in_log) == IN_LOG

    assert {path.name: path.read_bytes() for path in in_log.parent.iterdir()} == before


def test_a_database_without_a_log_is_read_where_nothing_may_be_written(in_log):
    """It needs no copy."""
    with closing(sqlite3.connect(in_log)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    in_log.chmod(0o644)
    with without_rights(in_log.parent):
        assert messages(in_log) == IN_LOG


def test_no_room_for_a_copy_is_told(in_log, monkeypatch):
    """Where the copy that is needed can't be made it is said what to do."""

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("collector.store.source.shutil.copyfile", full)
    with (
        without_rights(in_log.parent),
        pytest.raises(ReadError, match=r"No space left.*TMPDIR"),
        open_source(in_log),
    ):
        pass


def test_a_source_stays_as_it_is(tmp_path, make_record):
    """Reading does not even move the log into the file."""
    with new_stored(tmp_path / "logs.sqlite") as one:
        one.connection.execute("PRAGMA wal_autocheckpoint = 0")
        one.add(make_record())
        before = [(tmp_path / f"logs.sqlite{end}").read_bytes() for end in ("", "-wal")]
        messages(one.path)

        after = [(tmp_path / f"logs.sqlite{end}").read_bytes() for end in ("", "-wal")]
        assert after == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE records SET message = x'ff00' WHERE id = 2",
        "UPDATE records SET created = 'soon', delay_ms = 'x' WHERE id = 2",
        "UPDATE records SET extra = '[1, 2' WHERE id = 2",
        "UPDATE call_sites SET name = x'80', level = NULL, levelno = 1.5",
        "UPDATE origins SET hostname = 17, started = 'x', peer = x'00'",
        "UPDATE records SET call_site_id = 'none', origin_id = 1e300 WHERE id = 2",
        "UPDATE records SET taskName = 5, exc_text = CAST(x'ff' AS TEXT) WHERE id = 2",
    ],
)
def test_whatever_a_database_holds_becomes_records(tmp_path, make_record, statement):
    """Tables that somebody else made may hold anything; it is repaired."""
    from collector.moving.stored_records import StoredRecords

    path = tmp_path / "odd.sqlite"
    with new_stored(tmp_path / "sound.sqlite") as sound:
        sound.add(*[make_record(f"m{n}", extra='{"k":1}') for n in range(3)])
        schema = sound.connection.execute(
            "SELECT sql FROM sqlite_master WHERE type = 'table' "
            "AND name IN ('records', 'call_sites', 'origins')"
        ).fetchall()
        with closing(sqlite3.connect(path)) as odd:
            for (sql,) in schema:
                loose = sql.replace("NOT NULL", "").removesuffix("STRICT")
                odd.execute(loose)
            odd.execute("ATTACH ? AS sound", (str(sound.path),))
            for table in ("records", "call_sites", "origins"):
                odd.execute(f"INSERT INTO {table} SELECT * FROM sound.{table}")
            odd.execute(statement)
            odd.commit()
    maker = StoredRecords()
    with open_source(path) as source:
        records = [maker.record(row) for rows in source.records() for row in rows]

    assert len(records) == 3
    with new_stored(tmp_path / "target.sqlite") as target:
        target.add(*records)
        assert len(target.rows()) == 3
    # Read again it is the same, or it would be there twice.
    with open_source(path) as source:
        again = [maker.record(row) for rows in source.records() for row in rows]
    assert [each.created for each in again] == [each.created for each in records]


def test_an_oversized_row_is_lost_alone(tmp_path, make_record, monkeypatch):
    """A row larger than any of ours is not read into memory, and told."""
    monkeypatch.setattr("collector.store.source.MAX_ROW_BYTES", 50_000)
    with new_stored(tmp_path / "logs.sqlite") as one:
        one.add(*[make_record("x" * (100_000 if n == 3 else 10)) for n in range(8)])
    with open_source(one.path) as source:
        rows = [row for rows in source.records() for row in rows]

        assert [row.id for row in rows] == list(range(1, 9))
        assert [len(row.message) for row in rows if isinstance(row.message, str)] == (
            [10] * 7
        )
        assert source.lost.keys == 0


def test_a_schema_that_runs_something_is_not_run(tmp_path, make_record):
    """A view in the place of a table is no table."""
    path = tmp_path / "hostile.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE call_sites (id); CREATE TABLE origins (id);"
            "CREATE VIEW records AS WITH RECURSIVE r(id) AS "
            "(SELECT 1 UNION ALL SELECT id + 1 FROM r) SELECT id FROM r;"
        )
    with pytest.raises(ReadError, match="neither"), open_source(path):
        pass


def test_the_connection_of_a_source_refuses_to_write(tmp_path, make_record):
    """Whatever is asked of it, the source is not written to."""
    with new_stored(tmp_path / "logs.sqlite") as one:
        one.add(make_record())
    with open_source(one.path) as source, pytest.raises(sqlite3.OperationalError):
        source._connection.execute("DELETE FROM records")
