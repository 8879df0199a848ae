"""Times as people write them."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.query.times import FORMS, parse_day, parse_time

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 20, 15, 30, 20, 500_000, UTC).timestamp()


def utc(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("now", NOW),
        ("NOW", NOW),
        ("90s", NOW - 90),
        ("30m", NOW - 1800),
        ("2h", NOW - 7200),
        ("1.5h", NOW - 5400),
        ("1d12h", NOW - 36 * 3600),
        ("1w", NOW - 7 * 86400),
        ("0s", NOW),
        ("2H", NOW - 7200),
        ("today", utc(2026, 11, 19, 23)),
        ("yesterday", utc(2026, 11, 18, 23)),
        ("10:30", utc(2026, 11, 20, 9, 30)),
        ("10:30:15.25", utc(2026, 11, 20, 9, 30, 15, 250_000)),
        ("2026-11-20", utc(2026, 11, 19, 23)),
        ("2026-07-01", utc(2026, 6, 30, 22)),
        ("2026-11-20T10:00", utc(2026, 11, 20, 9)),
        ("2026-11-20 10:00", utc(2026, 11, 20, 9)),
        ("2026-11-20t10:00:01", utc(2026, 11, 20, 9, 0, 1)),
        ("2026-11-20 10:00:01,123", utc(2026, 11, 20, 9, 0, 1, 123_000)),
        ("2026-11-20T10:00:01.123456789", utc(2026, 11, 20, 9, 0, 1, 123_456)),
        ("2026-11-20T10:00Z", utc(2026, 11, 20, 10)),
        ("2026-11-20T10:00z", utc(2026, 11, 20, 10)),
        ("2026-11-20T10:00+01:00", utc(2026, 11, 20, 9)),
        ("2026-11-20T10:00-0530", utc(2026, 11, 20, 15, 30)),
        ("2026-11-20 10:00 +02", utc(2026, 11, 20, 8)),
        ("1700000000", 1.7e9),
        ("1700000000.25", 1.7e9 + 0.25),
        ("100000000", 1e8),
    ],
)
def test_known_forms(text, wanted):
    """Each form names its moment; what has no zone is of the one given."""
    assert parse_time(text, now=NOW, zone=BERLIN) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "2x",
        "h",
        "2",
        "2h ago",
        "-2h",
        "1e3h",
        "99999999",
        "1700000000000",
        "2026-13-01",
        "2026-02-30",
        "2026-11-20T25:00",
        "2026-11-20T10:60",
        "24:00",
        "20261120",
        "2026-11-20T",
        "2026-11-20T10",
        "2026-11-20Z",
        "0000-01-01",
        "2026-11-20T10:00+24:00",
        "2026-11-20T10:00+01:60",
        "2026-W47",
        "10:3",
        "inf",
        "nan",
        "9" * 400,
        "9" * 5000 + "h",
        "٣h",
        "2026-11-20\n",
        "today ",
    ],
)
def test_what_is_no_time(text):
    """What is no time is a ValueError that lists the forms there are."""
    with pytest.raises(ValueError, match="expected") as caught:
        parse_time(text, now=NOW, zone=BERLIN)

    assert FORMS in str(caught.value)


@pytest.mark.parametrize(
    ("now", "today", "yesterday"),
    [
        # Half past midnight on the day after the clock went forward: 24
        # hours before it was still the day before yesterday.
        (utc(2026, 3, 29, 22, 30), utc(2026, 3, 29, 22), utc(2026, 3, 28, 23)),
        # Half past eleven at night on the day on which the clock went back,
        # which has 25 hours.
        (utc(2026, 10, 25, 22, 30), utc(2026, 10, 24, 22), utc(2026, 10, 23, 22)),
    ],
)
def test_days_are_of_the_calendar(now, today, yesterday):
    """Days begin at midnight also where they have 23 or 25 hours."""
    assert parse_time("today", now=now, zone=BERLIN) == today
    assert parse_time("yesterday", now=now, zone=BERLIN) == yesterday


def test_a_midnight_that_does_not_exist():
    """Where the clock goes forward at midnight the day begins an hour late."""
    havana = ZoneInfo("America/Havana")

    assert parse_time("2026-03-08", now=NOW, zone=havana) == utc(2026, 3, 8, 5)


def test_an_hour_that_comes_twice_is_the_first():
    """A time that is ambiguous is the earlier one, so that nothing is missed."""
    wanted = utc(2026, 10, 25, 0, 30)

    assert parse_time("2026-10-25T02:30", now=NOW, zone=BERLIN) == wanted


@pytest.mark.parametrize(
    ("text", "hours"),
    [("2026-03-29", 23), ("2026-10-25", 25), ("today", 24), ("Yesterday", 24)],
)
def test_days_end_where_the_next_begins(text, hours):
    """A day is as long as the clock makes it."""
    day = parse_day(text, now=NOW, zone=BERLIN)

    assert day is not None
    assert day[1] - day[0] == hours * 3600
    assert day[0] == parse_time(text, now=NOW, zone=BERLIN)


@pytest.mark.parametrize("text", ["now", "2h", "10:30", "2026-11-20T10:00", "x", ""])
def test_what_is_no_day(text):
    """Moments and durations are no days."""
    assert parse_day(text, now=NOW, zone=BERLIN) is None


ZONES = st.sampled_from(
    [UTC, BERLIN, ZoneInfo("Pacific/Apia"), timezone(timedelta(hours=-23, minutes=-59))]
)


@given(
    text=st.one_of(
        st.text(max_size=70),
        st.text("0123456789-:T.Z+ smhdw", max_size=30),
        st.datetimes().map(lambda moment: moment.isoformat()),
        st.sampled_from(["0001-01-01", "9999-12-31", "9999-12-31T23:59:59"]),
        st.sampled_from(["today", "yesterday", "10:30", "999999999999w"]),
    ),
    now=st.one_of(st.floats(), st.integers(-(10**11), 10**11).map(float)),
    zone=ZONES,
)
def test_any_text_is_a_time_or_a_value_error(text, now, zone):
    """No text, clock or zone makes anything else than a number or ValueError."""
    try:
        told = parse_time(text, now=now, zone=zone)
    except ValueError as error:
        told = str(error)
    assert isinstance(told, float) or told == f"expected {FORMS}"
    day = parse_day(text, now=now, zone=zone)
    assert day is None or day[0] < day[1]
