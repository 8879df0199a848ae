"""The cursor gives each new record once, in order, whatever becomes of the file."""

import asyncio
import os
import shutil
import sqlite3
import threading
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from store.rights import public_folder, without_rights
from store.stored import new_stored

from collector.errors import ReadError
from collector.store import follow
from collector.store.follow import Cursor


@pytest.fixture
def path(tmp_path):
    return tmp_path / "logs.sqlite"


@contextmanager
def following(path):
    cursor = Cursor(path)
    try:
        yield cursor
    finally:
        cursor.close()


def news(cursor):
    """Return the messages of one look."""
    return [row.message for row in cursor.new_rows()]


def texts(make_record, first, last, word="m"):
    """Make records that are numbered."""
    return [make_record(f"{word}{n}") for n in range(first, last + 1)]


def test_new_records_are_given_once_and_in_order(path, make_record):
    """From the first record on, each look gives what was stored since the last."""
    with new_stored(path) as one, following(path) as cursor:
        one.add(*texts(make_record, 1, 3))
        assert news(cursor) == ["m1", "m2", "m3"]
        assert news(cursor) == []
        one.add(*texts(make_record, 4, 4))
        one.add(*texts(make_record, 5, 6))
        assert news(cursor) == ["m4", "m5", "m6"]
        assert news(cursor) == []


def test_what_is_before_the_end_can_be_skipped(path, make_record):
    """Behind the last record, only those that come are given."""
    with new_stored(path) as one, following(path) as cursor:
        one.add(*texts(make_record, 1, 3))
        assert cursor.skip_to_end() == 3
        assert news(cursor) == []
        one.add(*texts(make_record, 4, 4))
        assert news(cursor) == ["m4"]


def test_an_empty_database_ends_where_it_begins(path, make_record):
    """Without a record, the end is before the first."""
    with new_stored(path) as one, following(path) as cursor:
        assert cursor.skip_to_end() == 0
        one.add(*texts(make_record, 1, 1))
        assert news(cursor) == ["m1"]


def test_more_than_one_look_holds_is_given_whole(path, make_record, monkeypatch):
    """All that was stored is given, in as many fetches as that takes."""
    monkeypatch.setattr(follow, "ROWS_PER_LOOK", 4)
    with new_stored(path) as one, following(path) as cursor:
        for number in (3, 4, 5, 8, 9):
            one.add(*texts(make_record, 1, number))
            assert len(news(cursor)) == number


def test_whoever_stops_in_the_midst_goes_on_there(path, make_record):
    """What was taken is not given again, and what was not taken is."""
    with new_stored(path) as one, following(path) as cursor:
        one.add(*texts(make_record, 1, 5))
        rows = cursor.new_rows()
        assert [next(rows).message, next(rows).message] == ["m1", "m2"]
        rows.close()
        assert news(cursor) == ["m3", "m4", "m5"]


def test_a_commit_during_a_look_is_not_missed(path, make_record):
    """What is stored while the last row is looked at comes with the next look."""
    with new_stored(path) as one, following(path) as cursor:
        one.add(*texts(make_record, 1, 2))
        seen = []
        for row in cursor.new_rows():
            seen.append(row.message)
            if row.message == "m2":
                one.add(*texts(make_record, 3, 3))
        assert seen + news(cursor) == ["m1", "m2", "m3"]


def test_nothing_is_kept_open_between_looks(path, make_record):
    """After a look, and within it, a checkpoint can empty the log."""
    with new_stored(path) as one, following(path) as cursor:
        one.add(*texts(make_record, 1, 2))
        one.connection.execute("PRAGMA busy_timeout = 0")
        for _ in cursor.new_rows():
            checkpoint = one.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            assert checkpoint.fetchone() == (0, 0, 0)
        one.add(*texts(make_record, 3, 3))
        checkpoint = one.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert checkpoint.fetchone() == (0, 0, 0)
        assert news(cursor) == ["m3"]


