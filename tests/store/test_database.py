"""Opening a database: new, known, foreign, or none at all."""

import asyncio
import sqlite3
import threading
from contextlib import closing

import pytest
from store.rights import without_rights

from collector.errors import SchemaTooNew, StoreError
from collector.store.database import open_database
from collector.store.schema import APPLICATION_ID, SCHEMA_VERSION


async def opened(path):
    """Open and close a database, whose thread has ended then in any case."""
    before = threading.enumerate()
    try:
        database = await open_database(path, synchronous="full")
        await database.close()
    finally:
        while set(threading.enumerate()) - set(before):
            await asyncio.sleep(0)


def read(path, sql):
    with closing(sqlite3.connect(path)) as reader:
        return reader.execute(sql).fetchall()


async def test_a_new_file(tmp_path):
    """A new file has WAL, our mark, our version, and can give space back."""
    path = tmp_path / "new.sqlite"
    await opened(path)

    assert read(path, "PRAGMA journal_mode") == [("wal",)]
    assert read(path, "PRAGMA application_id") == [(APPLICATION_ID,)]
    assert read(path, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert read(path, "PRAGMA auto_vacuum") == [(2,)]
    assert path.read_bytes()[68:72] == b"LogC"


@pytest.mark.parametrize(
    ("name", "number"), [("off", 0), ("normal", 1), ("full", 2), ("extra", 3)]
)
async def test_synchronous(tmp_path, name, number):
    """The connection has the asked for durability."""
    database = await open_database(tmp_path / "a.sqlite", synchronous=name)
    rows = await database.execute_fetchall("PRAGMA synchronous")
    await database.close()

    assert list(rows) == [(number,)]


async def test_an_empty_file_is_a_new_one(tmp_path):
    """A file of no bytes, as touch makes it, becomes a database."""
    path = tmp_path / "empty.sqlite"
    path.touch()
    await opened(path)

    assert read(path, "SELECT count(*) FROM logs") == [(0,)]


async def test_reopening_keeps_the_data(tmp_path):
    """What was stored is there at the next start."""
    path = tmp_path / "a.sqlite"
    await opened(path)
    with closing(sqlite3.connect(path)) as other:
        other.execute("INSERT INTO rejects VALUES (1, 1.0, 'p', 'r', 'd', x'00', 1)")
        other.commit()
    await opened(path)

    assert read(path, "SELECT peer FROM rejects") == [("p",)]
    assert read(path, "PRAGMA user_version") == [(SCHEMA_VERSION,)]


async def test_a_newer_schema_is_refused(tmp_path):
    """A file of a newer version of this program is left as it is."""
    path = tmp_path / "newer.sqlite"
    await opened(path)
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        other.commit()
    before = path.read_bytes()

    with pytest.raises(SchemaTooNew, match=f"version {SCHEMA_VERSION + 1}") as caught:
        await opened(path)
    assert "upgrade" in str(caught.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize("version", [0, 1, 77])
async def test_a_database_of_another_program_is_refused(tmp_path, version):
    """Another program's database is left as it is, whatever its version."""
    path = tmp_path / "places.sqlite"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE bookmarks (url)")
        other.execute(f"PRAGMA user_version = {version}")
        other.commit()
    before = path.read_bytes()

    with pytest.raises(StoreError, match="another program") as caught:
        await opened(path)
    assert "--db" in str(caught.value)
    assert str(path) in str(caught.value)
    assert not isinstance(caught.value, SchemaTooNew)
    assert path.read_bytes() == before


async def test_what_is_no_database_is_refused(tmp_path):
    """A file of anything else is left as it is."""
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be looked into\n" * 50)
    before = path.read_bytes()

    with pytest.raises(StoreError, match="not a database") as caught:
        await opened(path)
    assert "move it away, or name another file" in str(caught.value)
    assert path.read_bytes() == before


async def test_a_folder_is_refused(tmp_path):
    """A folder's name is answered with a hint."""
    with pytest.raises(StoreError, match="it is a folder"):
        await opened(tmp_path)


async def test_a_missing_folder_is_named(tmp_path):
    """A path in a folder that is not there is answered with that folder."""
    path = tmp_path / "nowhere" / "a.sqlite"

    with pytest.raises(StoreError, match=f"there is no folder {path.parent}"):
        await opened(path)
    assert not path.parent.exists()


async def test_an_interrupted_first_start_is_taken_up(tmp_path):
    """A file that got its mark but no tables yet is a new one."""
    path = tmp_path / "half.sqlite"
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA auto_vacuum = INCREMENTAL")
        other.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        other.execute("PRAGMA journal_mode = WAL")
    await opened(path)

    assert read(path, "SELECT count(*) FROM logs") == [(0,)]


async def test_a_reader_does_not_keep_it_from_opening(tmp_path):
    """Another program that reads is no hindrance to a start."""
    path = tmp_path / "a.sqlite"
    await opened(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM logs").fetchall()
        await opened(path)
        assert reader.in_transaction


def test_a_failed_start_leaves_no_thread_behind(tmp_path, monkeypatch):
    """A database that can't be opened is one error, not also one of a thread."""
    errors = []
    monkeypatch.setattr(threading, "excepthook", errors.append)
    for _ in range(100):
        before = threading.enumerate()
        with pytest.raises(StoreError):
            asyncio.run(open_database(tmp_path, synchronous="full"))
        for thread in set(threading.enumerate()) - set(before):
            thread.join(10)

    assert errors == []


async def test_a_file_that_may_not_be_written_is_refused(public):
    """A user without the right is told at once, and not with the first record."""
    path = public / "logs.sqlite"
    await (await open_database(path, synchronous="off")).close()
    path.chmod(0o644)
    with (
        without_rights(public, 0o777),
        pytest.raises(StoreError, match="may not write it"),
    ):
        await open_database(path, synchronous="off")
