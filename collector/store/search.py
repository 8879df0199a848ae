"""Finding records: the query's condition, tried on as few ids as possible.

What a query implies narrows it down first: bounds of id and time; the ranges
of ids where rare call sites have logged; pieces of text that the search index
holds. Whatever is left is scanned in slices, so that no read transaction
lasts long. None of this changes what is found.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from collector.errors import ReadError
from collector.query.dialect import SqliteDialect
from collector.query.log_row import LogRow
from collector.query.narrowing import call_site_part, id_bounds, time_bounds
from collector.query.sql import condition
from collector.query.tree import Node
from collector.query.trigrams import Commonness, trigrams
from collector.store import rollups
from collector.store.reader import Reader
from collector.store.search_index import Part

# Ids of one statement, by scan and by index: a tenth of a second or so.
SCANNED_IDS: Final = 500_000
INDEXED_IDS: Final = 5_000_000

# How common a piece is is told from the newest records.
SAMPLED_IDS: Final = 5_000

# Ids that tell whether records are like something lately: a twentieth of a second,
# but where records are large; then it is as many as there is time for.
NEWEST_IDS: Final = 50_000
NEWEST_STEP: Final = 500
NEWEST_SECONDS: Final = 0.3

# Rows of one statement that fetches found records, and their characters.
FETCHED_ROWS: Final = 500
FETCHED_CHARS: Final = 8_000_000

# Rows that are looked up one by one are so many times as slow as all of a range.
DENSE_IDS: Final = 3

# SQLite counts no further.
MOST_ROWS: Final = 2**63 - 1

_COLUMNS: Final = ",".join(LogRow._fields)
_CHARS: Final = "+".join(
    f"coalesce(length({column}),0)"
    for column in ("message", "exc_text", "stack_info", "extra")
)

# Called with how many ids of how many are done.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Slice:
    """A range of ids; `part`: the part of the index that knows all of them."""

    low: int
    high: int
    part: Part | None = None

    @property
    def key(self) -> str:
        """The column that has the ids, by which they come in order."""
        return "r.id" if self.part is None else "s.rowid"


class Search:
    """One query on one reader.

    `before` and `after` bound the ids, exclusively.
    """

    def __init__(
        self,
        reader: Reader,
        node: Node,
        *,
        before: int | None = None,
        after: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._reader = reader
        self._node = node
        self._before = before
        self._after = after
        self._progress = progress
        dialect = SqliteDialect(reader.deadline.seconds_left)
        self._condition = condition(node, dialect)
        # What to MATCH in the index; None where it can't help.
        self._pieces: str | None = None
        reader.register(self._condition.functions)

    def ids(self, *, newest_first: bool, limit: int | None = None) -> Iterator[int]:
        """Yield the ids of matching records in order, `limit` at most."""
        left = None if limit is None else min(limit, MOST_ROWS)
        order = "DESC" if newest_first else "ASC"
        for part in self.slices(newest_first=newest_first):
            found = self.select(
                part,
                lambda part, matched: (
                    f"SELECT r.id {matched} ORDER BY {part.key} {order} LIMIT ?"
                ),
                -1 if left is None else left,
            )
            yield from (row[0] for row in found)
            if left is not None:
                left -= len(found)
                if not left:
                    return

    def rows(self, *, newest_first: bool, limit: int | None = None) -> Iterator[LogRow]:
        """Yield matching records in the order of their ids, `limit` at most."""
        batch: list[int] = []
        for record_id in self.ids(newest_first=newest_first, limit=limit):
            batch.append(record_id)
            if len(batch) == FETCHED_ROWS:
                yield from self._fetched(batch)
                batch = []
        yield from self._fetched(batch)

    def _fetched(self, ids: list[int]) -> Iterator[LogRow]:
        for part in parts(self._reader, ids):
            yield from fetch(self._reader, part)

    def slices(self, *, newest_first: bool) -> Iterator[Slice]:
        """Yield what has to be looked through, in order and without overlaps."""
        low, high = self._bounds()
        total = high - low + 1
        indexed = self._reader.index_parts()
        self._pieces = (
            trigrams(self._node, self._commonness(indexed)) if indexed else None
        )
        if self._pieces is None:
            indexed = []
        for near, far in self._ranges(low, high, newest_first=newest_first):
            for part in cut(near, far, indexed, newest_first=newest_first):
                yield part
                self._reader.deadline.check()
                done = high - part.low + 1 if newest_first else part.high - low + 1
                if self._progress is not None:
                    self._progress(done, total)

    def select(
        self, part: Slice, statement: Callable[[Slice, str], str], *values: object
    ) -> list[Any]:
        """Return the rows of a statement on the matches in a slice.

        `statement` makes it of the slice and its FROM and WHERE, where records
        are `r`; `values` are for parameters behind those.
        """
        if part.part is not None:
            # An index that is damaged changes the speed, not the answer.
            with contextlib.suppress(ReadError), self._reader.snapshot():
                if self._is_indexed(part.part, part.high):
                    return self._select(part, statement, values)
            # It is just being made anew, or can't be read.
            part = Slice(part.low, part.high)
        return self._select(part, statement, values)

    def _is_indexed(self, part: Part, high: int) -> bool:
        """Tell whether a part is still in use, and knows all ids up to one."""
        return bool(
            self._reader.rows(
                "SELECT 1 FROM search_parts, search_state "
                "WHERE name = ? AND first_id = ? AND indexed_id >= ?",
                (part.name, part.first_id, high),
            )
        )

    def _commonness(self, indexed: list[Part]) -> Commonness:
        """Return what tells in how many of the newest indexed records a piece is."""
        last = indexed[-1].last_id
        above = last - SAMPLED_IDS
        newest = [part for part in indexed if part.last_id > above]

        def commonness(piece: str) -> int:
            quoted = piece.replace('"', '""')
            count = 0
            for part in newest:
                with contextlib.suppress(ReadError), self._reader.snapshot():
                    if self._is_indexed(part, part.last_id):
                        count += self._reader.value(
                            f"SELECT count(*) FROM {part.name} AS s "
                            f"WHERE s.{part.name} MATCH ? AND rowid BETWEEN ? AND ?",
                            (f'"{quoted}"', above, last),
                        )
            return count

        return commonness

    def _select(
        self,
        part: Slice,
        statement: Callable[[Slice, str], str],
        values: tuple[object, ...],
    ) -> list[Any]:
        asked = self._condition
        if part.part is None:
            matched = "FROM records AS r WHERE"
            pieces: tuple[object, ...] = ()
        else:
            name = part.part.name
            matched = (
                f"FROM {name} AS s CROSS JOIN records AS r ON r.id = s.rowid "
                f"WHERE s.{name} MATCH ? AND"
            )
            pieces = (self._pieces,)
        matched += f" {part.key} BETWEEN ? AND ? AND {asked.sql}"
        return self._reader.rows(
            statement(part, matched),
            (*pieces, part.low, part.high, *asked.parameters, *values),
        )

    def _bounds(self) -> tuple[int, int]:
        """Return the least and the greatest id that a match may have."""
        low, high = self._reader.rows(
            "SELECT (SELECT min(id) FROM records), (SELECT max(id) FROM records)"
        )[0]
        if low is None:
            return 1, 0
        least, greatest = id_bounds(self._node)
        low = max(low, least or low, low if self._after is None else self._after + 1)
        high = min(
            high,
            high if greatest is None else greatest,
            high if self._before is None else self._before - 1,
        )
        since, until = time_bounds(self._node)
        if low <= high and (since is not None or until is not None):
            found = rollups.id_bounds(self._reader, since, until)
            if found is None:
                return 1, 0
            low, high = max(low, found[0]), min(high, found[1])
        return low, high

    def _ranges(
        self, low: int, high: int, *, newest_first: bool
    ) -> Iterator[tuple[int, int]]:
        """Yield ranges of ids that hold all matches between the bounds."""
        if low > high:
            return
        part = call_site_part(self._node)
        if part is None or high - low < rollups.FEW_IDS:
            yield low, high
            return
        sites = call_sites(self._reader, part)
        since, until = time_bounds(self._node)
        for first, last in rollups.id_ranges(
            self._reader, sites, since, until, newest_first=newest_first
        ):
            if max(first, low) <= min(last, high):
                yield max(first, low), min(last, high)


def is_among_newest(reader: Reader, node: Node) -> bool:
    """Tell whether one of the newest records matches, of those there is time for."""
    until = time.monotonic() + NEWEST_SECONDS
    high = reader.value("SELECT coalesce(max(id), 0) FROM records")
    least = max(0, high - NEWEST_IDS)
    ids = NEWEST_STEP
    while high > least and time.monotonic() < until:
        low = max(least, high - ids)
        search = Search(reader, node, before=high + 1, after=low)
        if any(search.ids(newest_first=True, limit=1)):
            return True
        high = low
        # A search has its cost, too.
        ids *= 2
    return False


def call_sites(reader: Reader, part: Node) -> list[int]:
    """Return the ids of the call sites that a part of a query asks for."""
    asked = condition(part, SqliteDialect(prefix="call_site"))
    reader.register(asked.functions)
    # The condition is one on records, of which call sites have what it needs.
    rows = reader.rows(
        "SELECT r.call_site_id FROM (SELECT id AS call_site_id FROM call_sites) AS r "
        f"WHERE {asked.sql}",
        asked.parameters,
    )
    return [row[0] for row in rows]


def cut(
    low: int, high: int, indexed: list[Part], *, newest_first: bool
) -> Iterator[Slice]:
    """Yield slices of a range: by the parts of an index, and scans between them."""
    slices: list[Slice] = []
    for part in indexed:
        if part.last_id < low or part.first_id > high:
            continue
        slices += _sliced(low, part.first_id - 1)
        low = max(low, part.first_id)
        last = min(high, part.last_id)
        slices += _sliced(low, last, part)
        low = last + 1
    slices += _sliced(low, high)
    yield from reversed(slices) if newest_first else slices


def _sliced(low: int, high: int, part: Part | None = None) -> Iterator[Slice]:
    size = SCANNED_IDS if part is None else INDEXED_IDS
    for start in range(low, high + 1, size):
        yield Slice(start, min(high, start + size - 1), part)


def fetch(reader: Reader, ids: list[int]) -> list[LogRow]:
    """Return the records of some ids, in the order of the ids.

    Those that were deleted meanwhile are left out.
    """
    if not ids:
        return []
    rows = reader.rows(
        f"SELECT {_COLUMNS} FROM logs WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(ids),),
    )
    found = {row[0]: LogRow._make(row) for row in rows}
    return [found[record_id] for record_id in ids if record_id in found]


def parts(reader: Reader, ids: list[int]) -> Iterator[list[int]]:
    """Yield ids in order, together as many as have few characters, at least one."""
    rows = reader.rows(
        f"SELECT id, {_CHARS} FROM records "
        "WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(ids),),
    )
    chars = dict(rows)
    part: list[int] = []
    left = FETCHED_CHARS
    for record_id in ids:
        left -= chars.get(record_id, 0)
        if left < 0 and part:
            yield part
            part, left = [], FETCHED_CHARS - chars.get(record_id, 0)
        part.append(record_id)
    yield part


def fetch_after(reader: Reader, record_id: int, limit: int) -> list[LogRow]:
    """Return the records that follow an id, in order, `limit` at most.

    Fewer where their texts are long, but at least one, if there is any.
    """
    ids = [
        row[0]
        for row in reader.rows(
            "SELECT id FROM records WHERE id > ? ORDER BY id LIMIT ?",
            (record_id, limit),
        )
    ]
    return fetch(reader, next(parts(reader, ids)))


def started_times(reader: Reader, ids: list[int]) -> dict[int, float]:
    """Return when the processes of the records of some ids began to log.

    Epoch seconds; 0.0 where that is not known. The ids are in order.
    """
    chosen = "r.id IN (SELECT value FROM json_each(?))"
    values: tuple[object, ...] = (json.dumps(ids),)
    if ids[-1] - ids[0] < DENSE_IDS * len(ids):
        # With those between them, it is quicker.
        chosen, values = "r.id BETWEEN ? AND ?", (ids[0], ids[-1])
    rows = reader.rows(
        "SELECT r.id, o.started FROM records AS r JOIN origins AS o "
        f"ON o.id = r.origin_id WHERE {chosen}",
        values,
    )
    return dict(rows)


def time_span(reader: Reader, node: Node) -> tuple[float, float]:
    """Return when the first and the last record may have been created.

    From the query's own bounds, where it has them, else from rollups.
    """
    since, until = time_bounds(node)
    first, last = rollups.time_bounds(reader)
    return (
        max(first, since) if since is not None else first,
        min(last, until) if until is not None else last,
    )
