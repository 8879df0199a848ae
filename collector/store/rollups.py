"""Reading rollups: how many records there were when, and where they are.

A rollup counts the records of one call site in a minute, an hour or a day (of
UTC, by the time of creation), and bounds their ids. Ids rise in the order of
arrival, so a span of time is a span of ids, but for records that came late:
the bounds hold for these too.
"""

from __future__ import annotations

import heapq
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from collector.store.reader import Reader
from collector.store.rolling_up import DAY, HOUR, MINUTE

# The year 10000, after which no record can be.
END_OF_TIME: Final = 253402300800

# A span of ids as short as this is read whole; so is one in which every
# hundredth record is looked for.
FEW_IDS: Final = 20_000
DENSE: Final = 100

# Days with less than one in so many records, at either end, may be mistakes.
STRAY: Final = 1000

_FINER: Final = {DAY: HOUR, HOUR: MINUTE}


@dataclass(frozen=True, slots=True)
class Span:
    """The rollups of one length with start <= their start < stop."""

    seconds: int
    start: int
    stop: int


def cover(start: int, stop: int, coarsest: int = DAY) -> list[Span]:
    """Return few spans of rollups that make up the time from start to stop.

    Both are whole minutes. No rollup is longer than `coarsest` seconds.
    """
    if start >= stop:
        return []
    for seconds in (DAY, HOUR):
        first = -(-start // seconds) * seconds
        last = stop // seconds * seconds
        if seconds <= coarsest and first < last:
            finer = _FINER[seconds]
            return [
                *cover(start, first, finer),
                Span(seconds, first, last),
                *cover(last, stop, finer),
            ]
    return [Span(MINUTE, start, stop)]


def whole_minutes(since: float | None, until: float | None) -> tuple[int, int]:
    """Return the minutes that hold all of a time, as start and stop."""
    start = 0 if since is None else math.floor(_clamped(since) / MINUTE) * MINUTE
    stop = (
        END_OF_TIME if until is None else math.ceil(_clamped(until) / MINUTE) * MINUTE
    )
    return start, stop


def _clamped(moment: float) -> float:
    return min(max(moment, 0.0), float(END_OF_TIME))


def id_bounds(
    reader: Reader, since: float | None, until: float | None
) -> tuple[int, int] | None:
    """Return the least and the greatest id of a time, or None without records."""
    bounds = [
        reader.rows(
            "SELECT min(first_id), max(last_id) FROM rollups "
            "WHERE seconds = ? AND start >= ? AND start < ?",
            (span.seconds, span.start, span.stop),
        )[0]
        for span in cover(*whole_minutes(since, until))
    ]
    found = [(low, high) for low, high in bounds if low is not None]
    if not found:
        return None
    return min(low for low, _ in found), max(high for _, high in found)


def id_ranges(
    reader: Reader,
    call_sites: list[int],
    since: float | None,
    until: float | None,
    *,
    newest_first: bool,
) -> Iterator[tuple[int, int]]:
    """Yield ranges of ids, in order, that hold all records of some call sites.

    No two overlap. Where the call sites are rare the ranges are short.
    """
    # A heap of rollups, the one that reaches furthest on top. It is either
    # given as a range, without the ids that were given before, or replaced by
    # the shorter rollups that it is made of. Ids are turned round for the
    # other direction.
    sign = -1 if newest_first else 1
    sites = json.dumps(call_sites)
    heap: list[tuple[int, int, int, int, int]] = []

    def push(span: Span) -> None:
        for start, low, high, count in reader.rows(
            "SELECT start, min(first_id), max(last_id), sum(count) FROM rollups "
            "WHERE seconds = ? AND start >= ? AND start < ? "
            "AND call_site_id IN (SELECT value FROM json_each(?)) GROUP BY start",
            (span.seconds, span.start, span.stop, sites),
        ):
            near, far = sorted((sign * low, sign * high))
            heapq.heappush(heap, (near, far, count, span.seconds, start))

    for span in cover(*whole_minutes(since, until)):
        push(span)
    given: int | None = None
    while heap:
        near, far, count, seconds, start = heapq.heappop(heap)
        length = far - near + 1
        if seconds > MINUTE and length > FEW_IDS and length > DENSE * count:
            push(Span(_FINER[seconds], start, start + seconds))
            continue
        if given is not None:
            near = max(near, given + 1)
        if near <= far:
            given = far
            low, high = sorted((sign * near, sign * far))
            yield low, high


def time_bounds(reader: Reader) -> tuple[int, int]:
    """Return between which epoch seconds, to the minute, nearly all records are.

    A few that a wrong clock has put on other days are not counted in.
    """
    days = reader.rows(
        "SELECT start, total(count) FROM rollups "
        "WHERE seconds = ? AND typeof(start) = 'integer' GROUP BY start ORDER BY start",
        (DAY,),
    )
    if not days:
        return 0, 0
    stray = sum(count for _, count in days) // STRAY
    first = _first_beyond(days, stray)
    last = _first_beyond(days[::-1], stray)
    bounds: tuple[int, int] = reader.rows(
        "SELECT (SELECT min(start) FROM rollups WHERE seconds = ? AND start >= ?), "
        "(SELECT max(start) + ? FROM rollups WHERE seconds = ? AND start < ?)",
        (MINUTE, first, MINUTE, MINUTE, last + DAY),
    )[0]
    return bounds


def _first_beyond(days: list[tuple[int, float]], count: float) -> int:
    """Return the first day up to which there are more records than that."""
    for start, number in days:
        count -= number
        if count < 0:
            return start
    return days[-1][0]
