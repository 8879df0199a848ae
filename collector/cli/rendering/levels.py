"""Groups of levels: how severe, and how that is shown."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class LevelGroup:
    """The levels from the number `least` up to the next group.

    `color` is a name that click and rich share. `shade` and `letter` stand
    for the group in bars that have no colour, in Unicode and in ASCII.
    """

    name: str
    least: float
    color: str
    bold: bool
    shade: str
    letter: str


CRITICAL: Final = LevelGroup("critical", 50, "magenta", True, "█", "C")
ERROR: Final = LevelGroup("error", 40, "red", True, "▓", "E")
WARNING: Final = LevelGroup("warning", 30, "yellow", False, "▒", "W")
INFO: Final = LevelGroup("info", 20, "green", False, "░", "I")
DEBUG: Final = LevelGroup("debug", -math.inf, "blue", False, "·", "D")

# The most severe first; so are bars stacked.
LEVEL_GROUPS: Final = (CRITICAL, ERROR, WARNING, INFO, DEBUG)


def level_group(levelno: object) -> LevelGroup:
    """Return the group of a level's number; of what is no number, the lowest."""
    if isinstance(levelno, int | float):
        for group in LEVEL_GROUPS:
            if levelno >= group.least:
                return group
    return DEBUG