async def test_what_a_writer_commits_meanwhile_is_followed(running, make_record):
    """Beside a writer at work, each record is given once, in the writer's order."""
    one = await running(batch_records=7, flush_interval_seconds=0)
    total = 3000
    seen = []
    stop = threading.Event()

    def look():
        with following(one.path) as cursor:
            while True:
                # Asked before the look: then that one sees all.
                last = stop.is_set()
                seen.extend(news(cursor))
                if last:
                    return

    looking = asyncio.create_task(asyncio.to_thread(look))
    one.start()
    for first in range(0, total, 100):
        one.add(*texts(make_record, first, first + 99))
        await asyncio.sleep(0)
    await one.finish()
    stop.set()
    await looking

    assert seen == [f"m{n}" for n in range(total)]


def remove(path):
    for end in ("", "-wal", "-shm"):
        Path(f"{path}{end}").unlink(missing_ok=True)


def test_a_database_made_anew_is_read_from_its_first(path, make_record):
    """After it was removed, records of the next one are all new."""
    with following(path) as cursor:
        with new_stored(path) as one:
            one.add(*texts(make_record, 1, 3))
            assert news(cursor) == ["m1", "m2", "m3"]
        remove(path)
        with new_stored(path) as one:
            one.add(*texts(make_record, 1, 5, "other"))
            assert news(cursor) == [f"other{n}" for n in range(1, 6)]
            one.add(*texts(make_record, 6, 6, "other"))
            assert news(cursor) == ["other6"]


def test_a_database_made_anew_after_a_look_at_nothing_is_read_whole(path, make_record):
    """Also when the new file takes the place on the disk that the old one had."""
    with following(path) as cursor:
        with new_stored(path) as one:
            one.add(*texts(make_record, 1, 3))
            assert news(cursor) == ["m1", "m2", "m3"]
            old = path.stat().st_ino
        remove(path)
        assert news(cursor) == []
        # File systems that give numbers away again do so at once.
        with new_stored(path) as one:
            if path.stat().st_ino != old:
                pytest.skip("this file system has new numbers for new files")
            one.add(*texts(make_record, 1, 5, "other"))
            assert news(cursor) == [f"other{n}" for n in range(1, 6)]


def test_a_database_that_is_not_there_yet_is_waited_for(path, make_record):
    """Before there is a database there is nothing new; then all of it is."""
    with following(path) as cursor:
        assert news(cursor) == []
        path.write_bytes(b"")
        assert news(cursor) == []
        with new_stored(path) as one:
            assert news(cursor) == []
            one.add(*texts(make_record, 1, 2))
            assert news(cursor) == ["m1", "m2"]


def test_the_end_of_what_is_not_there_is_an_error(path):
    """Whoever wants to skip to the end is told that there is no database."""
    with following(path) as cursor, pytest.raises(ReadError, match="no such database"):
        cursor.skip_to_end()


def test_another_database_put_in_its_place_is_read_from_its_first(path, make_record):
    """With os.replace, rows of the old file that were not seen come first."""
    other = path.with_name("other.sqlite")
    with new_stored(other) as one:
        one.add(*texts(make_record, 1, 4, "other"))
    with new_stored(path) as one, following(path) as cursor:
        one.add(*texts(make_record, 1, 2))
        assert news(cursor) == ["m1", "m2"]
        one.add(*texts(make_record, 3, 4))
        one.connection.close()
        # Without its log, which SQLite would take for one of the new file.
        remove(path)
        os.replace(other, path)
        assert news(cursor) == ["m3", "m4", "other1", "other2", "other3", "other4"]
        assert news(cursor) == []


async def test_a_daemon_that_stops_leaves_nothing_in_the_log(running, make_record):
    """Though it is followed: a file that is put in its place has no log of another."""
    one = await running()
    one.add(*texts(make_record, 1, 3))
    await one.finish()
    with following(one.path) as cursor:
        assert news(cursor) == ["m1", "m2", "m3"]
        await one.writer.close()
        log = Path(f"{one.path}-wal")
        assert not log.exists() or log.stat().st_size == 0
        other = one.path.with_name("other.sqlite")
        with new_stored(other) as another:
            another.add(*texts(make_record, 1, 5, "other"))
        os.replace(other, one.path)
        assert news(cursor) == [f"other{n}" for n in range(1, 6)]


