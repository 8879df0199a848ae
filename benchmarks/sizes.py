"""What files and databases take."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def companions(path: Path) -> list[Path]:
    """Return the file and those whose names begin with its name.

    These are a database's log, or the older parts of a rotated output.
    """
    return list(path.parent.glob(f"{path.name}*"))


def size(path: Path) -> int:
    """Return the bytes in the file and its companions."""
    return sum(part.stat().st_size for part in companions(path))


def count_lines(path: Path) -> int:
    """Return the lines in the file and its companions."""
    return sum(part.read_bytes().count(b"\n") for part in companions(path))


def contents_bytes(connection: sqlite3.Connection) -> int:
    """Return the bytes of the database's pages that are in use."""
    [(pages,)] = connection.execute("PRAGMA page_count").fetchall()
    [(free,)] = connection.execute("PRAGMA freelist_count").fetchall()
    [(page_bytes,)] = connection.execute("PRAGMA page_size").fetchall()
    return int((pages - free) * page_bytes)


def unindexed_bytes(database: Path) -> int:
    """Drop the search index and return the bytes of what is left.

    Under load the index lags, so its size would be left to chance.
    """
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        for (name,) in connection.execute("SELECT name FROM search_parts").fetchall():
            connection.execute(f"DROP TABLE {name}")
        return contents_bytes(connection)
