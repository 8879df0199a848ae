"""Whatever a reader does, it ends when its time is over."""

import pytest

from collector.errors import QueryTimeout
from collector.query.tree import Everything, Regex
from collector.store.reader import Deadline, open_reader
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
        assert stored.can_empty_its_log()


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
