"""Notices: what is said now and then, however often it happens."""

from __future__ import annotations

import math


class Notice:
    """Tells when something may be said again: every so many seconds at most."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._said_at = -math.inf

    def is_due(self, now: float) -> bool:
        """Whether it may be said now; then it counts as said."""
        if now - self._said_at < self._seconds:
            return False
        self._said_at = now
        return True
