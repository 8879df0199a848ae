"""Shedding: what came and had to be dropped, and the telling of it."""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from typing import Final

from collector.intake.peer_counts import count_peer

log = logging.getLogger("logcollector")

# Peers that are named in the record that tells of a loss.
TOLD_PEERS: Final = 20


class Episode:
    """A time in which records were shed, because nothing could take them.

    `began` and the end are in seconds of a clock that nobody sets.
    """

    def __init__(self, began: float) -> None:
        self._began = began
        self._by_peer: Counter[str] = Counter()
        log.warning("no room is left: records are shed and counted")

    def count(self, peer: str) -> None:
        """Count one record that was shed."""
        count_peer(self._by_peer, peer)

    def ended(self, at: float, *, created: float) -> bytes:
        """Say that it is over; return a record of it, as a payload.

        `created` is the epoch second of the record.
        """
        total = self._by_peer.total()
        seconds = round(at - self._began, 3)
        message = f"{total} records were shed in {seconds:.1f} s, as there was no room"
        log.warning("%s", message)
        return json.dumps(
            {
                "name": "logcollector",
                "levelname": "WARNING",
                "levelno": logging.WARNING,
                "msg": message,
                "created": created,
                "process": os.getpid(),
                "shed": total,
                "seconds": seconds,
                "peers": dict(self._by_peer.most_common(TOLD_PEERS)),
            }
        ).encode()
