"""What a comparison asks of one value: the meaning of operators and globs."""

from __future__ import annotations

import operator as operators
from collections.abc import Callable
from typing import Any, Final

from collector.query.tree import Comparison, Glob, Operator

Matcher = Callable[[object], bool]

# Values of a database made by others may be of any type.
ORDERS: Final[dict[Operator, Callable[[Any, Any], bool]]] = {
    "=": operators.eq,
    "!=": operators.ne,
    ">": operators.gt,
    ">=": operators.ge,
    "<": operators.lt,
    "<=": operators.le,
}


def text_of(value: object) -> str | None:
    """Return a text, also one handed over as UTF-8 bytes; None for all else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return None


def contains(needle: str) -> Matcher:
    """Return what tells whether a value is a text with the needle, folded."""
    folded = needle.casefold()

    def matches(value: object) -> bool:
        text = text_of(value)
        return text is not None and folded in text.casefold()

    return matches


def glob_matcher(glob: Glob) -> Callable[[str], bool]:
    """Return what tells whether a whole text is as the glob says."""
    first, *middle = glob.parts
    if not middle:
        return first.__eq__
    last = middle.pop()
    least = len(first) + len(last)
    pieces = [piece for piece in middle if piece]

    def matches(text: str) -> bool:
        if len(text) < least or not text.startswith(first) or not text.endswith(last):
            return False
        # The leftmost place of each piece leaves most to the next.
        place = len(first)
        end = len(text) - len(last)
        for piece in pieces:
            place = text.find(piece, place, end)
            if place < 0:
                return False
            place += len(piece)
        return True

    return matches


def folded(glob: Glob) -> Glob:
    """Return the glob for folded texts."""
    return Glob(tuple(part.casefold() for part in glob.parts))


def text_matcher(comparison: Comparison) -> Callable[[str], bool]:
    """Return what a comparison with a Glob or a text asks of a text."""
    wanted = comparison.value
    if isinstance(wanted, Glob):
        if comparison.operator == "=":
            return glob_matcher(wanted)
        matches = glob_matcher(folded(wanted))
        return lambda text: matches(text.casefold())
    order = ORDERS[comparison.operator]
    return lambda text: order(text, wanted)


def column_matcher(comparison: Comparison) -> Matcher:
    """Return what a comparison asks of the value of a column."""
    wanted = comparison.value
    if isinstance(wanted, int | float):
        order = ORDERS[comparison.operator]
        return lambda value: isinstance(value, int | float) and order(value, wanted)
    matches = text_matcher(comparison)

    def asks(value: object) -> bool:
        # A glob for a number is one for its decimal digits.
        text = str(value) if isinstance(value, int) else text_of(value)
        return text is not None and matches(text)

    return asks
