"""Texts, looked for by the store with and without its index, and by grep."""

from __future__ import annotations

from dataclasses import dataclass

from commands import time_grep
from filling import Filling
from messages import (
    COMMON_WORDS,
    GLUED_IN_ONE_WORD,
    GLUED_WORD,
    NO_WORD,
    RARE_WORD,
)
from questions import Unindexed, answered, newest
from timing import Timing

from collector.store.stats import count

# Title: text, and the aim in milliseconds for the newest with it. For the last
# an index without places can but say that a fifth of all may match.
TEXTS: dict[str, tuple[str, float | None]] = {
    "rare": (RARE_WORD, 50),
    "common": (COMMON_WORDS, 50),
    "nowhere, nor its pieces": (NO_WORD, 100),
    "nowhere, pieces in many": (GLUED_WORD, 100),
    "nowhere, pieces together in many": (GLUED_IN_ONE_WORD, 100),
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """How long one text takes to find."""

    newest: Timing
    counted: Timing
    scanned: Timing
    grep: Timing
    grep_any_case: Timing

    @property
    def ratio(self) -> float:
        """How many times as long grep takes to count, in whatever case."""
        return self.grep_any_case.median / self.counted.median


def compare(filling: Filling, text: str) -> Comparison:
    """Look for a text in all ways."""
    query = f'"{text}"'
    return Comparison(
        newest=answered(filling.database, query, newest),
        counted=answered(filling.database, query, count),
        scanned=answered(filling.database, query, count, Unindexed),
        grep=time_grep(filling.lines, text),
        grep_any_case=time_grep(filling.lines, text, "-i"),
    )
