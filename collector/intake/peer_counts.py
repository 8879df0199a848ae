"""Counts by peer, of a bounded number of peers."""

from __future__ import annotations

from collections import Counter
from typing import Final

# Peers that are counted apart; those beyond are counted together.
MAX_COUNTED_PEERS: Final = 1024
OTHER_PEERS: Final = "other"


def count_peer(counts: Counter[str], peer: str, count: int = 1) -> None:
    """Count something of a peer; beyond the bound, of others together."""
    known = peer in counts or len(counts) < MAX_COUNTED_PEERS
    counts[peer if known else OTHER_PEERS] += count
