"""A cursor goes on whatever file takes the place of the one it followed."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from store.following import following, news, texts
from store.stored import new_stored, opened, remove


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
        await one.database.finish()
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
        with opened(path) as one:
            one.add(*texts(make_record, 4, 4))
        assert news(cursor) == ["m4"]


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


def test_what_was_stored_just_before_a_removal_is_given(path, make_record):
    """Rows committed to a file that is gone by the next look are not lost."""
    with new_stored(path) as one, following(path) as cursor:
        one.add(*texts(make_record, 1, 1))
        assert news(cursor) == ["m1"]
        one.add(*texts(make_record, 2, 3))
        remove(path)
        assert news(cursor) == ["m2", "m3"]
        assert news(cursor) == []


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
