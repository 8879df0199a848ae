"""Loop lag: how late the event loop comes round to what is due."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

# Rare enough to cost nothing, often enough to meet what blocks for long.
PERIOD_SECONDS: Final = 0.05

WINDOW_SECONDS: Final = 15.0


class LoopLag:
    """Measures how much later than asked for a sleep ends.

    While the loop is blocked nobody can ask; afterwards the worst is
    remembered for one to two windows, so that whoever looks once a window
    sees every gap. Less than a period may go unseen.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._window_began = clock()
        self._worst_before = 0.0
        self._worst_now = 0.0

    @property
    def seconds(self) -> float:
        """The longest lag of the last windows."""
        self._turn()
        return max(self._worst_before, self._worst_now)

    async def run(self) -> None:
        """Measure for ever; cancel it to end."""
        while True:
            asked = self._clock()
            await self._sleep(PERIOD_SECONDS)
            self._turn()
            late = self._clock() - asked - PERIOD_SECONDS
            self._worst_now = max(self._worst_now, late)

    def _turn(self) -> None:
        """Begin a new window when it is time."""
        windows = int((self._clock() - self._window_began) / WINDOW_SECONDS)
        if windows:
            self._worst_before = self._worst_now if windows == 1 else 0.0
            self._worst_now = 0.0
            self._window_began += windows * WINDOW_SECONDS
