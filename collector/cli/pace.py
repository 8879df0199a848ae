"""The pace of a replay: when each record is due."""

from __future__ import annotations

from typing import final


@final
class Pace:
    """Tells when records are due that come in the rhythm of their creation.

    `speed` times as fast as they were created, and never more than
    `max_gap_seconds` after the record before. Clocks differ: a record that was
    created a little earlier than the one before is due at once, and one that was
    created much earlier begins the time anew.
    """

    def __init__(self, speed: float, max_gap_seconds: float) -> None:
        self._speed = speed
        self._max_gap_seconds = max_gap_seconds
        self._latest: float | None = None
        self._due = 0.0

    def due_seconds(self, created: float) -> float:
        """Return how long after the first one the next record is due."""
        if self._latest is None:
            self._latest = created
        gap = (created - self._latest) / self._speed
        if gap > 0:
            self._due += min(gap, self._max_gap_seconds)
        if gap > 0 or gap < -self._max_gap_seconds:
            self._latest = created
        return self._due
