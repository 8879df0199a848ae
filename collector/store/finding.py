"""A finding: something in a database that can't be right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from collector.store.reader import Reader
from collector.store.search import Progress

# Findings of one rule: of a table that is lost altogether not all need be told.
MOST_FINDINGS: Final = 20

# Ids of one statement: a tenth of a second or so. The daemon can cut its log back
# when no reader needs it for longer than half a second.
STEP_IDS: Final = 20_000

COPY: Final = "`logcollector import` takes what can be read into a new database"
REINDEX: Final = "`logcollector db reindex` makes the index anew"


@dataclass(frozen=True, slots=True)
class Finding:
    """In which table something is wrong, what, and what helps."""

    table: str
    text: str
    remedy: str = COPY


Rule: TypeAlias = Callable[[Reader, Progress], Iterator[Finding]]


def id_steps(reader: Reader, progress: Progress) -> Iterator[tuple[int, int]]:
    """Yield the least and the greatest id of each step through all records.

    Records that come later are not among them; where ids are missing there are
    no steps.
    """
    first, last = reader.rows(
        "SELECT (SELECT min(id) FROM records), (SELECT max(id) FROM records)"
    )[0]
    low = first
    while low is not None and low <= last:
        high = min(last, low + STEP_IDS - 1)
        yield low, high
        progress(high - first + 1, last - first + 1)
        low = reader.value("SELECT min(id) FROM records WHERE id > ?", (high,))
