"""What has had its time, whatever clocks do."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from collector.store.retention import (
    DAY,
    GAP_SHARE,
    Cut,
    Moment,
    Policy,
    cuts,
    expired_below,
    too_many_below,
)

NOW = 1_800_000_000.0


def least_kept(times, *, now, age, ids=None):
    """Return the least id that is kept of records received at these times."""
    moments = [
        Moment(*pair)
        for pair in zip(ids or range(1, len(times) + 1), times, strict=True)
    ]

    def between(low, high):
        inner = [each for each in moments if low < each.id < high]
        return inner[len(inner) // 2] if inner else None

    return expired_below(moments[0], moments[-1], between, now=now, age=age)


def hourly(first, last):
    """Return a time for each hour."""
    return [first + n * 3600.0 for n in range(int((last - first) / 3600) + 1)]


def test_what_is_older_than_its_age_may_go():
    """Of a record each hour of ten days, those of the last three stay."""
    times = hourly(NOW - 10 * DAY, NOW)

    kept = least_kept(times, now=NOW, age=3 * DAY)

    assert times[kept - 1] == NOW - 3 * DAY


def test_nothing_goes_that_is_young():
    """Within their age all records stay."""
    times = hourly(NOW - 2 * DAY, NOW)

    assert least_kept(times, now=NOW, age=3 * DAY) == 1


def test_a_clock_that_jumps_ahead_removes_nothing():
    """Records that a wrong clock puts into the year 2040 don't age those before."""
    times = hourly(NOW - 10 * DAY, NOW) + hourly(NOW + 5000 * DAY, NOW + 5000.5 * DAY)

    kept = least_kept(times, now=NOW + 5000.5 * DAY, age=12 * DAY)

    assert kept == 1


def test_a_clock_that_jumps_without_records_removes_nothing():
    """A new time that no record has come at counts no more than a day."""
    times = hourly(NOW - 10 * DAY, NOW)

    assert least_kept(times, now=NOW + 5000 * DAY, age=11.5 * DAY) == 1


def test_a_clock_that_was_wrong_for_a_while_does_no_harm():
    """Ahead for an hour and back: no more than a day counts for it."""
    times = [
        *hourly(NOW - 10 * DAY, NOW),
        *hourly(NOW + 5000 * DAY, NOW + 5000 * DAY + 3600),
        *hourly(NOW + 7200, NOW + 2 * DAY),
    ]

    kept = least_kept(times, now=NOW + 2 * DAY, age=8 * DAY)

    assert NOW - 6 * DAY <= times[kept - 1] <= NOW - 5 * DAY + 2 * 3600


def test_a_clock_that_falls_back_removes_nothing_new():
    """At the beginning of time nothing has an age."""
    times = hourly(NOW - 10 * DAY, NOW)

    assert least_kept(times, now=0.0, age=11 * DAY) == 1


def test_of_a_pause_a_day_counts():
    """A collector that was off for a year comes back to its records."""
    times = [*hourly(NOW - 400 * DAY, NOW - 398 * DAY), *hourly(NOW - DAY, NOW)]

    assert least_kept(times, now=NOW, age=5 * DAY) == 1


def test_a_short_age_has_short_gaps():
    """Of an age of hours, no jump takes more than a quarter."""
    times = [NOW - 7200, NOW - 3600, NOW, NOW + 5000 * DAY]

    assert least_kept(times, now=NOW + 5000 * DAY, age=6 * 3600) == 1


def test_the_newest_record_stays():
    """What nothing follows is not old, whatever the clock says."""
    assert least_kept([NOW - 100 * DAY], now=NOW, age=3600) == 1


@given(
    gaps=st.lists(st.floats(0, 3 * DAY), min_size=1, max_size=60),
    holes=st.lists(st.integers(1, 1000), min_size=61, max_size=61),
    age=st.floats(3600, 20 * DAY),
)
def test_what_goes_is_older_than_its_age(gaps, holes, age):
    """With a clock that only goes ahead, nothing goes that is younger by it.

    And what stays is younger by the time that counts, or the first of all.
    """
    times = list(itertools.accumulate(gaps, initial=NOW))
    ids = list(itertools.accumulate(holes[: len(times)]))
    now = times[-1]
    most = min(DAY, age * GAP_SHARE)
    counted = [
        sum(min(later - earlier, most) for earlier, later in itertools.pairwise(rest))
        for rest in (times[n:] for n in range(len(times)))
    ]

    kept = ids.index(least_kept(times, now=now, age=age, ids=ids))

    assert all(now - each > age - 1e-6 for each in times[:kept])
    # Halves that are as short as a gap may be are not looked into: there the time
    # that passed counts whole.
    assert counted[kept] <= age + 1e-6


@given(
    times=st.lists(st.floats(0, 2e10), min_size=1, max_size=40),
    now=st.floats(0, 2e10),
    age=st.floats(3600, 1e9),
)
def test_any_clock_keeps_the_newest(times, now, age):
    """Whatever times there are, a record is named, and the newest stays."""
    assert 1 <= least_kept(times, now=now, age=age) <= len(times)


def test_levels_may_have_ages_of_their_own():
    """The longest age cuts off all levels, shorter ones those that have them."""
    policy = Policy(
        max_age_seconds=30 * DAY, level_ages={"debug": DAY, "error": 90 * DAY}
    )

    found = list(cuts(policy, lambda age: int(age / DAY)))

    assert found == [
        Cut(90),
        Cut(1, (-(2**63), 19)),
        Cut(30, (20, 29)),
        Cut(30, (30, 39)),
        Cut(30, (50, 2**63 - 1)),
    ]


def test_without_an_age_for_all_there_is_no_cut_through_all():
    """Levels that have no age stay."""
    policy = Policy(level_ages={"debug": DAY})

    assert list(cuts(policy, lambda age: 7)) == [Cut(7, (-(2**63), 19))]
    assert list(cuts(Policy(), lambda age: 7)) == []
    assert not Policy()
    assert Policy(max_bytes=1)


@given(
    first=st.integers(1, 10**6),
    count=st.integers(1, 10**6),
    used=st.integers(10**7, 10**12),
    share=st.floats(0.001, 1),
)
def test_a_size_takes_as_large_a_part_of_the_records(first, count, used, share):
    """Of a database that is twice too large about half of the records go."""
    last = first + count - 1
    below = too_many_below(
        Moment(first, NOW), Moment(last, NOW), used, int(used * share)
    )

    assert first <= below <= last
    assert abs((below - first) / count - (1 - share * 0.98)) < 1 / count + 1e-6
