"""Buckets of time: where they begin, what they hold, in any time zone."""

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collector.cli.buckets import (
    DAY,
    HOUR,
    MINUTE,
    MOST_EMPTY,
    NICE_SECONDS,
    Buckets,
    nice_seconds,
)

BERLIN = ZoneInfo("Europe/Berlin")
# Clocks that change by an hour, by half of one, by a whole day; that are off
# by half and quarter hours, once, or to this day.
ZONES = [
    UTC,
    BERLIN,
    *map(
        ZoneInfo,
        (
            "America/New_York",
            "America/Caracas",
            "Asia/Kathmandu",
            "Asia/Kolkata",
            "Australia/Lord_Howe",
            "Pacific/Apia",
        ),
    ),
]
# In Berlin the clock is changed at 01:00 UTC of these days.
SPRING = int(datetime(2026, 3, 29, 1, tzinfo=UTC).timestamp())
AUTUMN = int(datetime(2026, 10, 25, 1, tzinfo=UTC).timestamp())

buckets = st.builds(Buckets, st.sampled_from(NICE_SECONDS), st.sampled_from(ZONES))
moments = st.one_of(
    st.integers(315_532_800, 2_000_000_000),
    st.integers(SPRING - DAY, SPRING + DAY),
    st.integers(AUTUMN - DAY, AUTUMN + DAY),
)


def starts_between(first: datetime, last: datetime, seconds: int) -> list[int]:
    """Return the starts of all buckets in Berlin that hold part of a time."""
    ends = (int(first.timestamp()), int(last.timestamp()))
    made = Buckets(seconds, BERLIN)
    return sorted({made.start(moment) for moment in range(*ends, MINUTE)})


@given(buckets, moments)
@example(Buckets(2 * HOUR, BERLIN), SPRING)
@example(Buckets(12 * HOUR, BERLIN), SPRING + 5 * HOUR)
@example(Buckets(2 * HOUR, BERLIN), AUTUMN)
@example(Buckets(HOUR, ZoneInfo("Australia/Lord_Howe")), 1_759_591_800)
def test_a_bucket_holds_its_start(made, moment):
    """A bucket begins at or before each moment in it, and its start is in it."""
    start = made.start(moment)

    assert start <= moment
    assert made.start(start) == start


@given(buckets, moments, moments)
@example(Buckets(12 * HOUR, BERLIN), SPRING - MINUTE, SPRING + MINUTE)
def test_buckets_are_in_order(made, one, other):
    """A later moment is never in an earlier bucket."""
    earlier, later = sorted((one, other))

    assert made.start(earlier) <= made.start(later)


@given(buckets, moments)
@example(Buckets(HOUR, ZoneInfo("America/Caracas")), 1_300_000_000)
@example(Buckets(DAY, ZoneInfo("America/Caracas")), 1_300_000_000)
@example(Buckets(HOUR, ZoneInfo("Australia/Lord_Howe")), 1_755_000_000)
@example(Buckets(HOUR, ZoneInfo("Australia/Lord_Howe")), 1_765_000_000)
def test_rollups_fit_into_buckets(made, moment):
    """All of a rollup, of the length that is chosen, is in one bucket."""
    seconds = made.rollup_seconds()
    first = moment // seconds * seconds

    assert seconds in (MINUTE, HOUR, DAY)
    assert made.start(first) == made.start(first + seconds - 1)


def test_long_rollups_are_used_where_they_fit():
    """Hours and days are not counted up from minutes without need."""
    assert Buckets(7 * DAY, UTC).rollup_seconds() == DAY
    assert Buckets(HOUR, UTC).rollup_seconds() == HOUR
    assert Buckets(DAY, BERLIN).rollup_seconds() == HOUR
    assert Buckets(HOUR, BERLIN).rollup_seconds() == HOUR
    assert Buckets(HOUR, ZoneInfo("Asia/Kolkata")).rollup_seconds() == MINUTE
    assert Buckets(15 * MINUTE, UTC).rollup_seconds() == MINUTE


