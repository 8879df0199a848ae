"""A graft: a damaged database with the first page of a new one.

The first page tells where everything is. In all of our databases the tables of
the first schema are at the same places, so that the first page of a new one
leads to the records of one that has lost its own.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from collector.errors import ReadError
from collector.store.database import ABOUT_WITHIN_BYTES
from collector.store.reader import log_of
from collector.store.schema import ABOUT, APPLICATION_ID, MIGRATIONS, migration_script

# Of SQLite's file format: https://www.sqlite.org/fileformat.html
_CHANGES: Final = slice(24, 28)
_PAGES: Final = slice(28, 32)
_FREE_PAGES: Final = slice(32, 40)
_VALID_FOR: Final = slice(92, 96)


def was_ours(path: Path) -> bool:
    """Tell whether a file has what only a database of ours has, but for its start."""
    try:
        with path.open("rb") as file:
            return ABOUT.encode() in file.read(ABOUT_WITHIN_BYTES)
    except OSError:
        return False


@contextmanager
def grafted(path: Path) -> Iterator[Path]:
    """Give a copy of a database that has a first page again.

    Raises ReadError where there is no room for it; TMPDIR says where to make it.
    """
    with tempfile.TemporaryDirectory(prefix="logcollector-") as folder:
        copy = Path(folder) / "copy.sqlite"
        try:
            page = first_page(Path(folder) / "new.sqlite")
            shutil.copyfile(path, copy)
            if log_of(path).exists():
                shutil.copyfile(log_of(path), log_of(copy))
            pages = copy.stat().st_size // len(page)
            page[_PAGES] = pages.to_bytes(4, "big")
            page[_VALID_FOR] = page[_CHANGES]
            page[_FREE_PAGES] = bytes(8)
            with copy.open("r+b") as file:
                file.write(page)
        except OSError as error:
            raise ReadError(
                f"{path}: has lost its first page, so that a copy is needed, and that "
                f"failed: {error.strerror}; TMPDIR names another place for it"
            ) from None
        yield copy


def first_page(path: Path) -> bytearray:
    """Return the first page of a database of the first schema, made at `path`."""
    with closing(sqlite3.connect(path)) as connection:
        # As the daemon makes it; without the view, to have room on one page.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.executescript(
            migration_script(MIGRATIONS[0], sqlite3.sqlite_version_info)
        )
        connection.execute("DROP VIEW logs")
        connection.commit()
        [(size,)] = connection.execute("PRAGMA page_size")
    return bytearray(path.read_bytes()[:size])
