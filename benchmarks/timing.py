"""How long something takes when it is done again and again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

RUNS = 5
# What takes long need not be repeated as often to be known as well.
ENOUGH_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Timing:
    """The seconds that each run took, and how much it found."""

    seconds: tuple[float, ...]
    found: int

    @property
    def median(self) -> float:
        """The median of the seconds."""
        return median(self.seconds)


def timed(action: Callable[[], int]) -> Timing:
    """Do it once to warm up, then RUNS times, and time those.

    What takes long is done less often, once at least. `action` returns how
    much it found.
    """
    action()
    seconds: list[float] = []
    found = 0
    while len(seconds) < RUNS and sum(seconds) < ENOUGH_SECONDS:
        before = time.perf_counter()
        found = action()
        seconds.append(time.perf_counter() - before)
    return Timing(tuple(seconds), found)
