"""LIKE patterns that any text must match in which, folded, a needle is.

SQLite's LIKE is fast but folds ASCII letters alone, while some characters
outside ASCII fold to ASCII letters, one or several: K to k, ß to ss. So a
letter that such a character may stand for is left open in the pattern.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# What characters outside ASCII fold to that has ASCII letters in it.
EXPANSIONS: Final = (
    "k",
    "s",
    "ss",
    "ff",
    "fi",
    "fl",
    "ffi",
    "ffl",
    "st",
    "\u02bcn",
    "a\u02be",
    "h\u0331",
    "i\u0307",
    "j\u030c",
    "t\u0308",
    "w\u030a",
    "y\u030a",
)

ESCAPE: Final = "\\"

# SQLite takes no longer ones than 50,000 bytes; more is not worth its while.
MAX_NEEDLE_CHARS: Final = 200

_ANY_CHAR: Final = "_"
_ANY_RUN: Final = "%"


@dataclass(frozen=True, slots=True)
class LikePattern:
    """A pattern for LIKE with ESCAPE, to be put between two `%`.

    `literal_chars` are its characters that are no wildcards. When it is
    `exact`, LIKE alone decides, else a text that matches may have no needle.
    """

    pattern: str
    literal_chars: int
    exact: bool


def escaped(text: str) -> str:
    """Return the text as a pattern that stands for just it."""
    for special in (ESCAPE, _ANY_RUN, _ANY_CHAR):
        text = text.replace(special, ESCAPE + special)
    return text


def like_pattern(needle: str) -> LikePattern:
    """Return the pattern for a folded needle; neither has a NUL."""
    cut = needle[:MAX_NEEDLE_CHARS]
    open_places = _open_places(cut)
    pieces: list[str] = []
    for place, char in enumerate(cut):
        piece = open_places.get(place) or escaped(char)
        # It stands between two of them, so that none is needed at its ends.
        if piece != _ANY_RUN or pieces[-1:] not in ([], [_ANY_RUN]):
            pieces.append(piece)
    if pieces[-1:] == [_ANY_RUN]:
        pieces.pop()
    return LikePattern(
        "".join(pieces),
        literal_chars=len(cut) - len(open_places),
        exact=not open_places and cut == needle,
    )


def _open_places(needle: str) -> dict[int, str]:
    """Return the places that are not sure to be the ASCII letter they show."""
    places = {
        place: _ANY_RUN for place, char in enumerate(needle) if not char.isascii()
    }
    for expansion in EXPANSIONS:
        width = len(expansion)
        for start in range(1 - width, len(needle)):
            inside = range(max(start, 0), min(start + width, len(needle)))
            if all(needle[place] == expansion[place - start] for place in inside):
                for place in inside:
                    if width > 1:
                        places[place] = _ANY_RUN
                    else:
                        places.setdefault(place, _ANY_CHAR)
    return places
