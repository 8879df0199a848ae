"""Times as people write them, as epoch seconds."""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Final

from collector.amounts import duration_seconds

FORMS: Final = (
    "a duration back from now (90s, 30m, 2h, 1d12h, 1w), today, yesterday, now, "
    "a date or time (2026-11-20, 2026-11-20T10:30, 2026-11-20T10:30:15Z, 10:30) "
    "or epoch seconds"
)

_MAX_CHARS: Final = 64
# Shorter numbers are no times of this program's records but mistakes.
_EPOCH: Final = re.compile(r"[0-9]{9,12}(?:\.[0-9]{1,9})?")
_CLOCK: Final = r"([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
_TIME: Final = re.compile(_CLOCK)
_ISO: Final = re.compile(
    rf"([0-9]{{4}})-([0-9]{{2}})-([0-9]{{2}})"
    rf"(?:[Tt ]{_CLOCK}(?: ?([Zz]|[+-][0-9]{{2}}(?::?[0-9]{{2}})?))?)?"
)


def parse_time(text: str, *, now: float, zone: tzinfo) -> float:
    """Return the epoch second that a text names.

    A date is its first moment; dates and times without a zone are of `zone`.
    Raises ValueError, which lists the known forms, for all else.
    """
    try:
        return _parsed(text, now, zone)
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"expected {FORMS}") from None


def parse_day(text: str, *, now: float, zone: tzinfo) -> tuple[float, float] | None:
    """Return the first moments of the day a text names, and of the next.

    None for a text that names no whole day.
    """
    try:
        day = _named_day(text.lower(), now, zone) or date.fromisoformat(
            text if _ISO.fullmatch(text) and len(text) == 10 else ""
        )
        return _start(day, zone), _start(day + timedelta(days=1), zone)
    except (ValueError, OverflowError, OSError):
        return None


def _parsed(text: str, now: float, zone: tzinfo) -> float:
    if len(text) > _MAX_CHARS:
        raise ValueError("it is too long")
    lower = text.lower()
    if lower == "now":
        return now
    day = _named_day(lower, now, zone)
    if day is not None:
        return _start(day, zone)
    with contextlib.suppress(ValueError):
        return now - duration_seconds(lower)
    if _EPOCH.fullmatch(text):
        return float(text)
    clock = _TIME.fullmatch(text)
    if clock is not None:
        today = datetime.fromtimestamp(now, zone).date()
        return datetime.combine(today, _time(*clock.groups()), zone).timestamp()
    iso = _ISO.fullmatch(text)
    if iso is None:
        raise ValueError("it has no known form")
    year, month, dom, *parts, offset = iso.groups()
    moment = datetime.combine(
        date(int(year), int(month), int(dom)),
        _time(*parts) if parts[0] else time(),
        _zone(offset) if offset else zone,
    )
    return moment.timestamp()


def _named_day(lower: str, now: float, zone: tzinfo) -> date | None:
    if lower not in {"today", "yesterday"}:
        return None
    today = datetime.fromtimestamp(now, zone).date()
    # By the calendar: 24 hours before may be two days before, or today.
    return today - timedelta(days=1) if lower == "yesterday" else today


def _start(day: date, zone: tzinfo) -> float:
    return datetime.combine(day, time(), zone).timestamp()


def _time(hour: str, minute: str, second: str | None, fraction: str | None) -> time:
    micro = int((fraction or "").ljust(6, "0")[:6])
    return time(int(hour), int(minute), int(second or 0), micro)


def _zone(offset: str) -> tzinfo:
    if offset in "Zz":
        return UTC
    hours, minutes = int(offset[1:3]), int(offset[3:].lstrip(":") or 0)
    if minutes > 59:
        raise ValueError("an hour has 60 minutes")
    distance = timedelta(hours=hours, minutes=minutes)
    return timezone(-distance if offset[0] == "-" else distance)
