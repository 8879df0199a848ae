"""Times are shown in the zone that is asked for, whatever they are."""

import math
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from cli.rendering.rows import BERLIN, CREATED

from collector.cli.rendering.times import TimeTexts


def test_a_time_in_a_zone():
    """People's times are in their zone, programs' times name it."""
    times = TimeTexts(BERLIN)

    assert times.milliseconds(CREATED) == "2026-11-20 10:15:30.123"
    assert times.seconds(CREATED) == "2026-11-20 10:15:30"
    assert times.minutes(CREATED) == "2026-11-20 10:15"
    assert times.iso(CREATED) == "2026-11-20T10:15:30.123+01:00"


def test_a_time_in_utc():
    """Times in UTC end in Z."""
    times = TimeTexts(UTC)

    assert times.milliseconds(CREATED) == "2026-11-20 09:15:30.123Z"
    assert times.seconds(CREATED) == "2026-11-20 09:15:30Z"
    assert times.minutes(CREATED) == "2026-11-20 09:15Z"
    assert times.iso(CREATED) == "2026-11-20T09:15:30.123Z"


def test_the_clock_is_put_back():
    """The hour that comes twice differs by its offset."""
    times = TimeTexts(BERLIN)

    assert times.iso(1792888200) == "2026-10-25T02:30:00.000+02:00"
    assert times.iso(1792891800) == "2026-10-25T02:30:00.000+01:00"
    assert times.iso(1792888200) == "2026-10-25T02:30:00.000+02:00"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "1970-01-01 00:00:00.000Z"),
        (-0.25, "1969-12-31 23:59:59.750Z"),
        (0.9996, "1970-01-01 00:00:00.999Z"),
        (0.9999999, "1970-01-01 00:00:01.000Z"),
        (-62135596800, "0001-01-01 00:00:00.000Z"),
        (253402300799, "9999-12-31 23:59:59.000Z"),
        (253402300800, "253402300800"),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        (1e300, "1e+300"),
        (10**400, str(10**400)),
        (None, "-"),
        ("\x1b[1m", "\\x1b[1m"),
        (b"\xff", "\\xff"),
    ],
)
def test_any_value(seconds, shown):
    """What no calendar has is shown as it is."""
    assert TimeTexts(UTC).milliseconds(seconds) == shown


@pytest.mark.parametrize("seconds", [math.nan, 1e300, 253402300800, None, "x"])
def test_programs_get_no_time_that_is_none(seconds):
    """There is no ISO form of what is no time."""
    assert TimeTexts(UTC).iso(seconds) is None


def test_the_ends_of_the_calendar_in_a_zone():
    """A time that its zone moves out of the calendar fails nothing."""
    assert TimeTexts(ZoneInfo("Asia/Tokyo")).seconds(253402300799) == "253402300799"
    assert TimeTexts(ZoneInfo("America/New_York")).iso(-62135596800) is None


def test_what_cannot_be_shown_leaves_no_trace():
    """A time after one that is none is shown as before it."""
    times = TimeTexts(UTC)
    before = times.milliseconds(CREATED)
    times.milliseconds(1e300)

    assert times.milliseconds(CREATED) == before
