"""The SQLite library that is in use."""

from __future__ import annotations

import sqlite3
from contextlib import closing


def library_version() -> tuple[int, int, int]:
    """Return the version of SQLite, which need not be the one of its headers."""
    return sqlite3.sqlite_version_info


def has_trigrams() -> bool:
    """Tell whether it can keep a search index: FTS5 with pieces of three."""
    with closing(sqlite3.connect(":memory:")) as memory:
        try:
            memory.execute("CREATE VIRTUAL TABLE t USING fts5(x, tokenize='trigram')")
        except sqlite3.Error:
            return False
    return True
