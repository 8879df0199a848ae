"""A reader reads what is there, says what is wrong, and leaves no trace."""

import os
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from store.rights import public_folder, without_rights
from store.stored import new_database, new_stored, reading

from collector.errors import NoSuchDatabase, QueryTimeout, ReadError
from collector.query.conditions import Function
from collector.query.tree import Everything, Regex, Text
from collector.store import reader as reader_module
from collector.store.reader import Deadline, connect, explained, open_reader
from collector.store.schema import (
    APPLICATION_ID,
    MIGRATIONS,
    SCHEMA_VERSION,
    migration_script,
)
from collector.store.search import Search

# Would count for minutes.
ENDLESS = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
    "LIMIT 1000000000) SELECT count(*) FROM n"
)


class Clock:
    """A clock that goes on by a step whenever it is looked at."""

    def __init__(self, step=0.0):
        self.now = 1000.0
        self.step = step

    def __call__(self):
        self.now += self.step
        return self.now


@pytest.fixture
def stored(tmp_path):
    with new_stored(tmp_path / "logs.sqlite") as one:
        yield one


@pytest.fixture
def impatient(monkeypatch):
    """Locks are not waited for."""
    monkeypatch.setattr(reader_module, "BUSY_SECONDS", 0.0)


def messages(path):
    with reading(path) as reader:
        rows = Search(reader, Everything()).rows(newest_first=False)
        return [row.message for row in rows]


def test_a_deadline_tells_how_much_is_left():
    """Its time runs by the clock; without seconds it never ends."""
    clock = Clock()
    deadline = Deadline(5, clock)
    clock.now += 4
    assert deadline.seconds_left() == 1
    deadline.check()
    clock.now += 1
    with pytest.raises(QueryTimeout, match="within 5 s"):
        deadline.check()

    endless = Deadline(None, clock)
    clock.now += 1e18
    endless.check()
    assert endless.seconds_left() == float("inf")


def test_a_statement_is_interrupted_at_the_deadline(stored):
    """What would run for minutes ends when the time is over; others run after it."""
    clock = Clock(step=1.0)
    with open_reader(stored.path, Deadline(50, clock)) as reader:
        with pytest.raises(QueryTimeout, match="--timeout"):
            reader.rows(ENDLESS)
        clock.now, clock.step = 1000.0, 0.0
        assert reader.value("SELECT 7") == 7


def test_no_statement_is_begun_after_the_deadline(stored):
    """When the time is over, even what is quick is not done."""
    clock = Clock()
    with open_reader(stored.path, Deadline(5, clock)) as reader:
        clock.now += 6
        with pytest.raises(QueryTimeout):
            reader.rows("SELECT 1")
        with pytest.raises(QueryTimeout), reader.snapshot():
            raise AssertionError("not reached")


def test_a_snapshot_ends_when_a_statement_in_it_is_interrupted(stored):
    """After a timeout no read transaction is left open."""
    clock = Clock(step=1.0)
    with open_reader(stored.path, Deadline(50, clock)) as reader:
        with pytest.raises(QueryTimeout), reader.snapshot():
            reader.rows(ENDLESS)
        assert not reader._connection.in_transaction
        assert truncated(stored.connection)


def test_a_regular_expression_ends_at_the_deadline(stored, make_record):
    """A pattern that would be tried for ages is given up in time."""
    stored.add(make_record("a" * 5000 + "b"))
    node = Regex("(a|aa|aaa)+(a|aa)+c(?<=x)$|(a+a*)+d\\1")

    with (
        open_reader(stored.path, Deadline(0.05)) as reader,
        pytest.raises(QueryTimeout),
    ):
        list(Search(reader, node).ids(newest_first=True))


def test_a_search_ends_at_the_deadline(stored, make_record, monkeypatch):
    """Between slices the clock is looked at, also when each is quick."""
    monkeypatch.setattr("collector.store.search.SCANNED_IDS", 1)
    stored.add(*[make_record() for _ in range(100)])
    clock = Clock(step=1.0)
    with open_reader(stored.path, Deadline(60, clock)) as reader:
        found = Search(reader, Everything()).ids(newest_first=False)
        with pytest.raises(QueryTimeout):
            list(found)


