"""Descriptors: whether the collector may open as many connections as it is set to."""

from __future__ import annotations

import resource
import sys
from typing import Final

from collector.doctor.finding import Finding, ok, skipped, warning
from collector.doctor.processes import Process
from collector.intake.descriptors import peers_within

STEP: Final = "descriptors"

# Connections for which a host with the default settings should have room.
FEW_CONNECTIONS: Final = 100


def room_for_peers(who: Process | None, listeners: int) -> int | None:
    """Return how many connections a collector has room for; None: not known.

    Without one, what it would have if it were started from here.
    """
    if who is not None:
        limit = who.descriptors
        return None if limit is None else peers_within(limit, listeners)
    # `serve` takes as many as it is let have.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        return sys.maxsize
    return peers_within(hard, listeners)


def judge_descriptors(
    who: Process | None, room: int | None, wanted: int, *, is_default: bool
) -> Finding:
    """Return whether the collector may open as many connections as it is set to.

    `room` is what its limit of descriptors allows, None where it is not known.
    """
    if room is None:
        return skipped(STEP, "the limit of the collector is not known")
    whose = "the collector has" if who else "started from here it would have"
    seen = f"{whose} room for {room:,} connections; max_connections is {wanted:,}"
    if room < (min(wanted, FEW_CONNECTIONS) if is_default else wanted):
        return warning(
            STEP,
            f"{seen}: beyond that, clients wait to be accepted",
            "ulimit -n 65536   # before serve; in a unit: LimitNOFILE=65536",
        )
    return ok(STEP, seen)
