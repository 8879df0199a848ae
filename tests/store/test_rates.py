"""Which changes of a rate are told: not chance, not trifles, not the time of day."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.store.rates import (
    Rate,
    change,
    has_changed,
    ordinary_factor,
    unlikeliness,
)

HOUR = 3600.0
number = st.integers(0, 10_000_000)
length = st.sampled_from([1.0, 60.0, HOUR, 7 * 24 * HOUR])


def rate(before, after, hours_before=1.0, hours_after=1.0):
    return Rate(before, after, hours_before * HOUR, hours_after * HOUR)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (0, 0, False),
        (3, 9, False),
        (0, 9, False),
        (0, 10, True),
        (10, 0, True),
        (10, 20, False),
        (20, 60, True),
        (100_000, 150_000, False),
        (100_000, 200_000, True),
        (200_000, 100_000, True),
        (1000, 0, True),
    ],
)
def test_what_is_told(before, after, told):
    """Few records tell nothing, and many tell nothing of a small change."""
    assert has_changed(rate(before, after)) is told


def test_lengths_count():
    """As many records in a tenth of the time are ten times as many."""
    assert has_changed(rate(100, 100, hours_before=10))
    assert not has_changed(rate(1000, 100, hours_before=10))
    assert rate(1000, 300, hours_before=10).factor == pytest.approx(3)
    assert rate(1000, 300, hours_before=10).before_per_hour == pytest.approx(100)


def test_what_most_rates_did_is_no_change():
    """Where all is twice as busy, that is told of none; what stays the same is."""
    rates = [rate(100 + n, 2 * (100 + n)) for n in range(30)]
    ordinary = ordinary_factor(rates)

    assert ordinary == pytest.approx(2)
    assert not any(has_changed(each, ordinary) for each in rates)
    assert has_changed(rate(500, 200), ordinary)
    assert not has_changed(rate(500, 1500), ordinary)
    assert has_changed(rate(500, 2500), ordinary)


def test_few_rates_are_no_rule():
    """What a handful of call sites did is not taken for ordinary."""
    assert ordinary_factor([rate(100, 1000)] * 19) == 1
    assert ordinary_factor([rate(1, 9)] * 100) == 1
    assert ordinary_factor([]) == 1


@given(number, number, length, length)
def test_the_measures_are_numbers(before, after, before_seconds, after_seconds):
    """Whatever the counts are, measures are finite, and say which way it went."""
    one = Rate(before, after, before_seconds, after_seconds)

    assert unlikeliness(one) > -1e-3
    assert math.isfinite(change(one))
    apart = one.after_per_hour - one.before_per_hour
    if abs(apart) > 1e-6 * max(one.after_per_hour, one.before_per_hour):
        assert (change(one) > 0) == (apart > 0)
    turned = Rate(after, before, after_seconds, before_seconds)
    assert change(turned) == pytest.approx(-change(one), abs=1e-9)


def test_a_few_records_are_not_the_greatest_change():
    """From 0 to 10 is less of a change than from 10 to 1,000, though it is endless."""
    assert change(rate(0, 10)) < change(rate(10, 1000))
    assert change(rate(100, 100)) == 0
