"""Rates: how much each peer may bring in a second."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

# Peers whose rates are known; of more, those that sent longest ago are
# forgotten, and may bring a second's worth at once again.
MAX_PEERS: Final = 4096

# What is over the rates is told at most this often.
TELL_SECONDS: Final = 10.0


@dataclass(slots=True)
class _Bucket:
    """What a peer may still bring: it fills up at the rate, to a second's worth."""

    records: float
    frame_bytes: float
    filled_at: float


class PeerRates:
    """Decides which frames are over their peer's rate, of all its connections.

    A second's worth may come at once. A frame that is longer than that passes
    after a second of silence, and takes as many seconds more as it is worth.
    0 stands for no limit. `timer` returns seconds.
    """

    def __init__(
        self,
        *,
        max_records_per_second: int,
        max_bytes_per_second: int,
        timer: Callable[[], float] = time.monotonic,
        max_peers: int = MAX_PEERS,
    ) -> None:
        self._timer = timer
        self._max_peers = max_peers
        self._records = 0
        self._bytes = 0
        self._over: dict[str, int] = {}
        self._told_at = timer() - TELL_SECONDS
        # None: no limits.
        self.buckets: OrderedDict[str, _Bucket] | None = None
        self.change(max_records_per_second, max_bytes_per_second)

    def change(self, max_records_per_second: int, max_bytes_per_second: int) -> None:
        """Set other rates; when they differ, all peers begin anew."""
        if (max_records_per_second, max_bytes_per_second) == (
            self._records,
            self._bytes,
        ):
            return
        self._records = max_records_per_second
        self._bytes = max_bytes_per_second
        limited = max_records_per_second or max_bytes_per_second
        self.buckets = OrderedDict() if limited else None

    def admits(self, peer: str, frame_bytes: int) -> bool:
        """Whether this frame of the peer is within its rates.

        If not, it is noted for `tell`.
        """
        buckets = self.buckets
        if buckets is None:
            return True
        now = self._timer()
        bucket = buckets.get(peer)
        if bucket is None:
            bucket = buckets[peer] = _Bucket(self._records, self._bytes, now)
            if len(buckets) > self._max_peers:
                buckets.popitem(last=False)
        else:
            buckets.move_to_end(peer)
            self._fill(bucket, now)
        if (self._records and bucket.records < 1) or (
            self._bytes and bucket.frame_bytes < min(frame_bytes, self._bytes)
        ):
            self._note(peer)
            return False
        bucket.records -= 1
        bucket.frame_bytes -= frame_bytes
        return True

    def _fill(self, bucket: _Bucket, now: float) -> None:
        seconds = now - bucket.filled_at
        bucket.filled_at = now
        bucket.records = min(self._records, bucket.records + seconds * self._records)
        bucket.frame_bytes = min(
            self._bytes, bucket.frame_bytes + seconds * self._bytes
        )

    def _note(self, peer: str) -> None:
        over = self._over
        if peer in over or len(over) < self._max_peers:
            over[peer] = over.get(peer, 0) + 1
        else:
            # Nobody in particular; a peer's address is never empty.
            over[""] = over.get("", 0) + 1

    def tell(self) -> str:
        """Return what is to be said of frames over the rates; mostly nothing."""
        now = self._timer()
        over = self._over
        if not over or now - self._told_at < TELL_SECONDS:
            return ""
        self._told_at = now
        self._over = {}
        count = sum(over.values())
        peer = max(over, key=lambda peer: over[peer] if peer else 0)
        return (
            f"shed {count} frames that were over their peer's rate "
            f"(max_records_per_second, max_bytes_per_second) since this was last "
            f"said: {over[peer]} of {peer}"
            + (f", others of {len(over) - 1} more" if len(over) > 1 else "")
        )
