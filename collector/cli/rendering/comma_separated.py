"""Rows as CSV that a spreadsheet can be given.

Quoted as in RFC 4180, lines ended by a newline. Control characters are made
visible as in text. A cell that a spreadsheet would take for a formula gets a
leading apostrophe.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from datetime import tzinfo
from typing import Final

from collector.cli.rendering.fields import Field, FieldReader
from collector.cli.rendering.printable import lines_kept
from collector.cli.rendering.renderer import Renderer
from collector.cli.rendering.times import TimeTexts
from collector.query.log_row import LogRow

# Also the full-width forms, which some spreadsheets take for the plain ones.
_FORMULA: Final = re.compile("\\t|\\s*[=+@\uff1d\uff0b\uff0d\uff20-]")


class _Returned:
    """A file whose write returns the text, as csv's writerow then does."""

    def write(self, text: str) -> str:
        return text


class CsvRenderer(Renderer):
    """A header, then a record a row."""

    def __init__(self, fields: tuple[Field, ...], *, zone: tzinfo) -> None:
        self._labels = [field.label for field in fields]
        self._reader = FieldReader(fields, time=TimeTexts(zone).iso, nested=False)

    def begin(self) -> str:
        """Return the header."""
        return csv_line(list(self._labels))

    def row(self, row: LogRow) -> str:
        """Return the row of one record."""
        return csv_line(self._reader.read(row))


_write_row: Final = csv.writer(_Returned(), lineterminator="\n").writerow


def csv_line(values: list[object]) -> str:
    """Return one line of values, quoted and guarded."""
    return line_of_cells([cell(value) for value in values])


def line_of_cells(cells: Sequence[object]) -> str:
    """Return one line of what `cell` has made of values."""
    text: str = _write_row(cells)
    return text


def cell(value: object) -> object:
    """Return a value as it is put into a cell, before it is quoted."""
    # A number of ours may begin with a minus.
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    text = lines_kept(value)
    return f"'{text}" if _FORMULA.match(text) else text
