"""How late the loop comes round."""

import asyncio
import contextlib
import time

import pytest

from collector.loop_lag import PERIOD_SECONDS, WINDOW_SECONDS, LoopLag


class Time:
    """A clock, and sleeps that take as long as the test has them take."""

    def __init__(self, late):
        self.now = 1000.0
        self.late = iter(late)

    def clock(self):
        return self.now

    async def sleep(self, seconds):
        try:
            self.now += seconds + next(self.late)
        except StopIteration:
            raise asyncio.CancelledError from None


async def lag_after(*late, later=0.0):
    """Return the lag that is told when sleeps were so late."""
    time = Time(late)
    lag = LoopLag(clock=time.clock, sleep=time.sleep)
    with contextlib.suppress(asyncio.CancelledError):
        await lag.run()
    time.now += later
    return lag.seconds


@pytest.mark.parametrize(
    ("late", "expected"),
    [((), 0.0), ((0.0,), 0.0), ((0.25, 0.5, 0.125), 0.5), ((WINDOW_SECONDS * 3,), 45)],
)
async def test_the_worst_is_told(late, expected):
    """The longest lag counts, also one that takes several windows."""
    assert await lag_after(*late) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("windows", "expected"), [(0, 0.5), (0.9, 0.5), (1.8, 0.5), (2, 0.0), (7, 0.0)]
)
async def test_it_is_forgotten_in_time(windows, expected):
    """A lag is remembered until one whole window without it has gone by."""
    told = await lag_after(0.5, later=windows * WINDOW_SECONDS)
    assert told == pytest.approx(expected)


async def test_a_real_loop_that_is_blocked():
    """A block of the real loop is seen, but for a period at most."""
    lag = LoopLag()
    task = asyncio.create_task(lag.run())
    await asyncio.sleep(0)
    time.sleep(6 * PERIOD_SECONDS)
    async with asyncio.timeout(20):
        while lag.seconds < 5 * PERIOD_SECONDS:
            await asyncio.sleep(0.001)
    task.cancel()
