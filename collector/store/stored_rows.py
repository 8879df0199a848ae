"""Stored rows: records as the tables have them, for export and import.

The view `logs` leaves out when the process was started, and joins for each
record anew what is stored once; here it is looked up once and remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from collector.store.rows import (
    CALL_SITE_COLUMNS,
    MAX_INTERNED,
    ORIGIN_COLUMNS,
    RECORD_COLUMNS,
    CallSite,
    Origin,
)

# What a row of the table has, in the order that `StoredRows.made` takes.
COLUMNS: Final = ",".join(f"r.{column}" for column in ("id", *RECORD_COLUMNS))

# Runs a statement and returns its rows.
Rows = Callable[[str, Sequence[object]], list[Any]]


class StoredRow(NamedTuple):
    """One record; what is interned is None where it is lost."""

    id: int
    created: float
    delay_ms: int
    call_site_id: int
    origin_id: int
    message: str
    taskName: str | None  # noqa: N815 - LogRecord's name
    exc_text: str | None
    stack_info: str | None
    extra: str | None
    call_site: CallSite | None
    origin: Origin | None

    @property
    def chars(self) -> int:
        """About how much memory it takes, its interned values aside."""
        return text_chars(self)


def text_chars(row: Sequence[Any]) -> int:
    """Return how long the texts of a row are that begins with COLUMNS."""
    chars = 0
    for value in row[5:10]:
        # Few have more than the message.
        if value is not None and isinstance(value, str | bytes):
            chars += len(value)
    return chars


class InternedTable:
    """The rows of a table of interned values, by id.

    As many are remembered as the writer remembers.
    """

    def __init__(self, rows: Rows, table: str, columns: tuple[str, ...]) -> None:
        self._rows = rows
        self._sql = f"SELECT {','.join(columns)} FROM {table} WHERE id = ?"
        self._known: dict[int, Any] = {}

    def get(self, row_id: int) -> Any:
        """Return a row as a tuple, None if there is none."""
        try:
            return self._known[row_id]
        except KeyError:
            found = self._rows(self._sql, (row_id,))
            if len(self._known) >= MAX_INTERNED:
                self._known.clear()
            value = tuple(found[0]) if found else None
            self._known[row_id] = value
            return value


class StoredRows:
    """Puts records together from rows of COLUMNS."""

    def __init__(self, rows: Rows) -> None:
        self._call_sites = InternedTable(rows, "call_sites", CALL_SITE_COLUMNS)
        self._origins = InternedTable(rows, "origins", ORIGIN_COLUMNS)

    def made(self, row: Sequence[Any]) -> StoredRow:
        """Return the record of a row."""
        interned = (self._call_sites.get(row[3]), self._origins.get(row[4]))
        return StoredRow._make((*row, *interned))
