"""The numbers of segments, and what their files are called after them.

A number tells which spool it is of, at random; its count in that; and has room for
what was in memory at a stop, which belongs before it. So a database that knows
another spool, or another folder here before, says nothing of it.
"""

from __future__ import annotations

import re
import secrets
from typing import Final

LINEAGE_BITS: Final = 24
COUNT_BITS: Final = 38
NUMBER_STEP: Final = 4096

DAMAGED_SUFFIX: Final = ".damaged"
# Of a segment that is being written to stand before others, and of one that is
# complete, while those that it stands for may still be there.
UNFINISHED_SUFFIX: Final = ".unfinished"
FIRST_SUFFIX: Final = ".first"
_SEGMENT_NAME: Final = re.compile(r"(\d{19})\.frames(\.unfinished|\.first|)")


def new_lineage() -> int:
    """Return the least number that a segment of a new spool may have."""
    return secrets.randbits(LINEAGE_BITS) << COUNT_BITS


def lineage_of(number: int) -> int:
    """Return the least number of the spool that a segment is of."""
    return number >> COUNT_BITS << COUNT_BITS


def next_number(last: int) -> int:
    """Return the number of the segment after another."""
    return (last // NUMBER_STEP + 1) * NUMBER_STEP


def segment_name(number: int) -> str:
    """Return the name of a segment's file."""
    return f"{number:019d}.frames"


def parsed_name(name: str) -> tuple[int, str] | None:
    """Return the number and the suffix of a file that is a segment; None: it is not.

    Damaged ones are none any more.
    """
    found = _SEGMENT_NAME.fullmatch(name)
    return (int(found[1]), found[2]) if found else None
