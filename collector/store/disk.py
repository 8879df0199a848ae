"""What the file system has of a database, and for it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

# With less room than this a database is about to fail: a checkpoint may need
# as much as the write-ahead log has.
FREE_BYTES: Final = 16 * 1024 * 1024


def free_bytes(path: Path) -> int | None:
    """Return the room on the file system of a path; None where that is not told."""
    try:
        system = os.statvfs(path.parent)
    except OSError:
        return None
    return system.f_bavail * system.f_frsize


def file_bytes(path: Path) -> int:
    """Return the size of a file; 0 where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def log_bytes(path: Path) -> int:
    """Return the size of the write-ahead log of a database."""
    return file_bytes(path.with_name(path.name + "-wal"))
