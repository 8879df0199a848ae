"""Renderer: what turns rows into one of the formats."""

from __future__ import annotations

from abc import ABC, abstractmethod

from collector.query.log_row import LogRow


class Renderer(ABC):
    """Turns rows into text, piece by piece.

    Written one after the other, what `begin`, `row` for each row, and `end`
    return is the whole output, newlines included. Rows may be held back;
    `flush` returns these, for output that must not wait. `end` makes the
    output whole also when rows end early. Takes any row, whatever its values,
    and time and memory in proportion to it.
    """

    def begin(self) -> str:
        """Return what comes before all rows; nothing, for most."""
        return ""

    @abstractmethod
    def row(self, row: LogRow) -> str:
        """Return what is ready to be written with this row."""

    def flush(self) -> str:
        """Return what is held back; nothing, for most."""
        return ""

    def end(self) -> str:
        """Return what is held back and what comes after all rows."""
        return ""
