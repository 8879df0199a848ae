"""Counts by name: who logs how much, as a table with small bars."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

from collector.cli.rendering.bars import Bars
from collector.cli.rendering.brush import brush
from collector.cli.rendering.columns import (
    display_width,
    padded,
    shared_widths,
    shortened,
)
from collector.cli.rendering.levels import LevelGroup
from collector.cli.rendering.printable import one_line
from collector.cli.rendering.times import TimeTexts

_BAR_PLACES: Final = 10
# Names get at least this much before bars and times are left out for them.
_NAME_ROOM: Final = 24
_LEAST_NAME: Final = 8
_GAP: Final = 2


@dataclass(frozen=True, slots=True)
class CountRow:
    """How many records have the same `names`, and when: epoch seconds.

    `counts` has them by level; `first` and `last` are None if not known.
    """

    names: tuple[str, ...]
    counts: Mapping[LevelGroup, int]
    first: float | None = None
    last: float | None = None

    @property
    def total(self) -> int:
        """How many records there are."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class _Column:
    """Cells of one width, the heading first."""

    width: int
    cells: list[str]


def counts_table(
    rows: Sequence[CountRow],
    headings: Sequence[str],
    *,
    total: int,
    width: int,
    color: bool,
    unicode: bool,
    zone: tzinfo,
) -> str:
    """Return a line for each row, below a line of headings.

    `headings` name the names; count, share, bar, first and last time follow.
    `total` is what shares are shares of, as `rows` may be only the greatest.
    Where `width` is small, first the seconds, then the bars, then the times
    are left out, and at last names are shortened.
    """
    names = [
        [heading, *(one_line(row.names[place]) for row in rows)]
        for place, heading in enumerate(headings)
    ]
    wanted = [max(map(display_width, column)) for column in names]
    counted = [
        _column("count", [f"{row.total:,}" for row in rows], right=True),
        _column("share", [_share(row.total, total) for row in rows], right=True),
    ]
    bar = _bar_column(rows, Bars(color=color, unicode=unicode))
    times = TimeTexts(zone)
    by_second = _time_columns(rows, times.seconds)
    by_minute = _time_columns(rows, times.minutes)
    needed = min(sum(wanted), _NAME_ROOM * len(wanted))
    for more in ([bar, *by_second], [bar, *by_minute], by_minute, []):
        beside = counted + more
        gaps = _GAP * (len(wanted) + len(beside) - 1)
        room = width - gaps - sum(column.width for column in beside)
        if room >= needed:
            break
    gap = "…" if unicode else "..."
    columns = [
        _column(cells[0], [shortened(cell, share, gap=gap) for cell in cells[1:]])
        for cells, share in zip(
            names, shared_widths(wanted, room, least=_LEAST_NAME), strict=True
        )
    ]
    lines = [
        (" " * _GAP).join(cells).rstrip()
        for cells in zip(*(column.cells for column in columns + beside), strict=True)
    ]
    lines[0] = brush(color=color, bold=True).paint(lines[0])
    return "\n".join(lines) + "\n"


def _column(heading: str, cells: list[str], *, right: bool = False) -> _Column:
    texts = [heading, *cells]
    width = max(map(display_width, texts))
    return _Column(width, [padded(text, width, right=right) for text in texts])


def _bar_column(rows: Sequence[CountRow], bars: Bars) -> _Column:
    most = max((row.total for row in rows), default=0)
    drawn = [bars.bar(row.counts, most=most, places=_BAR_PLACES) for row in rows]
    return _Column(_BAR_PLACES, [" " * _BAR_PLACES, *drawn])


def _time_columns(
    rows: Sequence[CountRow], text: Callable[[object], str]
) -> list[_Column]:
    return [
        _column("first", [text(row.first) for row in rows]),
        _column("last", [text(row.last) for row in rows]),
    ]


def _share(count: int, total: int) -> str:
    return f"{count / total:.1%}" if total else "-"