def test_a_function_that_fails_is_a_read_error(stored):
    """What SQLite reports of a function is told, without a traceback of its own."""

    def fail(value):
        raise ZeroDivisionError

    with reading(stored.path) as reader:
        reader.register([Function("fails", 1, fail)])
        with pytest.raises(ReadError, match="function raised"):
            reader.rows("SELECT fails(1)")


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


@pytest.mark.parametrize("name", ["a b?c#d%41.sqlite", "é😀.sqlite", "a&mode=rwc"])
def test_names_of_files_may_be_odd(tmp_path, make_record, name):
    """A name is that of the file, whatever it means in a URI."""
    with new_stored(tmp_path / name) as one:
        one.add(make_record("hello"))
        assert messages(one.path) == ["hello"]


def test_a_relative_path_is_one_from_here(stored, make_record, monkeypatch):
    """A path without folders is in the current one."""
    stored.add(make_record("hello"))
    monkeypatch.chdir(stored.path.parent)
    assert messages(Path(stored.path.name)) == ["hello"]


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
    with refused(path, ReadError, r"damaged.*\.recover"):
        messages(path)


def test_a_damaged_schema_is_told(tmp_path):
    """A database whose schema is nonsense can't be opened."""
    path = tmp_path / "logs.sqlite"
    with new_stored(path) as one:
        one.connection.executescript(
            "PRAGMA writable_schema = ON;"
            "UPDATE sqlite_master SET sql = 'CREATE NONSENSE' WHERE name = 'records';"
        )
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


def test_a_writer_at_work_is_no_hindrance(stored, make_record):
    """While another connection is in a transaction, what was committed is read."""
    stored.add(make_record("before"))
    stored.connection.execute("BEGIN IMMEDIATE")
    stored.connection.execute("UPDATE records SET message = 'changed'")
    assert messages(stored.path) == ["before"]
    stored.connection.execute("COMMIT")
    assert messages(stored.path) == ["changed"]


def test_texts_that_are_not_utf8_are_read(stored, make_record):
    """Bytes that are no UTF-8 become replacement characters, and are found beside."""
    stored.add(make_record("one"), make_record("two"), make_record("three"))
    stored.connection.execute(
        "UPDATE records SET message = CAST(x'626164ff20c328' AS TEXT) WHERE id = 2"
    )
    stored.connection.execute("UPDATE origins SET hostname = CAST(x'ff776562' AS TEXT)")

    assert messages(stored.path) == ["one", "bad\ufffd \ufffd(", "three"]
    with reading(stored.path) as reader:
        [row] = Search(reader, Text("BAD")).rows(newest_first=True)
        assert row.hostname == "\ufffdweb"
        found = Search(reader, Regex("bad.")).ids(newest_first=True)
        assert list(found) == [2]


def truncated(connection):
    """Tell whether a checkpoint could write all of the log and empty it."""
    connection.execute("PRAGMA busy_timeout = 0")
    [(busy, pages, _)] = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return (busy, pages) == (0, 0)


def test_no_read_transaction_is_kept_between_rows(stored, make_record, monkeypatch):
    """Between any two rows a checkpoint can empty the log."""
    monkeypatch.setattr("collector.store.search.FETCHED_ROWS", 1)
    monkeypatch.setattr("collector.store.search.SCANNED_IDS", 2)
    monkeypatch.setattr("collector.store.search.INDEXED_IDS", 2)
    stored.add(*[make_record(f"needle {n}") for n in range(10)])
    stored.index(6)
    with reading(stored.path) as reader:
        assert truncated(stored.connection)
        for node in (Everything(), Text("needle")):
            rows = Search(reader, node, before=11).rows(newest_first=False)
            for count, row in enumerate(rows, 1):
                assert row.id == count
                stored.add(make_record("another"))
                assert truncated(stored.connection)
            assert count == 10


