"""Brush: one colour for texts on a terminal, or none."""

from __future__ import annotations

from dataclasses import dataclass

import click

from collector.cli.rendering.levels import LEVEL_GROUPS, LevelGroup


@dataclass(frozen=True, slots=True)
class Brush:
    """What is written before and after a text to style it."""

    start: str = ""
    end: str = ""

    def paint(self, text: str) -> str:
        """Return `text` in the brush's style; an empty text stays empty."""
        return f"{self.start}{text}{self.end}" if text else text


def brush(
    *,
    color: bool,
    fg: str | None = None,
    bold: bool | None = None,
    dim: bool | None = None,
    reverse: bool | None = None,
) -> Brush:
    """Return a brush of a style as click takes it; a dry one without `color`."""
    if not color:
        return Brush()
    styled = click.style("\0", fg=fg, bold=bold, dim=dim, reverse=reverse)
    start, _, end = styled.partition("\0")
    return Brush(start, end)


def level_brushes(*, color: bool) -> dict[LevelGroup, Brush]:
    """Return a brush for each group of levels."""
    return {
        group: brush(color=color, fg=group.color, bold=group.bold or None)
        for group in LEVEL_GROUPS
    }
