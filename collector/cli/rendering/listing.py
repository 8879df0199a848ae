"""A listing: texts in columns, and lines below a row that belong to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from collector.cli.rendering.brush import Brush, brush
from collector.cli.rendering.columns import (
    display_width,
    padded,
    shared_widths,
    shortened,
    shortened_end,
)
from collector.cli.rendering.printable import one_line

_GAP: Final = 2
_INDENT: Final = "    "
# A column of names is made no narrower than this.
_LEAST_NAME: Final = 8


@dataclass(frozen=True, slots=True)
class Column:
    """One column; its cells may be any text.

    `right` puts it right. `spare` columns are left out where there is no room,
    those with the greatest number first; 0 is never left out, but shortened.
    `brushes` paint the cells.
    """

    heading: str
    cells: Sequence[str]
    right: bool = False
    spare: int = 0
    brushes: Sequence[Brush] | None = None


def listing(
    columns: Sequence[Column],
    *,
    width: int,
    color: bool,
    unicode: bool,
    below: Sequence[str] = (),
    commands: Sequence[str] = (),
) -> str:
    """Return a line for each row, below a line of headings.

    `below` has a text for each row, which follows it on a line of its own if
    it is not empty, cut at the width; so do `commands`, which are whole.
    """
    gap = "…" if unicode else "..."
    kept = _kept(columns, width)
    room = width - _GAP * (len(kept) - 1)
    widths = shared_widths([*map(_width, kept)], room, least=_LEAST_NAME)
    drawn = [_cells(*each, gap) for each in zip(kept, widths, strict=True)]
    lines = [(" " * _GAP).join(cells).rstrip() for cells in zip(*drawn, strict=True)]
    lines[0] = brush(color=color, bold=True).paint(lines[0])
    room = width - len(_INDENT)
    for row in range(len(lines) - 1):
        if below and below[row]:
            text = shortened_end(one_line(below[row]), room, gap=gap)
            lines[row + 1] += f"\n{_INDENT}{text}"
        if commands and commands[row]:
            lines[row + 1] += f"\n{_INDENT}{one_line(commands[row])}"
    return "\n".join(lines) + "\n"


def _width(column: Column) -> int:
    return max(display_width(column.heading), *map(display_width, _texts(column)))


def _texts(column: Column) -> list[str]:
    return [one_line(cell) for cell in column.cells]


def _kept(columns: Sequence[Column], width: int) -> list[Column]:
    """Return the columns that there is room for."""
    kept = list(columns)
    while True:
        needed = sum(map(_width, kept)) + _GAP * (len(kept) - 1)
        most = max((column.spare for column in kept), default=0)
        if needed <= width or not most:
            return kept
        kept = [column for column in kept if column.spare != most]


def _cells(column: Column, width: int, gap: str) -> list[str]:
    texts = [
        padded(shortened(text, width, gap=gap), width, right=column.right)
        for text in (column.heading, *_texts(column))
    ]
    if column.brushes is None:
        return texts
    brushes = (Brush(), *column.brushes)
    return [each.paint(text) for each, text in zip(brushes, texts, strict=True)]