def test_nothing_can_be_written(stored):
    """Whatever statement gets to a reader, the database stays as it is."""
    with reading(stored.path) as reader:
        for sql in (
            "DELETE FROM search_state",
            "CREATE TABLE x (y)",
            "PRAGMA user_version = 99",
        ):
            with pytest.raises(ReadError, match="readonly"):
                reader.rows(sql)
    assert stored.connection.execute("PRAGMA user_version").fetchone() == (
        SCHEMA_VERSION,
    )


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_reading_leaves_no_trace_beside_a_daemon(stored, make_record):
    """While the daemon has the database open, no file but its locks changes."""
    stored.add(*[make_record(f"m{n}") for n in range(100)])
    before = files(stored.path.parent)
    assert len(messages(stored.path)) == 100
    after = files(stored.path.parent)

    assert set(after) == set(before)
    for name in ("logs.sqlite", "logs.sqlite-wal"):
        assert after[name] == before[name]


def test_reading_changes_nothing_without_a_daemon(tmp_path, make_record):
    """The file of a database that nobody has open stays as it is, with no log.

    SQLite makes an empty log for a reader that may not remove it again.
    """
    path = tmp_path / "logs.sqlite"
    with new_stored(path) as one:
        one.add(make_record("hello"))
    before = files(tmp_path)
    assert set(before) == {"logs.sqlite"}
    assert messages(path) == ["hello"]

    after = files(tmp_path)
    assert after.pop("logs.sqlite") == before["logs.sqlite"]
    after.pop("logs.sqlite-shm", None)
    assert after in ({}, {"logs.sqlite-wal": b""})


def killed(path, make_record):
    """Leave a database as a daemon that was killed does: with its log."""
    with new_stored(path.with_name("alive.sqlite")) as one:
        one.connection.execute("PRAGMA wal_autocheckpoint = 0")
        one.add(*[make_record(f"m{n}") for n in range(5)])
        for end in ("", "-wal"):
            copy = Path(f"{path}{end}")
            copy.write_bytes(Path(f"{one.path}{end}").read_bytes())


def test_what_a_killed_daemon_committed_is_read(tmp_path, make_record):
    """What is only in the log is there, and stays in the log."""
    path = tmp_path / "dead.sqlite"
    killed(path, make_record)
    before = files(tmp_path)
    assert messages(path) == [f"m{n}" for n in range(5)]

    after = files(tmp_path)
    assert after["dead.sqlite"] == before["dead.sqlite"]
    assert after["dead.sqlite-wal"] == before["dead.sqlite-wal"]


@pytest.fixture
def public():
    with public_folder() as folder:
        yield folder


def test_a_database_in_a_read_only_folder_is_read(public, make_record):
    """Where no files can be made beside it, and none are needed, it is read."""
    path = public / "logs.sqlite"
    with new_stored(path) as one:
        one.add(make_record("hello"))
    with without_rights(public):
        found = messages(path)
    assert found == ["hello"]
    assert list(public.iterdir()) == [path]


def test_a_link_to_a_database_in_a_read_only_folder_is_read(public, make_record):
    """Where the link is does not matter; where the database is does."""
    path = public / "logs.sqlite"
    with public_folder() as writable:
        writable.chmod(0o777)
        link = writable / "link.sqlite"
        link.symlink_to(path)
        with new_stored(path) as one:
            one.add(make_record("hello"))
        with without_rights(public):
            found = messages(link)
    assert found == ["hello"]


def test_a_daemon_in_a_read_only_folder_is_read_beside(public, make_record):
    """A user who may only read sees what the daemon has just committed."""
    path = public / "logs.sqlite"
    with new_stored(path) as one:
        one.add(make_record("hello"))
        with without_rights(public):
            found = messages(path)
        one.add(make_record("again"))
        with without_rights(public):
            assert messages(path) == ["hello", "again"]
    assert found == ["hello"]


def test_the_log_of_a_killed_daemon_is_never_passed_over(public, make_record):
    """In a read-only folder, what the log has is read, or the reader says it can't."""
    path = public / "dead.sqlite"
    killed(path, make_record)
    with without_rights(public):
        try:
            found = messages(path)
        except ReadError as error:
            found = str(error)
    assert found == [f"m{n}" for n in range(5)] or str(path) in found


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
