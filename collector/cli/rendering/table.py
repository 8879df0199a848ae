"""Rows as a table, drawn by rich.

Rich is heavy to import, so it is imported here alone, and this module only
where a table is wanted.
"""

from __future__ import annotations

import io
from datetime import tzinfo
from typing import Final

from rich.console import Console
from rich.style import Style
from rich.table import Table
from rich.text import Text

from collector.cli.rendering.columns import display_width, shared_widths
from collector.cli.rendering.fields import Field, FieldReader
from collector.cli.rendering.levels import LEVEL_GROUPS, level_group
from collector.cli.rendering.printable import lines_kept, one_line, text_of
from collector.cli.rendering.renderer import Renderer
from collector.cli.rendering.times import TimeTexts
from collector.query.log_row import LogRow

PAGE_ROWS: Final = 1000
# A table is for looking over: of what is longer, the beginning is shown.
MAX_CELL_LINES: Final = 20
_GAP: Final = 2
_LEAST_WIDTH: Final = 4
_LEAST_LONG: Final = 20
_LEAST_TABLE: Final = 20
# Columns that are hard to read when they are wrapped, if only they are short.
_UNWRAPPED: Final = {
    "id",
    "created",
    "received",
    "time",
    "level",
    "levelno",
    "process",
    "thread",
    "lineno",
}
_MAX_UNWRAPPED: Final = 26
# Columns that get what is left; names leave them room.
_LONG: Final = {"message", "exc_text", "stack_info", "extra"}
_LEAST_NAME: Final = 12
_NAMES_PER_WIDTH: Final = 6
# Where places are rare, milliseconds go first.
_WIDE: Final = 100
_NO_STYLE: Final = Style.null()


class TableRenderer(Renderer):
    """Chosen fields in columns; long texts are wrapped, and cut at 20 lines.

    Rows are held back until a page is full or `flush` asks for them. The
    first of them decide how wide the columns are, and these stay so but for
    numbers that get longer.
    """

    def __init__(
        self, fields: tuple[Field, ...], *, zone: tzinfo, color: bool, width: int
    ) -> None:
        times = TimeTexts(zone)
        self._reader = FieldReader(
            fields,
            time=times.milliseconds if width >= _WIDE else times.seconds,
            nested=False,
        )
        self._labels = [one_line(field.label) for field in fields]
        self._columns = [field.column for field in fields]
        self._color = color
        self._width = max(width, _LEAST_TABLE)
        self._level_styles = {
            group: Style(color=group.color, bold=group.bold or None)
            for group in LEVEL_GROUPS
        }
        self._dim = Style(dim=True)
        self._widths: list[int] = []
        self._page: list[tuple[LogRow, list[str]]] = []

    def row(self, row: LogRow) -> str:
        """Hold back a row; return a page when one is full."""
        cells = [_cell(value, self._width) for value in self._reader.read(row)]
        self._page.append((row, cells))
        return self.flush() if len(self._page) >= PAGE_ROWS else ""

    def flush(self) -> str:
        """Return the rows held back."""
        return self._drawn() if self._page else ""

    def end(self) -> str:
        """Return the rows held back; the heading alone if there were none."""
        return self._drawn() if self._page or not self._widths else ""

    def _drawn(self) -> str:
        heading = not self._widths
        wanted = self._wanted_widths()
        if heading:
            available = self._width - _GAP * (len(wanted) - 1)
            self._widths = _column_widths(self._columns, wanted, available)
        else:
            self._widths = _grown_widths(self._columns, wanted, self._widths)
        table = Table(
            box=None, show_header=heading, padding=(0, _GAP, 0, 0), pad_edge=False
        )
        for label, width in zip(self._labels, self._widths, strict=True):
            table.add_column(Text(label), width=width, overflow="fold")
        for row, cells in self._page:
            table.add_row(*self._styled(row, cells))
        self._page = []
        total = sum(self._widths) + _GAP * len(self._widths)
        out = io.StringIO()
        console = Console(
            file=out,
            width=max(self._width, total),
            force_terminal=self._color,
            force_jupyter=False,
            color_system="standard" if self._color else None,
            legacy_windows=False,
            _environ={},
        )
        console.print(table)
        lines = out.getvalue().rstrip("\n").split("\n")
        return "".join([f"{line.rstrip()}\n" for line in lines])

    def _styled(self, row: LogRow, cells: list[str]) -> list[Text]:
        styles = {
            "time": self._dim,
            "level": self._level_styles[level_group(row.levelno)],
        }
        # In a Text, unlike a str, rich looks for no markup and no emoji.
        return [
            Text(cell, style=styles.get(column or "", _NO_STYLE))
            for column, cell in zip(self._columns, cells, strict=True)
        ]

    def _wanted_widths(self) -> list[int]:
        """Return how wide the rows held back would have the columns."""
        wanted = [display_width(label) for label in self._labels]
        for _, cells in self._page:
            for place, cell in enumerate(cells):
                longest = max(map(display_width, cell.split("\n")))
                wanted[place] = max(wanted[place], longest)
        return wanted


def _column_widths(
    columns: list[str | None], wanted: list[int], available: int
) -> list[int]:
    """Share out a width to columns that want so much each.

    If it is not enough, short columns keep theirs, names are held to a sixth
    of it as far as long texts need the rest. What is left over goes to the
    last column: later rows may have longer texts.
    """
    short = [n for n, column in enumerate(columns) if column in _UNWRAPPED]
    long = [n for n, column in enumerate(columns) if column in _LONG]
    names = [n for n in range(len(columns)) if n not in short and n not in long]
    widths = list(wanted)
    if sum(wanted) > available:
        for place in short:
            widths[place] = min(wanted[place], _MAX_UNWRAPPED)
        available -= sum(widths[place] for place in short)
        name_width = max(_LEAST_NAME, available // _NAMES_PER_WIDTH)
        kept = sum(min(wanted[place], name_width) for place in names)
        long_wanted = [wanted[place] for place in long]
        long_widths = shared_widths(long_wanted, available - kept, least=_LEAST_LONG)
        available -= sum(long_widths)
        names_wanted = [wanted[place] for place in names]
        name_widths = shared_widths(names_wanted, available, least=_LEAST_WIDTH)
        for place, width in zip(long + names, long_widths + name_widths, strict=True):
            widths[place] = width
        return widths
    widths[-1] += available - sum(widths)
    return widths


def _grown_widths(
    columns: list[str | None], wanted: list[int], widths: list[int]
) -> list[int]:
    """Return `widths` with short columns grown: numbers get more digits.

    The last column gives what they take.
    """
    grown = list(widths)
    for place, column in enumerate(columns):
        if column in _UNWRAPPED:
            grown[place] = max(widths[place], min(wanted[place], _MAX_UNWRAPPED))
    grown[-1] = max(_LEAST_WIDTH, grown[-1] - (sum(grown) - sum(widths)))
    return grown


def _cell(value: object, width: int) -> str:
    """Return a value as it is printed, cut at about MAX_CELL_LINES of `width`."""
    # No column is wider than the whole: of more than this nothing is seen.
    limit = MAX_CELL_LINES * width
    text = lines_kept(text_of(value)[: limit + 1])
    lines = text[:limit].split("\n")[:MAX_CELL_LINES]
    kept = "\n".join(lines)
    return kept if len(kept) == len(text) else f"{kept}…"
