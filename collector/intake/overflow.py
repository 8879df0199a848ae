"""The overflow: frames on their way to the spool, because the store is full."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from typing import Final

from collector.store.segments import encoded

log = logging.getLogger("logcollector")

# What may wait in memory for a slow or full disk of the spool.
PENDING_BYTES: Final = 32 * 1024 * 1024

# With so much of it, a sound disk takes it within milliseconds.
MUCH_PENDING_BYTES: Final = 8 * 1024 * 1024


class Overflow:
    """Takes the frames that the backlog can't, within bounds.

    While it is `active`, every frame goes this way, so that they stay in order.
    The spooler (spooler.py) moves what is `pending` to disk, and back.
    """

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes: float = max_bytes
        self._max_pending_bytes: float = PENDING_BYTES
        self.active = False
        # Encoded, in order.
        self.pending: list[bytes] = []
        self.pending_bytes = 0
        # Bytes of the spool's files, as far as the spooler told.
        self.spool_bytes = 0
        self._is_over = False
        self.arrived = asyncio.Event()
        # Tells whether the spool's disk can't be waited for.
        self.is_stuck: Callable[[], bool] = lambda: True
        self.spilled_total = 0

    @property
    def is_behind(self) -> bool:
        """Whether much is pending, so that the spooler needs a turn."""
        return self.pending_bytes >= MUCH_PENDING_BYTES

    @property
    def is_full(self) -> bool:
        """Whether frames are shed; once it is, until there is room for many."""
        used = self.spool_bytes + self.pending_bytes
        if self._is_over:
            self._is_over = (
                used > self._max_bytes * 0.9 or self.pending_bytes > PENDING_BYTES / 2
            )
        return self._is_over

    def start(self, why: str) -> None:
        """Send every frame this way from now on."""
        if not self.active:
            self.active = True
            self.arrived.set()
            log.warning("%s: records go to the spool", why)

    def stop(self) -> None:
        """Let frames go to the backlog again."""
        self.active = False

    def lift_bounds(self) -> None:
        """Take whatever comes from now on: the last word of a stop."""
        self._is_over = False
        self._max_bytes = self._max_pending_bytes = math.inf

    def put(self, payload: bytes, received: float, peer: str, hostname: str) -> bool:
        """Take a frame; tell False when there is no room for it."""
        if self._is_over and self.is_full:
            return False
        frame = encoded(payload, received, peer, hostname)
        pending_bytes = self.pending_bytes + len(frame)
        if (
            pending_bytes > self._max_pending_bytes
            or self.spool_bytes + pending_bytes > self._max_bytes
        ):
            self._is_over = True
            return False
        self.pending.append(frame)
        self.pending_bytes = pending_bytes
        self.spilled_total += 1
        self.arrived.set()
        return True

    def take_pending(self) -> list[bytes]:
        """Take all that is pending; it still counts until `appended`."""
        frames, self.pending = self.pending, []
        self.arrived.clear()
        return frames

    def put_back(self, frames: list[bytes]) -> None:
        """Put back what was taken last."""
        self.pending[:0] = frames

    def appended(self, frames: list[bytes], spool_bytes: int) -> None:
        """Note that frames which were taken are in the spool now."""
        self.pending_bytes -= sum(map(len, frames))
        self.spool_bytes = spool_bytes
