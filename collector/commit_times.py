"""Commit times: how long transactions took, and when the last one was."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable
from typing import Final

from collector.status import Distribution

# Upper bounds in seconds. A batch takes some 20 ms, a slow disk's sync 100.
BOUNDS: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class CommitTimes:
    """Counts transactions by their length."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts = [0] * (len(BOUNDS) + 1)
        self._sum_seconds = 0.0
        self._last_at: float | None = None

    def observe(self, seconds: float) -> None:
        """Count a transaction that has just been committed."""
        self._counts[bisect_left(BOUNDS, seconds)] += 1
        self._sum_seconds += seconds
        self._last_at = self._clock()

    @property
    def last_age_seconds(self) -> float | None:
        """How long ago the last commit was; None before the first."""
        return None if self._last_at is None else self._clock() - self._last_at

    def distribution(self) -> Distribution:
        """Return what was counted so far."""
        return Distribution(BOUNDS, tuple(self._counts), self._sum_seconds)
