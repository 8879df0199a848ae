"""SQL made from the tree of a query, the same way for each engine."""

from __future__ import annotations

from typing import Final

from collector.query.columns import Place
from collector.query.conditions import Condition, Operator, joined, negated
from collector.query.dialect import Dialect
from collector.query.places import place_of
from collector.query.tree import (
    And,
    Comparison,
    Glob,
    Leaf,
    Node,
    Not,
    Or,
    Path,
    Regex,
    Text,
    either,
    every,
)

_MAX_HEIGHT_LAST: Final = 4


def condition(node: Node, dialect: Dialect) -> Condition:
    """Return what a query asks, as a condition on the records of a dialect.

    It can stand anywhere in an expression. What is stored once, for many
    records, is tested once: each largest part of the query that needs the
    call sites alone, or the origins, is one subquery. What is cheap comes
    first.
    """
    return _on_records(_pushed(node), dialect).closed()


def _pushed(node: Node, *, negative: bool = False) -> Node:
    """Return the same query with each Not around a leaf."""
    if isinstance(node, Not):
        return _pushed(node.child, negative=not negative)
    if isinstance(node, And | Or):
        together = every if isinstance(node, And) is not negative else either
        return together(*(_pushed(each, negative=negative) for each in node.children))
    return Not(node) if negative else node


def _on_records(node: Node, dialect: Dialect) -> Condition:
    place = place_of(node)
    if place is not Place.RECORDS:
        return dialect.inside(place, _in_table(node, dialect))
    if isinstance(node, And | Or):
        children = sorted(_gathered(node), key=_order)
        return joined(
            _operator(node), [_on_records(each, dialect) for each in children]
        )
    return _one(node, dialect)


def _in_table(node: Node, dialect: Dialect) -> Condition:
    """Return what a node asks of the one table that it needs."""
    if isinstance(node, And | Or):
        children = sorted(node.children, key=_order)
        return joined(_operator(node), [_in_table(each, dialect) for each in children])
    return _one(node, dialect)


def _one(node: Leaf | Not, dialect: Dialect) -> Condition:
    if isinstance(node, Not):
        assert not isinstance(node.child, Not | And | Or), "it is around a leaf"
        return negated(dialect.leaf(node.child))
    return dialect.leaf(node)


def _operator(node: And | Or) -> Operator:
    return "AND" if isinstance(node, And) else "OR"


def _gathered(node: And | Or) -> list[Node]:
    """Return the children, those that need the same small table as one."""
    together = every if isinstance(node, And) else either
    places = [place_of(child) for child in node.children]
    children = list(zip(places, node.children, strict=True))
    gathered: list[Node] = [
        together(*(child for at, child in children if at is place))
        for place in (Place.CALL_SITES, Place.ORIGINS)
        if place in places
    ]
    return gathered + [child for at, child in children if at is Place.RECORDS]


def _order(node: Node) -> tuple[int, int]:
    """Return what to sort conditions by: the cheap ones first.

    But what is tall comes before all, however dear it is: SQLite's parser
    remembers what is before an open bracket, and not much of it.
    """
    height = _height(node)
    return (-height if height > _MAX_HEIGHT_LAST else 0), _cost(node)


def _height(node: Node) -> int:
    if isinstance(node, And | Or):
        return 1 + max(map(_height, node.children))
    return 0


def _cost(node: Node) -> int:
    """Return how late to test a node: numbers before texts, functions last."""
    place = place_of(node)
    if place is not Place.RECORDS:
        return 1 if place is Place.CALL_SITES else 2
    if isinstance(node, Not):
        return _cost(node.child)
    if isinstance(node, And | Or):
        return max(map(_cost, node.children))
    if isinstance(node, Regex):
        return 5
    if isinstance(node, Text):
        return 3
    if isinstance(node, Comparison):
        if isinstance(node.field, Path):
            return 4
        return 3 if isinstance(node.value, Glob) else 0
    return 0
