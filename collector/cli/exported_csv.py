"""Exported records as CSV, each cell as `query` shows it."""

from __future__ import annotations

from typing import Final

from collector.cli.rendering.comma_separated import cell, csv_line, line_of_cells
from collector.moving.line import COLUMNS, values_of
from collector.store.rows import MAX_INTERNED
from collector.store.stored_rows import StoredRow

# What is each record's own; the others are interned, and repeat.
_OWN: Final = frozenset(
    {
        *("id", "created", "message", "taskName"),
        *("exc_text", "stack_info", "extra", "received"),
    }
)
_IS_OWN: Final = tuple(name in _OWN for name in COLUMNS)


class CsvWriter:
    """Makes rows of a spreadsheet of records."""

    def __init__(self) -> None:
        # The cells of interned values, made once.
        self._known: dict[object, object] = {}

    def begin(self) -> bytes:
        """Return the header."""
        return csv_line(list(COLUMNS)).encode()

    def encoded(self, rows: list[StoredRow]) -> bytes:
        """Return the rows of records."""
        lines = [self._line(row) for row in rows]
        if len(self._known) > MAX_INTERNED:
            self._known.clear()
        return "".join(lines).encode()

    def end(self) -> bytes:
        """Return what comes after all records."""
        return b""

    def _line(self, row: StoredRow) -> str:
        known = self._known
        cells: list[object] = []
        for value, is_own in zip(values_of(row), _IS_OWN, strict=True):
            if value is None:
                cells.append("")
            elif is_own or type(value) is not str:
                cells.append(cell(value))
            else:
                made = known.get(value)
                if made is None:
                    made = known[value] = cell(value)
                cells.append(made)
        return line_of_cells(cells)
