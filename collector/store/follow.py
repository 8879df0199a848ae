"""The cursor: reads on from where it was, whatever becomes of the database."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from collector.errors import NoSuchDatabase, ReadError
from collector.query.log_row import LogRow
from collector.store.reader import Deadline, Reader, connect, log_of
from collector.store.search import fetch_after

# Rows of one look; more are fetched at once.
ROWS_PER_LOOK: Final = 2000

# A lock or a damaged file may pass; for so long nobody is told.
PATIENCE_SECONDS: Final = 5.0


class Cursor:
    """A position in a database, from which new records are read.

    The file may be removed, replaced, or not be there yet: records of a new
    one are read from its first, unless it is a copy that goes on from the
    last record that was read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reader: Reader | None = None
        self._file: tuple[int, int, bool] | None = None
        self._last_id = 0
        self._last_row: LogRow | None = None
        self._version = -1
        self._failing_since: float | None = None

    def skip_to_end(self) -> int:
        """Go behind the last record; return its id, 0 if there is none.

        Raises ReadError where the database can't be read.
        """
        reader = self._open()
        self._last_id = reader.value("SELECT coalesce(max(id), 0) FROM records")
        rows = fetch_after(reader, self._last_id - 1, 1)
        self._last_row = rows[0] if rows else None
        return self._last_id

    def new_rows(self) -> Iterator[LogRow]:
        """Yield what was committed since; nothing while there is no database.

        Raises ReadError when the database can't be read for some seconds.
        """
        try:
            yield from self._new_rows()
        except NoSuchDatabase:
            # It is just being replaced, or will be; the next file may get the
            # number of the one that is gone.
            self.close()
            self._file = None
            self._failing_since = None
        except ReadError:
            self.close()
            now = time.monotonic()
            if self._failing_since is None:
                self._failing_since = now
            if now - self._failing_since > PATIENCE_SECONDS:
                raise
        else:
            self._failing_since = None

    def close(self) -> None:
        """Close the database; the position is kept."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        self._version = -1

    def _new_rows(self) -> Iterator[LogRow]:
        if self._reader is not None and self._identity() != self._file:
            # The old file is still open: its last records are not lost.
            yield from self._rest(self._reader)
            self.close()
        reader = self._open() if self._reader is None else self._reader
        # Changes with each commit of another connection; much cheaper to ask.
        version = reader.value("PRAGMA data_version")
        if version != self._version:
            yield from self._rest(reader)
            self._version = version

    def _rest(self, reader: Reader) -> Iterator[LogRow]:
        while True:
            rows = fetch_after(reader, self._last_id, ROWS_PER_LOOK)
            self._failing_since = None
            for row in rows:
                # First, as whoever takes it may stop here.
                self._last_id, self._last_row = row.id, row
                yield row
            if not rows:
                return

    def _open(self) -> Reader:
        identity = self._identity()
        reader = Reader(connect(self._path), self._path, Deadline(None))
        # From now on `close` closes it, whatever is wrong with it.
        self._reader = reader
        if identity != self._file and self._last_id:
            known = fetch_after(reader, self._last_id - 1, 1)
            if known != [self._last_row]:
                self._last_id, self._last_row = 0, None
        self._file = identity
        return reader

    def _identity(self) -> tuple[int, int, bool] | None:
        """Return what changes when the file must be opened again."""
        try:
            status = self._path.stat()
            # Where there was no log and none could be made, SQLite was told
            # that nothing ever changes; with a log there is a writer.
            return status.st_dev, status.st_ino, log_of(self._path).exists()
        except OSError:
            return None
