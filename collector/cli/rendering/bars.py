"""Bars: counts by level as a row of blocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from collector.cli.rendering.brush import level_brushes
from collector.cli.rendering.levels import LEVEL_GROUPS, LevelGroup

_BLOCK: Final = "█"
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"


class Bars:
    """Draws bars, each stacked by level with the most severe first.

    With colour, levels differ by colour, and in Unicode the end of a bar is
    exact to an eighth of a place; without, they differ by their character.
    Whatever has been counted is seen: no count but 0 draws an empty bar, and
    a level is left out only where a bar has fewer places than levels.
    """

    def __init__(self, *, color: bool, unicode: bool) -> None:
        self._brushes = level_brushes(color=color)
        self._marks = {
            group: (_BLOCK if color else group.shade) if unicode else group.letter
            for group in LEVEL_GROUPS
        }
        self._parts = 8 if color and unicode else 1

    def bar(self, counts: Mapping[LevelGroup, int], *, most: int, places: int) -> str:
        """Return a bar in `places` places, which is full at the count `most`."""
        groups = [group for group in LEVEL_GROUPS if counts.get(group, 0) > 0]
        total = sum(counts[group] for group in groups)
        if not total:
            return " " * places
        length = min(total, most) * places * self._parts // most
        full, rest = divmod(max(1, length), self._parts)
        used = full + (rest > 0)
        bar = ""
        shown = groups[:used]
        sizes = _sizes([counts[group] for group in shown], used)
        for group, size in zip(shown, sizes, strict=True):
            text = self._marks[group] * size
            if rest and group is shown[-1]:
                text = text[:-1] + _EIGHTHS[rest]
            bar += self._brushes[group].paint(text)
        return bar + " " * (places - used)

    def legend(self, groups: Iterable[LevelGroup]) -> str:
        """Return what the marks of `groups` mean, on one line."""
        present = set(groups)
        return "  ".join(
            f"{self._brushes[group].paint(self._marks[group])} {group.name}"
            for group in LEVEL_GROUPS
            if group in present
        )


def _sizes(counts: list[int], places: int) -> list[int]:
    """Share out places by count, at least one to each."""
    total = sum(counts)
    spare = places - len(counts)
    sizes: list[int] = []
    before = 0
    for count in counts:
        after = before + count
        sizes.append(1 + after * spare // total - before * spare // total)
        before = after
    return sizes
