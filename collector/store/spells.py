"""Spells: what each origin has logged, in a query's records.

No rollup knows origins, so records are scanned, in slices. An origin that
has told no start may be several processes that had the same PID one after the
other, so its spells are of an hour each; all others have one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from collector.errors import ReadError
from collector.query.tree import Node
from collector.store.reader import Reader
from collector.store.rolling_up import HOUR
from collector.store.search import Progress, Search
from collector.store.stats import whole

# All are held in memory.
MOST_SPELLS: Final = 500_000

_HOUR: Final = (
    "CASE WHEN r.origin_id IN (SELECT id FROM origins WHERE started = 0) "
    f"THEN CAST(r.created AS INTEGER) / {HOUR} END"
)


@dataclass(frozen=True, slots=True)
class Spell:
    """What an origin has logged, in one `hour` since the epoch if that is told.

    `worst` is the highest level number.
    """

    origin_id: int
    hour: int | None
    count: int
    worst: int
    first_id: int
    last_id: int

    def and_then(self, other: Spell) -> Spell:
        """Return both as one spell."""
        return Spell(
            self.origin_id,
            self.hour,
            self.count + other.count,
            max(self.worst, other.worst),
            min(self.first_id, other.first_id),
            max(self.last_id, other.last_id),
        )


def spells(
    reader: Reader,
    node: Node,
    *,
    origins: Iterable[int] | None = None,
    progress: Progress | None = None,
) -> list[Spell]:
    """Return the spells of the records that match, in no order.

    With `origins`, only theirs. Raises ReadError for too many.
    """
    found: dict[tuple[int, int | None], Spell] = {}
    for row in _rows(reader, node, origins, progress):
        origin_id, hour, *numbers = row
        if not isinstance(origin_id, int):
            # The database is damaged there.
            continue
        spell = Spell(origin_id, hour and whole(hour), *map(whole, numbers))
        key = spell.origin_id, spell.hour
        before = found.get(key)
        if before is None and len(found) >= MOST_SPELLS:
            raise ReadError(
                f"more than {MOST_SPELLS:,} threads of processes; narrow it down "
                "(since:, host:)"
            )
        found[key] = spell if before is None else before.and_then(spell)
    return list(found.values())


def _rows(
    reader: Reader,
    node: Node,
    origins: Iterable[int] | None,
    progress: Progress | None,
) -> Iterator[Any]:
    told = reader.value("SELECT NOT EXISTS (SELECT 1 FROM origins WHERE started = 0)")
    hour, key = ("NULL", "1") if told else (_HOUR, "1, 2")
    only = ""
    values: tuple[str, ...] = ()
    if origins is not None:
        only = "AND r.origin_id IN (SELECT value FROM json_each(?))"
        values = (json.dumps(list(origins)),)
    search = Search(reader, node, progress=progress)
    for part in search.slices(newest_first=True):
        yield from search.select(
            part,
            lambda _, matched: (
                f"SELECT r.origin_id, {hour}, count(*), "
                "max((SELECT levelno FROM call_sites WHERE id = r.call_site_id)), "
                f"min(r.id), max(r.id) {matched} {only} GROUP BY {key}"
            ),
            *values,
        )
