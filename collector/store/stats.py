"""Counting records, by what they have in common.

What a query asks of call sites and times alone is answered by rollups; only
the minutes that its times cut in two are looked into. All else is scanned.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from collector.errors import ReadError
from collector.query.narrowing import call_site_part, is_exact, time_bounds
from collector.query.tree import Node, Since, Until, every
from collector.store import rollups
from collector.store.reader import Reader
from collector.store.rolling_up import DAY, MINUTE
from collector.store.search import Progress, Search, call_sites

# All are held in memory: a key of extra may differ in each record.
MOST_GROUPS: Final = 500_000


@dataclass(frozen=True, slots=True)
class Grouping:
    """What records are counted by.

    Each record gets `detail` (SQL on `r`); the columns of the key (SQL on
    call sites `c`, origins `o` and the detail itself) tell groups apart.
    `seconds` is the length of the rollups that know as much, None when none do.
    """

    key: str
    detail: str = "NULL"
    seconds: int | None = DAY


_ORIGIN: Final = "r.origin_id"

GROUPINGS: Final = {
    "level": Grouping("c.level"),
    "logger": Grouping("c.name"),
    "callsite": Grouping("c.pathname, c.lineno, c.funcName, c.name"),
    "host": Grouping("o.hostname", _ORIGIN, None),
    "process": Grouping("o.hostname, o.processName, o.process", _ORIGIN, None),
}
ALL: Final = Grouping("NULL")
_BY_TIME: Final = "g.detail"


def by_time(seconds: int) -> Grouping:
    """Return the grouping by minutes, hours or days of UTC."""
    detail = f"CAST(r.created AS INTEGER) / {seconds} * {seconds}"
    return Grouping(_BY_TIME, detail, seconds)


def by_function(name: str) -> Grouping:
    """Return the grouping by what a function makes of `extra`."""
    return Grouping(_BY_TIME, f"{name}(CAST(r.extra AS BLOB))", None)


@dataclass(slots=True)
class Group:
    """Records that have `key` in common.

    `levels` has how many there are of each level number.
    """

    key: tuple[Any, ...]
    first_id: int
    last_id: int
    levels: dict[int, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many records there are."""
        return sum(self.levels.values())


def count(reader: Reader, node: Node, progress: Progress | None = None) -> int:
    """Return how many records match."""
    return sum(
        group.count for group in group_records(reader, node, ALL, progress=progress)
    )


def group_records(
    reader: Reader,
    node: Node,
    grouping: Grouping,
    *,
    progress: Progress | None = None,
    regroup: Callable[[tuple[Any, ...]], tuple[Any, ...]] = lambda key: key,
) -> list[Group]:
    """Return the groups of the records that match, in no order.

    `regroup` turns keys into coarser ones.
    """
    groups: dict[tuple[Any, ...], Group] = {}
    for row in _counts(reader, node, grouping, progress):
        levelno, number, first_id, last_id = map(whole, row[:4])
        rest = row[4:]
        key = regroup(tuple(rest))
        group = groups.get(key)
        if group is None:
            if len(groups) >= MOST_GROUPS:
                raise ReadError(
                    f"more than {MOST_GROUPS:,} groups; narrow it down, or count by "
                    "something else"
                )
            group = groups[key] = Group(key, first_id, last_id)
        group.first_id = min(group.first_id, first_id)
        group.last_id = max(group.last_id, last_id)
        group.levels[levelno] = group.levels.get(levelno, 0) + number
    return list(groups.values())


def _counts(
    reader: Reader, node: Node, grouping: Grouping, progress: Progress | None
) -> Iterator[tuple[Any, ...]]:
    """Yield level number, count, first and last id, and the key's columns."""
    if grouping.seconds is None or not is_exact(node):
        yield from _scanned(reader, node, grouping, progress)
        return
    since, until = time_bounds(node)
    outer = rollups.whole_minutes(since, until)
    start = outer[0] if since is None or since <= outer[0] else outer[0] + MINUTE
    stop = outer[1] if until is None or until >= outer[1] else outer[1] - MINUTE
    if start >= stop:
        yield from _scanned(reader, node, grouping, progress)
        return
    if start > outer[0]:
        edge = every(node, Until(float(start)))
        yield from _scanned(reader, edge, grouping, progress)
    part = call_site_part(node)
    only = (
        "" if part is None else "AND call_site_id IN (SELECT value FROM json_each(?))"
    )
    sites = () if part is None else (json.dumps(call_sites(reader, part)),)
    for span in rollups.cover(start, stop, grouping.seconds):
        unit = grouping.seconds
        if part is None and grouping.key == _BY_TIME:
            yield from reader.rows(
                "SELECT levelno, sum(count), min(first_id), max(last_id), "
                f"start / {unit} * {unit} FROM level_rollups "
                "WHERE seconds = ? AND start >= ? AND start < ? GROUP BY 5, 1",
                (span.seconds, span.start, span.stop),
            )
            continue
        chosen = f"FROM rollups WHERE seconds = ? AND start >= ? AND start < ? {only}"
        if span.seconds == unit:
            # They are one a call site already: SQLite need not sort them twice.
            inner = (
                "SELECT start AS detail, call_site_id, count AS number, first_id, "
                f"last_id {chosen}"
            )
        else:
            inner = (
                f"SELECT start / {unit} * {unit} AS detail, call_site_id, "
                "sum(count) AS number, min(first_id) AS first_id, "
                f"max(last_id) AS last_id {chosen} GROUP BY 1, 2"
            )
        yield from reader.rows(
            _grouped(inner, grouping), (span.seconds, span.start, span.stop, *sites)
        )
    if stop < outer[1]:
        edge = every(node, Since(float(stop)))
        yield from _scanned(reader, edge, grouping, progress)


def _scanned(
    reader: Reader, node: Node, grouping: Grouping, progress: Progress | None
) -> Iterator[tuple[Any, ...]]:
    search = Search(reader, node, progress=progress)
    for part in search.slices(newest_first=True):
        yield from search.select(
            part,
            lambda _, matched: _grouped(
                f"SELECT {grouping.detail} AS detail, r.call_site_id AS call_site_id, "
                "count(*) AS number, min(r.id) AS first_id, max(r.id) AS last_id "
                f"{matched} GROUP BY 1, 2",
                grouping,
            ),
        )


def _grouped(inner: str, grouping: Grouping) -> str:
    origins = (
        "JOIN origins AS o ON o.id = g.detail" if grouping.detail == _ORIGIN else ""
    )
    return (
        "SELECT c.levelno, sum(g.number), min(g.first_id), max(g.last_id), "
        f"{grouping.key} FROM ({inner}) AS g "
        f"JOIN call_sites AS c ON c.id = g.call_site_id {origins} "
        f"GROUP BY c.levelno, {grouping.key}"
    )


def whole(value: object) -> int:
    """Return a whole number; 0 for what a damaged database has in its place."""
    return value if isinstance(value, int) else 0


def created_times(reader: Reader, ids: list[int]) -> dict[int, float]:
    """Return when the records of some ids were created, of those there are."""
    rows = reader.rows(
        "SELECT id, created FROM records WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(ids),),
    )
    return dict(rows)
