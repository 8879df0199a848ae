"""`logcollector db reindex`: the index anew, and searches right at any time."""

import sqlite3
import threading
from contextlib import closing

import pytest
from store import stored
from store.stored import Stored, opened

from collector.cli.db import reindex
from collector.store.search_index import index_some


@pytest.fixture
def database(fill):
    """Records of which every tenth has a needle, without an index."""
    return fill(
        *({"message": f"straw {n}" if n % 10 else f"a NEEDLE {n}"} for n in range(250))
    )


def rows(path, sql):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def indexed(path):
    """Return up to which id records are indexed, and how many match a piece."""
    [(done,)] = rows(path, "SELECT indexed_id FROM search_state")
    with closing(sqlite3.connect(path)) as connection:
        return done, len(stored.indexed(connection, "eed"))


def needles(run, path):
    result = run("query", "--db", path, "--count", "needle")
    assert result.exit_code == 0, result.output
    return int(result.stdout)


def test_a_database_without_an_index_gets_one(run, database):
    """Afterwards every record is in the index; only stderr says so."""
    assert (
        rows(database, "SELECT * FROM sqlite_master WHERE name LIKE 'search_0%'") == []
    )
    assert needles(run, database) == 25
    result = run("db", "reindex", "--db", database)

    assert (result.exit_code, result.stdout) == (0, "")
    assert str(database) in result.stderr
    assert indexed(database) == (250, 25)
    assert needles(run, database) == 25


def test_an_index_is_made_anew(run, database):
    """What an index had wrong, or twice, or too little of, is right again."""
    with opened(database) as one:
        one.index(100)
        one.connection.execute(
            "INSERT INTO search_0 (rowid, text) VALUES (7, 'needle')"
        )
        one.connection.execute("UPDATE search_state SET indexed_id = 250")
    assert indexed(database) == (250, 11)
    result = run("db", "reindex", "--db", database)

    assert result.exit_code == 0
    assert indexed(database) == (250, 25)


def test_a_damaged_index_is_made_anew(run, database):
    """An index that SQLite can't read any more is no hindrance."""
    run("db", "reindex", "--db", database)
    with opened(database) as one:
        one.connection.execute("UPDATE search_0_data SET block = x'0102'")
    result = run("db", "reindex", "--db", database)

    assert result.exit_code == 0, result.output
    assert indexed(database) == (250, 25)


def test_without_records(run, fill):
    """An empty database has an empty index in the end."""
    path = fill()

    assert run("db", "reindex", "--db", path).exit_code == 0
    assert indexed(path) == (0, 0)


def test_searches_meanwhile_are_right(run, database, monkeypatch):
    """At every step of it, a search finds all there is."""
    found = []

    def index_and_look(connection, records):
        found.append(needles(run, database))
        left = index_some(connection, records)
        found.append(needles(run, database))
        return left

    run("db", "reindex", "--db", database)
    monkeypatch.setattr(reindex, "STEP_RECORDS", 30)
    monkeypatch.setattr(reindex, "index_some", index_and_look)
    result = run("db", "reindex", "--db", database)

    assert result.exit_code == 0, result.output
    assert found == [25] * 18


def test_records_that_come_meanwhile_are_indexed(
    run, database, make_record, monkeypatch
):
    """What is stored between two steps is indexed by those that follow."""
    more = iter(range(1, 6))

    def store_and_index(connection, records):
        if next(more, None):
            Stored(database, connection).add(make_record("needle"))
        return index_some(connection, records)

    monkeypatch.setattr(reindex, "STEP_RECORDS", 100)
    monkeypatch.setattr(reindex, "index_some", store_and_index)
    result = run("db", "reindex", "--db", database)
    [(records,)] = rows(database, "SELECT count(*) FROM records")

    assert result.exit_code == 0, result.output
    assert records > 250
    assert indexed(database) == (records, 25 + records - 250)


def test_records_stay_as_they_are(run, database):
    """Only the index is made anew: no record, count or schema version changes."""

    def everything():
        return [
            rows(database, sql)
            for sql in (
                "SELECT * FROM logs ORDER BY id",
                "SELECT * FROM rollups",
                "PRAGMA user_version",
                "PRAGMA integrity_check",
            )
        ]

    before = everything()
    run("db", "reindex", "--db", database)

    assert everything() == before
    assert before[-1] == [("ok",)]


def test_no_index_without_trigrams(run, database, monkeypatch):
    """Where SQLite can't have an index that is told, with status 1."""
    monkeypatch.setattr(reindex, "create_index", lambda connection, anew: False)
    result = run("db", "reindex", "--db", database)

    assert result.exit_code == 1
    assert "trigram" in result.stderr


def test_the_database_of_the_surroundings(run, database, monkeypatch):
    """Without --db it is the same database as for the other commands."""
    monkeypatch.chdir(database.parent)
    monkeypatch.delenv("LOGCOLLECTOR_DB", raising=False)

    assert run("db", "reindex").exit_code == 0
    assert indexed(database) == (250, 25)
    missing = run("db", "reindex", env={"LOGCOLLECTOR_DB": "none.sqlite"})
    assert missing.exit_code == 2
    assert "none.sqlite" in missing.stderr


def test_a_daemon_gets_the_lock_between_two_steps(run, fill):
    """While the index is made, another connection can write with little patience."""
    path = fill(*[{}] * 20_000)
    stored = []
    ended = threading.Event()

    def daemon():
        with closing(
            sqlite3.connect(path, timeout=0.05, isolation_level=None)
        ) as writer:
            while not ended.is_set():
                try:
                    writer.execute("BEGIN IMMEDIATE")
                    writer.execute("COMMIT")
                    stored.append(1)
                except sqlite3.OperationalError:
                    continue
                ended.wait(0.001)

    thread = threading.Thread(target=daemon)
    thread.start()
    result = run("db", "reindex", "--db", path)
    ended.set()
    thread.join()

    assert result.exit_code == 0
    assert len(stored) >= 5
