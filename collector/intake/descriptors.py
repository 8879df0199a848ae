"""Descriptors: how many may be open, and how many are."""

from __future__ import annotations

import os
import resource
import sys
from typing import Final

# Kept for the database, the spool, other files and look-ups.
MOST_RESERVED: Final = 64

# Where the limit is small, the part of it that is kept.
RESERVED_SHARE: Final = 4

# Connections that a loop may have accepted before it can be told to stop.
ACCEPTED_AHEAD: Final = 4


def descriptors_for_peers(listeners: int) -> int:
    """Return how many descriptors may be open when another peer is accepted."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return sys.maxsize
    return peers_within(soft, listeners)


def peers_within(limit: int, listeners: int) -> int:
    """Return how many descriptors a limit leaves for peers."""
    reserved = min(MOST_RESERVED, limit // RESERVED_SHARE)
    return max(1, limit - reserved - ACCEPTED_AHEAD * listeners)


def open_descriptors() -> int:
    """Return how many descriptors this process has open.

    Takes about a microsecond for each. Raises OSError where /dev/fd is missing.
    """
    return len(os.listdir("/dev/fd")) - 1  # noqa: PTH208 - paths cost more
