"""Rows as lines for people.

One record is one line; what belongs to it and has lines of its own follows
indented and marked, so that no line of a message can pass for a record.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import tzinfo
from typing import Final

from collector.cli.rendering.brush import brush, level_brushes
from collector.cli.rendering.extras import pairs_text
from collector.cli.rendering.fields import Field, FieldReader
from collector.cli.rendering.levels import level_group
from collector.cli.rendering.printable import lines_marked, one_line
from collector.cli.rendering.renderer import Renderer
from collector.cli.rendering.times import TimeTexts
from collector.emit.visible import CONTINUATION
from collector.query.log_row import LogRow

# Searching for more than this would cost more than it shows.
MAX_NEEDLES: Final = 20
MAX_NEEDLE_CHARS: Final = 200
_MARK: Final = CONTINUATION.lstrip("\n")


class Highlighter:
    """Marks in printable text where one of some literal texts stands.

    Letters of either case match. Only the first needles are looked for, and
    no very long ones.
    """

    def __init__(self, needles: Iterable[str], *, color: bool) -> None:
        wanted = [n for n in needles if 0 < len(n) <= MAX_NEEDLE_CHARS][:MAX_NEEDLES]
        # Of two that begin alike, the longer one is marked.
        wanted.sort(key=len, reverse=True)
        self._pattern = (
            re.compile("|".join(map(re.escape, wanted)), re.IGNORECASE)
            if wanted and color
            else None
        )
        self._brush = brush(color=color, reverse=True)

    def mark(self, text: str) -> str:
        """Return `text` with the needles in it reversed."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda match: self._brush.paint(match[0]), text)


class TextRenderer(Renderer):
    """Time, level, logger, host[pid], message and extra attributes on a line.

    Below it, the later lines of the message, the traceback and the stack.
    """

    def __init__(
        self, *, zone: tzinfo, color: bool, needles: Iterable[str] = ()
    ) -> None:
        self._times = TimeTexts(zone)
        self._levels = level_brushes(color=color)
        self._dim = brush(color=color, dim=True)
        self._logger = brush(color=color, fg="cyan")
        self._highlighter = Highlighter(needles, color=color)

    def row(self, row: LogRow) -> str:
        """Return the lines of one record."""
        level = self._levels[level_group(row.levelno)]
        host = one_line(row.hostname) or "-"
        origin = host if row.process is None else f"{host}[{one_line(row.process)}]"
        first, newline, later = lines_marked(row.message).partition("\n")
        mark = self._highlighter.mark
        line = (
            f"{self._dim.paint(_beginning(self._times.milliseconds(row.created)))} "
            f"{level.paint(f'{one_line(row.level):<8}')} "
            f"{self._logger.paint(one_line(row.name) or '-')} "
            f"{self._dim.paint(origin)}  {mark(first)}"
        )
        if row.extra is not None and (pairs := pairs_text(row.extra)):
            line += f"  {self._dim.paint(pairs)}"
        if newline:
            line += newline + mark(later)
        if row.exc_text is not None:
            line += CONTINUATION + mark(lines_marked(row.exc_text))
        if row.stack_info is not None:
            line += CONTINUATION + mark(lines_marked(row.stack_info))
        return line + "\n"


class ChosenTextRenderer(Renderer):
    """Chosen fields on a line, with tabs between them; `-` where there is none.

    Later lines of any field follow below, indented and marked.
    """

    def __init__(
        self,
        fields: tuple[Field, ...],
        *,
        zone: tzinfo,
        color: bool,
        needles: Iterable[str] = (),
    ) -> None:
        self._reader = FieldReader(
            fields, time=TimeTexts(zone).milliseconds, nested=False
        )
        self._levels = level_brushes(color=color)
        self._dim = brush(color=color, dim=True)
        self._columns = [field.column for field in fields]
        self._highlighter = Highlighter(needles, color=color)

    def row(self, row: LogRow) -> str:
        """Return the lines of one record."""
        cells: list[str] = []
        below: list[str] = []
        for column, value in zip(self._columns, self._reader.read(row), strict=True):
            first, newline, later = lines_marked(value).partition("\n")
            cell = "-" if value is None else one_line(first)
            if not cells:
                cell = _beginning(cell)
            if column in ("level", "levelno"):
                cell = self._levels[level_group(row.levelno)].paint(cell)
            elif column == "time":
                cell = self._dim.paint(cell)
            else:
                cell = self._highlighter.mark(cell)
            cells.append(cell)
            if newline:
                below.append(newline + self._highlighter.mark(later))
        return "\t".join(cells) + "".join(below) + "\n"


def _beginning(text: str) -> str:
    """Return what a record's line begins with, never like one of its later lines."""
    return f"\\x20{text[1:]}" if text.startswith(_MARK) else text
