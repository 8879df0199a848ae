"""A cursor has patience with damage and locks that pass, and no more."""

import sqlite3
from contextlib import closing

import pytest
from store.following import following, news, texts
from store.stored import new_stored, opened, remove

from collector.errors import ReadError
from collector.store import follow


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
        one.spoil_schema()


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
        with opened(path) as one:
            one.add(*texts(make_record, 4, 4))
        assert news(cursor) == ["m4"]


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


@pytest.mark.usefixtures("impatient")
def test_a_lock_is_waited_out(path, make_record):
    """A database that is locked whole for a moment is read after that."""
    with new_stored(path) as one:
        one.add(*texts(make_record, 1, 2))
    with following(path) as cursor:
        with closing(sqlite3.connect(path, isolation_level=None)) as greedy:
            greedy.execute("PRAGMA locking_mode = EXCLUSIVE")
            greedy.execute("BEGIN EXCLUSIVE")
            assert news(cursor) == []
            greedy.execute("COMMIT")
        assert news(cursor) == ["m1", "m2"]
