"""Call sites that have only moved: after a deploy most have other line numbers.

A call site is its logger, file, function, level and line. One that is gone and
one that is new, alike in all but the line, are the same if they say the same.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

# Of one function. Code has fewer; what is made up must not take for ever.
MOST_COMPARED: Final = 50

# Values in messages differ, and may be words.
LEAST_ALIKE: Final = 0.5

_WORD: Final = re.compile(r"[^\W\d_]{2,}")


class CallSite(NamedTuple):
    """Where something is logged, and at which level."""

    logger: str
    filename: str
    function: str
    line: int
    level: str

    @property
    def without_line(self) -> tuple[str, str, str, str]:
        """What stays when lines are added above it."""
        return self.logger, self.filename, self.function, self.level


def candidates(
    gone: Iterable[CallSite], new: Iterable[CallSite]
) -> list[tuple[list[CallSite], list[CallSite]]]:
    """Return those of each function that may be the same, in order of lines."""
    by_function: dict[object, tuple[list[CallSite], list[CallSite]]]
    by_function = defaultdict(lambda: ([], []))
    for side, sites in enumerate((gone, new)):
        for site in sorted(sites):
            same = by_function[site.without_line][side]
            # Without a file nothing tells one from another.
            if site.filename and len(same) < MOST_COMPARED:
                same.append(site)
    return [(old, fresh) for old, fresh in by_function.values() if old and fresh]


def moved(
    gone: list[CallSite], new: list[CallSite], messages: Mapping[CallSite, str]
) -> dict[CallSite, CallSite]:
    """Return, for new call sites of one function, what they were before.

    `messages` has an example of what each of them says.
    """
    said = {site: set(_WORD.findall(text)) for site, text in messages.items()}
    pairs = sorted(
        (
            (_alike(said.get(old, set()), said.get(fresh, set())), old, fresh)
            for old in gone
            for fresh in new
        ),
        # The order of lines most likely stayed.
        key=lambda pair: (-pair[0], pair[1].line, pair[2].line),
    )
    was: dict[CallSite, CallSite] = {}
    for alike, old, fresh in pairs:
        if alike >= LEAST_ALIKE and fresh not in was and old not in was.values():
            was[fresh] = old
    return was


def _alike(one: set[str], other: set[str]) -> float:
    """Return the share of words that two messages have in common."""
    return len(one & other) / max(1, len(one | other))
