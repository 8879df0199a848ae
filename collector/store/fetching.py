"""Fetching rows, by whoever reads: the daemon's connection, or a reader."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

# Returns the rows of a statement with parameters: `Reader.rows`, or of a connection.
Rows = Callable[[str, Sequence[object]], list[Any]]


def fetching(connection: sqlite3.Connection) -> Rows:
    """Return what fetches rows over a connection."""

    def rows(sql: str, parameters: Sequence[object]) -> list[Any]:
        return connection.execute(sql, parameters).fetchall()

    return rows
