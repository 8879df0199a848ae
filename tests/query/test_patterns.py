"""Regular expressions, and the time that they are given."""

import math
from types import SimpleNamespace

import pytest

from collector.errors import QueryTimeout
from collector.query.patterns import searcher
from collector.query.predicate import matches, predicate
from collector.query.tree import Regex

SLOW = r"(?:a+a+)+b|(\w+\s?)+\1x"


def test_a_pattern_ends_with_its_time(make_row):
    """A search that goes on and on is ended when no seconds are left."""
    left = [0.2, 0.1, 0.0]
    clock = SimpleNamespace(asked=0)

    def seconds_left() -> float:
        clock.asked += 1
        return left.pop(0) if left else 0.0

    holds = predicate(Regex(SLOW), seconds_left)
    with pytest.raises(QueryTimeout):
        holds(make_row(message="aaaa " * 50 + "a" * 5000))
    assert clock.asked == 3


def test_no_time_is_no_search(make_row):
    """Without a second left nothing is searched, not even what is quick."""
    with pytest.raises(QueryTimeout):
        matches(Regex("a"), make_row(message="a"), lambda: 0.0)


@pytest.mark.parametrize("seconds", [1.0, 1e9, 1e300, math.inf])
def test_any_time_is_taken(seconds):
    """Also a very long time, and for ever, is a time to search for."""
    asked = iter([seconds])

    assert searcher("b+", lambda: next(asked))("abbb")
