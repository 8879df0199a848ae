"""Periods: the time since something, and the time before that to compare it with."""

from __future__ import annotations

import math
from dataclasses import dataclass

from collector.query.tree import And, Everything, Node, Since, Until, every
from collector.store import rollups
from collector.store.rates import Rate
from collector.store.reader import Reader
from collector.store.stats import whole


@dataclass(frozen=True, slots=True)
class Periods:
    """Two times, in epoch seconds: from `start` to `since`, and from there to `stop`.

    Each is one second long at least.
    """

    start: int
    since: int
    stop: int

    def before(self, node: Node) -> Node:
        """Return what asks for a query's records of the first time."""
        return every(node, Since(float(self.start)), Until(float(self.since)))

    def after(self, node: Node) -> Node:
        """Return what asks for a query's records of the second time."""
        return every(node, Since(float(self.since)), Until(float(self.stop)))

    def long_before(self, node: Node) -> Node:
        """Return what asks for all that was before both."""
        return every(node, Until(float(self.start)))

    def rate(self, before: int, after: int) -> Rate:
        """Return the rate of so many records in either time."""
        return Rate(before, after, self.since - self.start, self.stop - self.since)


def without_times(node: Node) -> Node:
    """Return a query without the times that it begins and ends with."""
    children = node.children if isinstance(node, And) else (node,)
    rest = [child for child in children if not isinstance(child, Since | Until)]
    return every(*rest) if rest else Everything()


def periods(
    recorded: tuple[int, int],
    *,
    since: float,
    until: float | None,
    start: float | None,
    now: float,
) -> Periods | None:
    """Return the times to compare, of those that are recorded.

    Without `start` both are as long as each other. None when there is nothing
    recorded in one of them.
    """
    first, last = recorded
    middle = math.floor(since)
    stop = math.ceil(min(last, now if until is None else until))
    begin = math.floor(middle - (stop - middle) if start is None else start)
    begin = max(begin, first)
    if not begin < middle < stop:
        return None
    return Periods(begin, middle, stop)


def recorded_times(reader: Reader) -> tuple[int, int]:
    """Return between which epoch seconds nearly all records are."""
    first, last = rollups.time_bounds(reader)
    return whole(first), whole(last)
