"""Regular expressions of queries, searched for within a deadline."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from collector.errors import QueryTimeout
from collector.query.matching import Matcher, text_of

if TYPE_CHECKING:
    import regex

MAX_PATTERN_CHARS: Final = 1000

# What is to be repeated n times is compiled n times, 300 bytes for a character.
MAX_REPEATED_CHARS: Final = 100_000
_PIECE: Final = re.compile(
    r"\\.|\[(?:\\.|[^\]\\])*\]|\{([0-9]+)(?:,[0-9]*)?\}|[\s\S]", re.DOTALL
)

# It takes longer ones for none at all.
_LONGEST: Final = 1e6

# Gives the seconds that are left for a search.
SecondsLeft = Callable[[], float]


class PatternError(ValueError):
    """A pattern is no regular expression; `column` is the offset in it."""

    def __init__(self, reason: str, column: int) -> None:
        self.column = column
        super().__init__(reason)


def check_pattern(pattern: str) -> None:
    """Raise PatternError when a pattern is no regular expression."""
    _compiled(pattern)


def searcher(pattern: str, seconds_left: SecondsLeft) -> Matcher:
    """Return what tells whether a value is a text in which the pattern is.

    It raises QueryTimeout when no seconds are left, and only then.
    """
    compiled = _compiled(pattern)

    def matches(value: object) -> bool:
        text = text_of(value)
        if text is None:
            return False
        while (seconds := seconds_left()) > 0:
            try:
                return compiled.search(text, timeout=min(seconds, _LONGEST)) is not None
            except TimeoutError:
                # It counts the time of the processor, which goes faster
                # than the clock where there are threads: ask again.
                continue
            except (MemoryError, RecursionError):
                return False
        raise QueryTimeout("the search for a regular expression took too long")

    return matches


def _repeated_chars(pattern: str) -> int:
    """Return how long a pattern is, roughly, with what is repeated written out."""
    open_groups = [0]
    last = 0
    for piece in _PIECE.finditer(pattern):
        if piece[0] == "(":
            open_groups.append(0)
            continue
        if piece[1] is not None:
            more = last * max(0, int(piece[1][:9]) - 1)
            last += more
        elif piece[0] == ")" and len(open_groups) > 1:
            more = last = open_groups.pop()
        else:
            more = last = 1
        open_groups[-1] += more
    return sum(open_groups)


def _compiled(pattern: str) -> regex.Pattern[str]:
    # Heavy, and most queries have none.
    import regex

    if len(pattern) > MAX_PATTERN_CHARS:
        raise PatternError(
            f"expected a regular expression of at most {MAX_PATTERN_CHARS} characters",
            MAX_PATTERN_CHARS,
        )
    if _repeated_chars(pattern) > MAX_REPEATED_CHARS:
        raise PatternError("expected a regular expression with fewer repetitions", 0)
    try:
        # It warns of what another mode would read otherwise.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return regex.compile(pattern, regex.IGNORECASE)
    except regex.error as error:
        column = getattr(error, "pos", None) or 0
        reason = f"expected a regular expression: {getattr(error, 'msg', error)}"
        raise PatternError(reason, min(column, len(pattern))) from None
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError):
        reason = "expected a regular expression: this one cannot be read"
        raise PatternError(reason, 0) from None
