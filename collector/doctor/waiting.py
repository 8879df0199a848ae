"""The spool, looked at from outside: how much waits in its folder."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Final, NamedTuple

from collector.doctor.finding import Finding, ok, warning
from collector.store.segment_numbers import DAMAGED_SUFFIX
from collector.store.segments import START_BYTES

STEP: Final = "spool"


class Spooled(NamedTuple):
    """What is in a spool's folder: segments with frames, their bytes, damaged ones."""

    segments: int
    bytes: int
    damaged: int


def look_at_spool(folder: Path) -> Spooled:
    """Count what is in a spool's folder; nothing where there is none.

    Raises PermissionError where this user may not look.
    """
    segments = size = damaged = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(DAMAGED_SUFFIX):
                    damaged += 1
                elif ".frames" in entry.name:
                    length = entry.stat(follow_symlinks=False).st_size
                    # An empty one is ready for what may come.
                    segments += length > START_BYTES
                    size += length
    except FileNotFoundError:
        return Spooled(0, 0, 0)
    return Spooled(segments, size, damaged)


def judge_spool(folder: Path, spooled: Spooled, *, runs: bool) -> Finding:
    """Return whether records wait in the spool; `runs`: there is a collector."""
    segments, size, damaged = spooled
    if damaged:
        return warning(
            STEP,
            f"{damaged} damaged files in {folder}, kept for you to look at",
            "check the disk; then move them away: "
            f"mv {shlex.quote(str(folder))}/*.damaged /var/tmp/",
        )
    if not segments:
        return ok(STEP, "empty")
    seen = f"{size / 1_000_000:,.1f} MB wait in {folder}"
    if not runs:
        return warning(
            STEP,
            f"{seen}: the next start of the collector stores them",
            "don't delete the folder; start the collector",
        )
    return warning(
        STEP,
        f"{seen}: the database can't be written, or not as fast as records come",
        "see the other steps, and what the collector says: "
        "journalctl -u logcollector -n 50",
    )
