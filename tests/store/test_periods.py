"""The two times that are compared."""

import pytest

from collector.query.tree import Everything, Since, Text, Until, every
from collector.store.periods import Periods, periods, without_times

RECORDED = (1000, 9000)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        # As long before as since then.
        ({"since": 8000.0}, (7000, 8000, 9000)),
        ({"since": 8000.0, "until": 8500.0}, (7500, 8000, 8500)),
        ({"since": 8000.0, "start": 2000.0}, (2000, 8000, 9000)),
        # No more than there is.
        ({"since": 2000.0}, (1000, 2000, 9000)),
        ({"since": 2000.0, "start": 0.0}, (1000, 2000, 9000)),
        ({"since": 8000.0, "until": 1e12}, (7000, 8000, 9000)),
        # The last minute is not over yet.
        ({"since": 8000.0, "now": 8980.0}, (7020, 8000, 8980)),
        # Whole seconds.
        ({"since": 8000.7}, (7000, 8000, 9000)),
        # Nothing since, nothing before.
        ({"since": 9000.0}, None),
        ({"since": 9999.0}, None),
        ({"since": 1000.5}, None),
        ({"since": 500.0}, None),
    ],
)
def test_periods(asked, expected):
    """They are as long as each other unless asked otherwise, and within what is."""
    asked = {"until": None, "start": None, "now": 1e9, **asked}

    assert periods(RECORDED, **asked) == (expected and Periods(*expected))


def test_nothing_is_recorded():
    """An empty database has nothing to compare."""
    assert periods((0, 0), since=5.0, until=None, start=None, now=9.0) is None


def test_times_of_a_query_are_taken_out():
    """The times that a query is asked for are not those of its parts."""
    assert without_times(Since(5.0)) == Everything()
    assert without_times(every(Since(5.0), Text("a"), Until(9.0))) == Text("a")
    assert without_times(Text("a")) == Text("a")
