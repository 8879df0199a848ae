"""What reads as a number: in queries, and as text in extra attributes."""

from __future__ import annotations

import math
import re
from typing import Final

# Longer ones are no counts or measures, and would take long to read.
_MAX_CHARS: Final = 64
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")

INT64_MIN: Final = -(1 << 63)
INT64_MAX: Final = (1 << 63) - 1


def number(text: str) -> int | float | None:
    """Return the number a text is, or None.

    Decimal digits with an optional sign, fraction and exponent, in 64
    characters at most; a whole number without exponent is exact. Words like
    nan and inf, underscores and what is too large for a float are no numbers.
    """
    if len(text) > _MAX_CHARS:
        return None
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    if match[1] is None and match[2] is None:
        return int(text)
    value = float(text)
    return value if math.isfinite(value) else None


def plain_number(text: str) -> int | float | None:
    """Return the number a text is if it is written without an exponent.

    So the digits of a whole number stand in all texts that are this number.
    """
    return None if "e" in text or "E" in text else number(text)
