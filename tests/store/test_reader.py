"""A reader reads what is there, keeps nothing open, and leaves no trace."""

import signal
import threading
from pathlib import Path

import pytest
from store.rights import public_folder, without_rights
from store.stored import messages, new_stored, reading

from collector.errors import ReadError
from collector.query.conditions import Function
from collector.query.tree import Everything, Regex, Text
from collector.store.schema import SCHEMA_VERSION
from collector.store.search import Search


def test_a_function_that_fails_is_a_read_error(stored):
    """What SQLite reports of a function is told, without a traceback of its own."""

    def fail(value):
        raise ZeroDivisionError

    with reading(stored.path) as reader:
        reader.register([Function("fails", 1, fail)])
        with pytest.raises(ReadError, match="function raised"):
            reader.rows("SELECT fails(1)")


def test_ctrl_c_is_no_error_of_the_database(stored):
    """A signal ends a search as that wherever it comes, also as a function begins."""
    endless = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT noted(i + 1) FROM n "
        "LIMIT 1000000000) SELECT count(*) FROM n"
    )
    main_thread = threading.get_ident()

    def noted(number):
        if number % 1000 == 0:
            searching.set()
        return number

    def interrupt():
        searching.wait()
        signal.pthread_kill(main_thread, signal.SIGINT)

    with reading(stored.path) as reader:
        reader.register([Function("noted", 1, noted)])
        for _ in range(20):
            searching = threading.Event()
            thread = threading.Thread(target=interrupt)
            thread.start()
            with pytest.raises(KeyboardInterrupt):
                reader.rows(endless)
            thread.join()
        assert reader.value("SELECT 7") == 7


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


def test_no_read_transaction_is_kept_between_rows(stored, make_record, monkeypatch):
    """Between any two rows a checkpoint can empty the log."""
    monkeypatch.setattr("collector.store.search.FETCHED_ROWS", 1)
    monkeypatch.setattr("collector.store.search.SCANNED_IDS", 2)
    monkeypatch.setattr("collector.store.search.INDEXED_IDS", 2)
    stored.add(*[make_record(f"needle {n}") for n in range(10)])
    stored.index(6)
    with reading(stored.path) as reader:
        assert stored.can_empty_its_log()
        for node in (Everything(), Text("needle")):
            rows = Search(reader, node, before=11).rows(newest_first=False)
            for count, row in enumerate(rows, 1):
                assert row.id == count
                stored.add(make_record("another"))
                assert stored.can_empty_its_log()
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
