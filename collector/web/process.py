"""The process's own figures, from the part of /proc that services may see.

prometheus-client's collector wants /proc/stat, which systemd's
ProcSubset=pid hides.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProcessFigures:
    """What the process takes; None where the system does not tell."""

    cpu_seconds: float
    resident_bytes: int | None
    descriptors: int | None


def process_figures() -> ProcessFigures:
    """Return the figures of this process."""
    return ProcessFigures(time.process_time(), _resident_bytes(), _descriptors())


def _resident_bytes() -> int | None:
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return None
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _descriptors() -> int | None:
    try:
        # One of them is of the listing itself.
        return len(os.listdir("/proc/self/fd")) - 1  # noqa: PTH208 - only counted
    except OSError:
        return None
