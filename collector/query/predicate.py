"""The meaning of a query, told of one record at a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from operator import attrgetter

from collector.query.extras import extra_matcher
from collector.query.log_row import LogRow
from collector.query.matching import column_matcher, contains
from collector.query.patterns import SecondsLeft, searcher
from collector.query.tree import (
    And,
    Everything,
    Has,
    Leaf,
    Node,
    Not,
    Or,
    Path,
    Regex,
    Since,
    Text,
    Until,
)

Predicate = Callable[[LogRow], bool]


def _for_ever() -> float:
    return math.inf


def predicate(node: Node, seconds_left: SecondsLeft = _for_ever) -> Predicate:
    """Return what tells whether a record is what the query looks for.

    It never raises for odd values, and raises QueryTimeout when no seconds
    are left in a search for a regular expression.
    """
    if isinstance(node, Not):
        child = predicate(node.child, seconds_left)
        return lambda row: not child(row)
    if isinstance(node, And):
        children = [predicate(each, seconds_left) for each in node.children]
        return lambda row: all(each(row) for each in children)
    if isinstance(node, Or):
        children = [predicate(each, seconds_left) for each in node.children]
        return lambda row: any(each(row) for each in children)
    return _leaf(node, seconds_left)


def matches(node: Node, row: LogRow, seconds_left: SecondsLeft = _for_ever) -> bool:
    """Tell whether one record is what the query looks for."""
    return predicate(node, seconds_left)(row)


def _is_time(value: object) -> bool:
    # Of a database made by others.
    return isinstance(value, int | float)


def _leaf(node: Leaf, seconds_left: SecondsLeft) -> Predicate:
    if isinstance(node, Everything):
        return lambda row: True  # noqa: ARG005 - it is asked of a record
    if isinstance(node, Since):
        since = node.epoch
        return lambda row: _is_time(row.created) and row.created >= since
    if isinstance(node, Until):
        until = node.epoch
        return lambda row: _is_time(row.created) and row.created < until
    if isinstance(node, Text | Regex):
        finds = (
            contains(node.text)
            if isinstance(node, Text)
            else searcher(node.pattern, seconds_left)
        )
        return lambda row: finds(row.message) or finds(row.exc_text)
    if isinstance(node.field, Path):
        asks = extra_matcher(node)
        return lambda row: asks(row.extra)
    value = attrgetter(node.field)
    if isinstance(node, Has):
        return lambda row: value(row) is not None
    compares = column_matcher(node)
    return lambda row: compares(value(row))
