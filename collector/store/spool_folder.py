"""The spool's folder: nobody else's, and locked while it is open."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path
from typing import Final

from collector.errors import StoreError

# What a file system says when it is full, and all that may pass by itself.
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
PASSING: Final = FULL | {errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM}


def opened_folder(path: Path) -> int:
    """Open the spool's folder, make it if need be, and lock it.

    Raises StoreError, or OSError for what may pass.
    """
    hint = "name another folder with --spool"
    try:
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno in PASSING:
            raise
        why = error.strerror
        if path.is_symlink():
            why = "it is a symbolic link, which is not followed"
        raise StoreError(f"{path}: cannot be the spool: {why}; {hint}") from None
    owner = os.fstat(folder).st_uid
    if owner not in (os.geteuid(), 0):
        os.close(folder)
        raise StoreError(
            f"{path}: cannot be the spool: it belongs to another user; {hint}"
        )
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_gone = not os.fstat(folder).st_nlink
    except BlockingIOError:
        os.close(folder)
        raise StoreError(
            f"{path}: another logcollector uses this spool, so probably also the "
            "database; stop it, or name another database with --db"
        ) from None
    except BaseException:
        os.close(folder)
        raise
    if is_gone:
        # Whoever had it before has removed it meanwhile.
        os.close(folder)
        return opened_folder(path)
    return folder
