"""Waiting for a backlog to fill, or to empty.

Apart from the backlog itself because that is compiled, and coroutines had
better not be.
"""

from __future__ import annotations

import asyncio
import contextlib
import time

from collector.store.backlog import Backlog


async def wait_for_batch(backlog: Backlog, enough_records: int, seconds: float) -> None:
    """Wait until something is there to write.

    Returns once `enough_records` wait, or `seconds` after the first of them
    came, or at once when closing.
    """
    await backlog.arrived.wait()
    if backlog.has_enough(enough_records):
        return
    # What the last batch left behind is older than this says, and so its
    # time is over at once.
    left = backlog.oldest_at + seconds - time.monotonic()
    if left > 0:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left):
                await backlog.enough.wait()


async def wait_for_room(backlog: Backlog, seconds: float) -> None:
    """Wait until the backlog tells of room, for `seconds` at most."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await backlog.room.wait()
