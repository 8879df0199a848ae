"""Where a file may be written beside a database that it is made of."""

from __future__ import annotations

import os
from pathlib import Path

from collector.errors import ReadError
from collector.store.database import SIBLING_SUFFIXES


def is_there(source: Path, target: Path) -> bool:
    """Tell whether a file is there that may be replaced.

    Raises ReadError for the database `source` itself and its write-ahead log, and
    for what is no file: a link, a pipe, a device would be gone.
    """
    try:
        there = os.path.lexists(target)
        is_own = target.exists() and target.samefile(source)
        path, own = os.path.realpath(target), os.path.realpath(source)
    except (OSError, ValueError) as error:
        raise ReadError(f"{target}: cannot be written: {error}") from None
    if is_own or path in (own, *(own + suffix for suffix in SIBLING_SUFFIXES)):
        raise ReadError(f"{target}: is the database itself; name another file")
    if there and (target.is_symlink() or not target.is_file()):
        raise ReadError(f"{target}: is no file; name another one")
    return there
