"""The clock of this host, against what the database and the kernel know of time."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from collector.doctor.finding import Finding, failed, ok, warning

STEP: Final = "clock"

# Before this there was no such program.
EARLIEST: Final = datetime(2026, 1, 1, tzinfo=UTC).timestamp()

# Clocks that are kept right differ by less.
TOLERANCE_SECONDS: Final = 5.0

# adjtimex(2): its state when nothing keeps the clock right, and more room than
# any system's struct timex takes.
_TIME_ERROR: Final = 5
_TIMEX_BYTES: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReading:
    """What is known of time: `now` by the clock, the rest None where it is not.

    `received` is when the newest record came; `ahead` is the host whose
    newest records were made the furthest in the collector's future, and by how
    many seconds.
    """

    now: float
    zone: str
    is_synchronised: bool | None = None
    file_changed: float | None = None
    received: float | None = None
    ahead: tuple[str, float] | None = None


def is_synchronised() -> bool | None:
    """Tell whether the kernel knows that its clock is kept right; None: not told."""
    try:
        # Modes of 0: it is only read, and needs no privilege.
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else bool(state != _TIME_ERROR)


def judge_clock(reading: ClockReading) -> Finding:
    """Return whether times of receipt can be relied on."""
    shown = f"{_shown(reading.now)} UTC, zone {reading.zone}"
    setting = "timedatectl set-ntp true   # or start chronyd, ntpd or the like"
    if reading.now < EARLIEST:
        return failed(STEP, f"{shown}: that is long ago", setting)
    for what, then in (
        ("the newest record was received", reading.received),
        ("the database was changed", reading.file_changed),
    ):
        if then is not None and then > reading.now + TOLERANCE_SECONDS:
            return warning(
                STEP,
                f"{shown}: {what} {then - reading.now:,.0f} s later than that; the "
                "clock has been set back, or was wrong",
                setting,
                "until then, since: and until: may miss records; ids stay in order",
            )
    if reading.ahead is not None and reading.ahead[1] > TOLERANCE_SECONDS:
        host, seconds = reading.ahead
        return warning(
            STEP,
            f"{shown}: records of {host} come {seconds:,.0f} s before they are made; "
            "its clock is ahead of this one",
            f"compare `date -u` here and on {host}, and let NTP keep both right",
        )
    if reading.is_synchronised is False:
        return warning(STEP, f"{shown}: nothing keeps it right (no NTP)", setting)
    return ok(STEP, shown)


def _shown(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
