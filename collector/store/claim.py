"""The claim on a database: that no other collector writes to it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from collector.errors import StoreError

# Of a new database, less the umask: what SQLite makes itself, everybody may
# read. The write-ahead log gets the same.
FILE_MODE: Final = 0o640


class Claim:
    """A lock on the file itself, by whatever path it is named.

    flock is independent of SQLite's own locks, which are for everybody.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def take(self) -> None:
        """Claim the file, made if there is none.

        Raises StoreError when another collector has it. What else is wrong
        with the file SQLite meets too, and says why.
        """
        if self._file is not None:
            return
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            file = os.open(self._path, flags, FILE_MODE)
        except OSError:
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # It stays open: if it is this very process that has the database,
            # closing it here would end SQLite's locks there.
            raise StoreError(
                f"{self._path}: another logcollector writes to it; stop that one, or "
                "name another database with --db"
            ) from None
        except OSError:
            # A file system without such locks.
            os.close(file)
            return
        self._file = file

    @property
    def is_void(self) -> bool:
        """Whether the path no longer leads to the file that is claimed."""
        if self._file is None:
            return False
        try:
            there = self._path.stat()
        except OSError:
            return True
        claimed = os.fstat(self._file)
        return (there.st_dev, there.st_ino) != (claimed.st_dev, claimed.st_ino)

    def release(self) -> None:
        """Give it up, once the database is closed.

        Closing any descriptor of a file ends SQLite's locks on it too.
        """
        if self._file is not None:
            os.close(self._file)
            self._file = None
