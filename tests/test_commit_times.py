"""How long transactions took."""

from collector.commit_times import BOUNDS, CommitTimes


def test_times_are_counted_by_length():
    """Each goes to the first bound that it does not exceed, or to the last count."""
    times = CommitTimes()
    for seconds in (0.0, BOUNDS[0], BOUNDS[0] + 0.0001, BOUNDS[-1], 1000.0):
        times.observe(seconds)
    found = times.distribution()

    assert found.bounds == BOUNDS
    assert found.counts == (2, 1, *[0] * (len(BOUNDS) - 3), 1, 1)
    assert found.total == 5
    assert abs(found.sum_seconds - (2 * BOUNDS[0] + 0.0001 + BOUNDS[-1] + 1000)) < 1e-6


def test_the_age_of_the_last():
    """It grows from the last commit on; before the first there is none."""
    now = [100.0]
    times = CommitTimes(clock=lambda: now[0])
    assert times.last_age_seconds is None

    times.observe(0.1)
    now[0] = 103.5
    assert times.last_age_seconds == 3.5