@given(buckets, moments, st.integers(0, 200))
@example(Buckets(DAY, BERLIN), AUTUMN - 12 * DAY, 170)
def test_filled_leaves_no_gap(made, moment, more):
    """Between the first start and the last there is every bucket, once."""
    ends = [made.start(moment), made.start(moment + more * made.seconds)]
    filled = made.filled(ends)

    assert {*ends} <= {*filled}
    assert (filled[0], filled[-1]) == (min(ends), max(ends))
    for one, following in pairwise(filled):
        assert one < following
        assert made.start(following - 1) == one


def test_filled_is_bounded():
    """Where too many buckets are empty, as a clock was wrong, they are left out."""
    made = Buckets(MINUTE, UTC)
    near, far = MINUTE * MOST_EMPTY, MINUTE * (2 * MOST_EMPTY + 1)

    assert made.filled([]) == []
    assert made.filled([60]) == [60]
    assert made.filled([far, 0]) == [0, far]
    assert made.filled([near, 0]) == list(range(0, near + 1, MINUTE))
    assert made.filled([far, near, 0]) == [*range(0, near + 1, MINUTE), far]


def test_days_have_as_many_hours_as_the_clock_gives_them():
    """The day when the clock is put forward has 23 hours, the other one 25."""
    for day, hours in (((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2026, 6, 1), 24)):
        first = datetime(*day, tzinfo=BERLIN)
        last = datetime(*day, 23, 59, 59, tzinfo=BERLIN)
        assert len(starts_between(first, last, HOUR)) == hours
        assert len(starts_between(first, last, DAY)) == 1


def test_days_and_weeks_begin_at_midnight():
    """Buckets of days begin at the zone's midnight, weeks on a Monday."""
    moment = int(datetime(2026, 11, 20, 10, tzinfo=BERLIN).timestamp())

    for days, label in ((1, "2026-11-20 Fri"), (7, "2026-11-16 Mon")):
        made = Buckets(days * DAY, BERLIN)
        start = datetime.fromtimestamp(made.start(moment), BERLIN)
        assert (start.hour, start.minute, start.second) == (0, 0, 0)
        assert made.label(made.start(moment)) == label


def test_hours_begin_by_the_clock_on_the_wall():
    """Six hours begin at 0, 6, 12 and 18 o'clock, whenever the clock was changed."""
    first = datetime(2026, 3, 28, tzinfo=BERLIN)
    last = datetime(2026, 3, 30, 23, tzinfo=BERLIN)
    made = Buckets(6 * HOUR, BERLIN)
    labels = [made.label(start) for start in starts_between(first, last, 6 * HOUR)]

    assert labels == [
        f"2026-03-{day} {hour:02}:00" for day in (28, 29, 30) for hour in (0, 6, 12, 18)
    ]


def test_labels_differ():
    """Two buckets never have one label, also when an hour comes twice."""
    first = datetime(2026, 10, 25, tzinfo=BERLIN)
    last = datetime(2026, 10, 25, 6, tzinfo=BERLIN)
    made = Buckets(HOUR, BERLIN)
    labels = [made.label(start) for start in starts_between(first, last, HOUR)]

    assert len(labels) == 7
    assert len({*labels}) == 7


def test_labels():
    """A label has the day, or the minute, and says when it is in UTC."""
    assert Buckets(MINUTE, UTC).label(0) == "1970-01-01 00:00Z"
    assert Buckets(HOUR, BERLIN).label(0) == "1970-01-01 01:00"
    assert Buckets(DAY, UTC).label(0) == "1970-01-01 Thu"


@pytest.mark.parametrize("zone", ZONES, ids=str)
@pytest.mark.parametrize("moment", [0, 253_402_300_799, 253_402_300_800, 10**18])
def test_any_moment_has_a_bucket(zone, moment):
    """The ends of the calendar, and what is beyond them, have buckets too."""
    for seconds in NICE_SECONDS:
        made = Buckets(seconds, zone)
        assert made.start(moment) <= moment
        assert made.label(made.start(moment))


def test_nice_lengths():
    """The least nice length is chosen that needs no more buckets than wanted."""
    assert nice_seconds(0, 40) == MINUTE
    assert nice_seconds(40 * MINUTE, 40) == MINUTE
    assert nice_seconds(40 * MINUTE + 1, 40) == 2 * MINUTE
    assert nice_seconds(DAY, 40) == HOUR
    assert nice_seconds(7 * DAY, 40) == 6 * HOUR
    assert nice_seconds(10**12, 40) == NICE_SECONDS[-1]