def copied(path, target):
    """Make a copy of a database, as backups do."""
    with (
        closing(sqlite3.connect(path)) as source,
        closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)


def test_a_copy_that_goes_on_is_followed_on(path, make_record):
    """Records that were seen in the file before are not given again."""
    other = path.with_name("other.sqlite")
    with following(path) as cursor:
        with new_stored(path) as one:
            one.add(*texts(make_record, 1, 3))
            assert news(cursor) == ["m1", "m2", "m3"]
            copied(path, other)
        remove(path)
        os.replace(other, path)
        assert news(cursor) == []
        with new_copy(path) as connection:
            connection.execute("INSERT INTO records SELECT 4, created, delay_ms, "
                               "call_site_id, origin_id, 'm4', NULL, NULL, NULL, NULL "
                               "FROM records WHERE id = 3")  # fmt: skip
        assert news(cursor) == ["m4"]


@contextmanager
def new_copy(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def test_a_copy_that_went_on_before_it_was_seen_is_followed_on(path, make_record):
    """What the copy has beyond the last record that was seen is new."""
    other = path.with_name("other.sqlite")
    with following(path) as cursor:
        with new_stored(path) as one:
            one.add(*texts(make_record, 1, 3))
            assert cursor.skip_to_end() == 3
            one.add(*texts(make_record, 4, 5))
            copied(path, other)
        os.replace(other, path)
        assert news(cursor) == ["m4", "m5"]
        assert news(cursor) == []


@pytest.mark.parametrize("damage", [b"nonsense " * 1000, b"", None])
def test_damage_that_passes_is_waited_out(path, make_record, damage):
    """A file that is damaged for a moment costs no record, and doubles none."""
    with new_stored(path) as one:
        one.add(*texts(make_record, 1, 3))
    content = path.read_bytes()
    with following(path) as cursor:
        assert news(cursor) == ["m1", "m2", "m3"]
    with following(path) as cursor:
        assert cursor.skip_to_end() == 3
        cursor.close()
        remove(path)
        path.write_bytes(
            content[:100] + b"\xa5" * (len(content) - 100) if damage is None else damage
        )
        assert news(cursor) == []
        assert news(cursor) == []
        remove(path)
        path.write_bytes(content)
        assert news(cursor) == []
        with new_copy(path) as connection:
            connection.execute("INSERT INTO records SELECT 4, created, delay_ms, "
                               "call_site_id, origin_id, 'm4', NULL, NULL, NULL, NULL "
                               "FROM records WHERE id = 3")  # fmt: skip
        assert news(cursor) == ["m4"]


class Clock:
    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    """Replaces the clock of cursors."""
    made = Clock()
    monkeypatch.setattr(follow, "time", made)
    return made


def spoiled(path):
    """Make a database that can't be read: its schema is nonsense."""
    with new_stored(path) as one:
        one.connection.executescript(
            "PRAGMA writable_schema = ON;"
            "UPDATE sqlite_master SET sql = 'CREATE NONSENSE' WHERE name = 'records';"
        )


def test_damage_that_stays_is_told(path, clock):
    """When it can't be read for some seconds, that is an error."""
    spoiled(path)
    with following(path) as cursor:
        assert news(cursor) == []
        clock.now += follow.PATIENCE_SECONDS
        assert news(cursor) == []
        clock.now += 0.1
        with pytest.raises(ReadError, match="damaged"):
            news(cursor)


def test_patience_begins_anew_after_a_good_look(path, clock, make_record):
    """Two faults with a good look between them are not one long fault."""
    with following(path) as cursor:
        spoiled(path)
        assert news(cursor) == []
        clock.now += 4
        with new_stored(path) as one:
            one.add(*texts(make_record, 1, 2))
            # Also when whoever looks does not want all of it.
            rows = cursor.new_rows()
            assert next(rows).message == "m1"
            rows.close()
        clock.now += 4
        spoiled(path)
        # The rest of the file before, and then the fault.
        assert news(cursor) == ["m2"]
        assert news(cursor) == []


def test_patience_begins_anew_when_there_is_no_database(path, clock):
    """While there is none, nothing fails; what comes then may be damaged a while."""
    with following(path) as cursor:
        spoiled(path)
        assert news(cursor) == []
        remove(path)
        clock.now += 4
        assert news(cursor) == []
        clock.now += 4
        spoiled(path)
        assert news(cursor) == []


def test_a_lock_is_waited_out(path, make_record, monkeypatch):
    """A database that is locked whole for a moment is read after that."""
    monkeypatch.setattr("collector.store.reader.BUSY_SECONDS", 0.0)
    with new_stored(path) as one:
        one.add(*texts(make_record, 1, 2))
    with following(path) as cursor:
        with closing(sqlite3.connect(path, isolation_level=None)) as greedy:
            greedy.execute("PRAGMA locking_mode = EXCLUSIVE")
            greedy.execute("BEGIN EXCLUSIVE")
            assert news(cursor) == []
            greedy.execute("COMMIT")
        assert news(cursor) == ["m1", "m2"]


def test_what_was_stored_just_before_a_removal_is_given(path, make_record):
    """Rows committed to a file that is gone by the next look are not lost."""
    with new_stored(path) as one, following(path) as cursor:
        one.add(*texts(make_record, 1, 1))
        assert news(cursor) == ["m1"]
        one.add(*texts(make_record, 2, 3))
        remove(path)
        assert news(cursor) == ["m2", "m3"]
        assert news(cursor) == []


def test_a_cursor_survives_the_restart_of_the_daemon(path, make_record):
    """When the writer closes the database and opens it again, rows go on."""
    with following(path) as cursor:
        with new_stored(path) as one:
            one.add(*texts(make_record, 1, 2))
            assert news(cursor) == ["m1", "m2"]
        assert news(cursor) == []
        with new_copy(path) as connection:
            connection.execute("INSERT INTO records SELECT 3, created, delay_ms, "
                               "call_site_id, origin_id, 'm3', NULL, NULL, NULL, NULL "
                               "FROM records WHERE id = 2")  # fmt: skip
            assert news(cursor) == ["m3"]


def test_a_closed_cursor_keeps_its_position(path, make_record):
    """After close, the next look goes on where the last ended."""
    with new_stored(path) as one, following(path) as cursor:
        one.add(*texts(make_record, 1, 2))
        assert news(cursor) == ["m1", "m2"]
        cursor.close()
        cursor.close()
        one.add(*texts(make_record, 3, 3))
        assert news(cursor) == ["m3"]


def test_a_copy_made_by_hand_while_it_is_closed_is_followed_on(path, make_record):
    """A copy of the bytes of a database at rest goes on too."""
    other = path.with_name("other.sqlite")
    with following(path) as cursor:
        with new_stored(path) as one:
            one.add(*texts(make_record, 1, 2))
            assert news(cursor) == ["m1", "m2"]
            cursor.close()
        shutil.copy(path, other)
        os.replace(other, path)
        assert news(cursor) == []


def test_a_daemon_that_starts_later_is_followed_without_the_right_to_write(make_record):
    """A cursor in a read-only folder, that began without a daemon, sees its rows."""
    with public_folder() as folder:
        path = folder / "logs.sqlite"
        with new_stored(path) as one:
            one.add(*texts(make_record, 1, 2))
        with following(path) as cursor:
            with without_rights(folder):
                assert cursor.skip_to_end() == 2
                assert news(cursor) == []
            with new_copy(path) as connection:
                connection.execute("INSERT INTO records SELECT 3, created, delay_ms, "
                                   "call_site_id, origin_id, 'm3', NULL, NULL, NULL, "
                                   "NULL FROM records WHERE id = 2")  # fmt: skip
                with without_rights(folder):
                    assert news(cursor) == ["m3"]
                    assert news(cursor) == []
