"""A reserve: space on a file system, taken in time and given back when it is full."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

# Links are not followed, and no pipe that somebody put there is waited for.
_FLAGS: Final = (
    os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
)


def keep_reserve(name: str | Path, size_bytes: int, folder: int | None = None) -> None:
    """Take space, unless it is taken already.

    `folder` is an open one that `name` is in. Raises OSError where there is not
    enough space.
    """
    try:
        file = os.open(name, _FLAGS, 0o600, dir_fd=folder)
    except FileExistsError:
        return
    try:
        os.posix_fallocate(file, 0, size_bytes)
    except OSError:
        os.unlink(name, dir_fd=folder)
        raise
    finally:
        os.close(file)


def release_reserve(name: str | Path, folder: int | None = None) -> bool:
    """Give the space back; tell whether there was any."""
    try:
        os.unlink(name, dir_fd=folder)
    except OSError:
        return False
    return True
