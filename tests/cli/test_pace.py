"""The pace of a replay: when each record is due."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.cli.pace import Pace


def due(moments, speed=1.0, max_gap=60.0):
    pace = Pace(speed, max_gap)
    return [pytest.approx(pace.due_seconds(created)) for created in moments]


def test_the_rhythm_of_creation():
    """Gaps are as long as they were, or shorter by the speed."""
    assert due([100, 101, 101, 105.5]) == [0, 1, 1, 5.5]
    assert due([100, 101, 101, 105.5], speed=10) == [0, 0.1, 0.1, 0.55]
    assert due([100, 101], speed=0.5) == [0, 2]


def test_a_long_gap_is_cut():
    """Nights are slept through; what comes then keeps its distance."""
    assert due([100, 1e6, 1e6 + 5]) == [0, 60, 65]


def test_a_little_disorder_costs_nothing():
    """A record that comes late is due at once, and makes no later one wait."""
    assert due([100, 104, 102, 103, 105]) == [0, 4, 4, 4, 5]


def test_a_wrong_clock_does_not_stop_the_time():
    """After one record from the future those of today have their rhythm again."""
    assert due([100, 2e9, 101, 102, 103]) == [0, 60, 60, 61, 62]


@given(
    st.lists(st.floats(0, 253402300799.0), max_size=30),
    st.floats(0.01, 1000),
    st.floats(0, 100),
)
def test_nobody_waits_for_ever(moments, speed, max_gap):
    """What is due never goes back, and each record waits the longest gap at most."""
    pace = Pace(speed, max_gap)
    before = 0.0
    for created in moments:
        now = pace.due_seconds(created)
        assert before <= now <= before + max_gap * 1.000001
        before = now
