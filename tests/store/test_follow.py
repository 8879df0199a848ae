"""The cursor gives each new record once, in order."""

import asyncio
import threading

import pytest
from store.following import following, news, texts
from store.rights import without_rights
from store.stored import new_stored, opened

from collector.errors import ReadError
from collector.store import follow


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


def test_the_end_of_what_is_not_there_is_an_error(path):
    """Whoever wants to skip to the end is told that there is no database."""
    with following(path) as cursor, pytest.raises(ReadError, match="no such database"):
        cursor.skip_to_end()


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
        for _ in cursor.new_rows():
            assert one.can_empty_its_log()
        one.add(*texts(make_record, 3, 3))
        assert one.can_empty_its_log()
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


def test_a_closed_cursor_keeps_its_position(path, make_record):
    """After close, the next look goes on where the last ended."""
    with new_stored(path) as one, following(path) as cursor:
        one.add(*texts(make_record, 1, 2))
        assert news(cursor) == ["m1", "m2"]
        cursor.close()
        cursor.close()
        one.add(*texts(make_record, 3, 3))
        assert news(cursor) == ["m3"]


def test_a_cursor_survives_the_restart_of_the_daemon(path, make_record):
    """When the writer closes the database and opens it again, rows go on."""
    with following(path) as cursor:
        with new_stored(path) as one:
            one.add(*texts(make_record, 1, 2))
            assert news(cursor) == ["m1", "m2"]
        assert news(cursor) == []
        with opened(path) as one:
            one.add(*texts(make_record, 3, 3))
            assert news(cursor) == ["m3"]


def test_a_daemon_that_starts_later_is_followed_without_the_right_to_write(
    public, make_record
):
    """A cursor in a read-only folder, that began without a daemon, sees its rows."""
    path = public / "logs.sqlite"
    with new_stored(path) as one:
        one.add(*texts(make_record, 1, 2))
    with following(path) as cursor:
        with without_rights(public):
            assert cursor.skip_to_end() == 2
            assert news(cursor) == []
        with opened(path) as one:
            one.add(*texts(make_record, 3, 3))
            with without_rights(public):
                assert news(cursor) == ["m3"]
                assert news(cursor) == []
