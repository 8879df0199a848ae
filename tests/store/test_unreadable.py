"""What can't be read is told by name, with the reason and what to do."""

import os
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from store.rights import without_rights
from store.stored import messages, new_database, new_stored

from collector.errors import NoSuchDatabase, ReadError
from collector.store.reader import connect, explained
from collector.store.schema import (
    APPLICATION_ID,
    MIGRATIONS,
    SCHEMA_VERSION,
    migration_script,
)


@contextmanager
def refused(path, error=ReadError, match=""):
    """Expect that a path can't be read, and that the reason names it."""
    with pytest.raises(error, match=match) as caught:
        yield
    assert type(caught.value) is error
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_no_database(tmp_path):
    """Nothing is made where nothing is."""
    path = tmp_path / "none.sqlite"
    with refused(path, NoSuchDatabase, "no such database"):
        connect(path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_a_missing_folder_is_no_database(tmp_path):
    """A folder that is not there is as good as a file that is not."""
    path = tmp_path / "none" / "logs.sqlite"
    with refused(path, NoSuchDatabase, "no such database"):
        connect(path)


def test_a_name_that_no_file_can_have_is_no_database(tmp_path):
    """A name that is too long for the file system is an error for people."""
    path = tmp_path / ("x" * 300)
    with pytest.raises(ReadError) as caught:
        connect(path)
    assert str(path) in str(caught.value)


def test_a_folder_is_no_database(tmp_path):
    """A folder is named as one."""
    with refused(tmp_path, NoSuchDatabase, "folder"):
        connect(tmp_path)


def test_a_pipe_is_no_database(tmp_path):
    """What is no file is named as such, and not waited for."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    # Else whoever opens it to read waits for a writer, for ever.
    other_end = os.open(path, os.O_RDWR)
    try:
        with refused(path, NoSuchDatabase, "no(t a)? file"):
            connect(path)
    finally:
        os.close(other_end)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text\n",
        b"time level message\n" * 1000,
        b"SQLite format 3\0",
        b"\0" * 4096,
    ],
)
def test_a_file_of_another_kind_is_no_database(tmp_path, content):
    """Empty files, texts, and what only begins like a database are told apart."""
    path = tmp_path / "file"
    path.write_bytes(content)
    with refused(path, NoSuchDatabase, "not a database"):
        connect(path)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_database_of_another_program_is_not_ours(tmp_path):
    """Other programs' databases are left alone."""
    path = tmp_path / "theirs.sqlite"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE records (id INTEGER)")
        other.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    with refused(path, NoSuchDatabase, "not a database of logcollector"):
        connect(path)


def test_a_newer_schema_asks_for_an_upgrade(stored):
    """A database of a later version is not guessed at."""
    stored.connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with refused(stored.path, ReadError, "upgrade logcollector"):
        connect(stored.path)


def test_an_older_schema_asks_for_the_daemon(tmp_path):
    """A reader does not migrate; it says who does."""
    path = tmp_path / "old.sqlite"
    with closing(sqlite3.connect(path)) as old:
        old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        old.executescript(migration_script(MIGRATIONS[0], sqlite3.sqlite_version_info))
    with refused(path, ReadError, "logcollector serve"):
        connect(path)


def corrupt(path, table):
    """Write over the pages of a table."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        [(size,)] = connection.execute("PRAGMA page_size")
        [(page,)] = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = ?", [table]
        )
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xa5" * size)


@pytest.mark.parametrize("table", ["records", "call_sites", "origins"])
def test_damaged_pages_are_told(tmp_path, make_record, table):
    """A reader that meets a damaged page says so, and what may help."""
    path = tmp_path / "logs.sqlite"
    with new_stored(path) as one:
        one.add(*[make_record("x" * 100) for _ in range(100)])
    corrupt(path, table)
    with refused(path, ReadError, r"damaged.*logcollector import"):
        messages(path)


def test_a_damaged_schema_is_told(tmp_path):
    """A database whose schema is nonsense can't be opened."""
    path = tmp_path / "logs.sqlite"
    with new_stored(path) as one:
        one.spoil_schema()
    with refused(path, ReadError, "damaged"):
        connect(path)


def test_a_truncated_file_is_told(tmp_path, make_record):
    """A database whose end is missing is no crash."""
    path = tmp_path / "logs.sqlite"
    with new_stored(path) as one:
        one.add(*[make_record("x" * 1000) for _ in range(200)])
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    with refused(path, ReadError, "damaged"):
        messages(path)


@pytest.mark.usefixtures("impatient")
def test_a_database_that_is_locked_whole_is_told(stored):
    """With locking_mode=EXCLUSIVE there is nothing to read but the lock."""
    with closing(sqlite3.connect(stored.path, isolation_level=None)) as greedy:
        stored.connection.close()
        greedy.execute("PRAGMA locking_mode = EXCLUSIVE")
        greedy.execute("BEGIN EXCLUSIVE")
        with refused(stored.path, ReadError, "locked.*try again"):
            connect(stored.path)


@pytest.mark.parametrize("mode", [0o000, 0o711])
def test_a_database_that_may_not_be_read_is_told(public, mode):
    """Without the right to look at it, there is an error for people."""
    inner = public / "inner"
    inner.mkdir()
    path = inner / "logs.sqlite"
    path.write_bytes(new_database())
    path.chmod(0o600 if os.getuid() == 0 else 0)
    with without_rights(inner, mode), pytest.raises(ReadError) as caught:
        connect(path)
    assert str(path) in str(caught.value)


def test_all_faults_have_a_hint_or_their_own_words():
    """What SQLite reports is named with the file, whatever it is."""
    path = Path("/x/logs.sqlite")
    fault = sqlite3.OperationalError("disk I/O error")
    fault.sqlite_errorcode = sqlite3.SQLITE_IOERR_READ
    assert "is the disk in order?" in str(explained(path, fault))
    assert str(explained(path, MemoryError("no memory"))) == (
        "/x/logs.sqlite: cannot be read: no memory"
    )
