"""What a query implies that an index, or a rollup, can use.

Each answer is necessary for a record to match, and need not be sufficient.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

from collector.query.columns import Place
from collector.query.places import place_of
from collector.query.tree import (
    And,
    Comparison,
    Everything,
    Node,
    Not,
    Or,
    Since,
    Until,
    either,
    every,
)

# The least and the greatest value; None where there is no bound.
Bounds: TypeAlias = tuple[float | None, float | None]

_FREE: Bounds = (None, None)


def time_bounds(node: Node) -> Bounds:
    """Return since when (inclusive) and until when (exclusive) matches are.

    None where the query implies no bound.
    """
    return _bounds(node, _leaf_times)


def id_bounds(node: Node) -> tuple[int | None, int | None]:
    """Return the least and the greatest id of matches, both inclusive.

    None where the query implies no bound.
    """
    least, greatest = _bounds(node, _leaf_ids)
    return (
        None if least is None else int(least),
        None if greatest is None else int(greatest),
    )


def call_site_part(node: Node) -> Node | None:
    """Return what the query implies of call sites alone, None for nothing."""
    return _part(node, Place.CALL_SITES)


def origin_part(node: Node) -> Node | None:
    """Return what the query implies of origins alone, None for nothing."""
    return _part(node, Place.ORIGINS)


def is_exact(node: Node, place: Place = Place.CALL_SITES) -> bool:
    """Tell whether a query is its time bounds and its part of one place together.

    With that of call sites, what is counted by minute and call site can answer it.
    """
    children = node.children if isinstance(node, And) else (node,)
    return all(
        isinstance(child, Since | Until | Everything) or place_of(child) is place
        for child in children
    )


def _part(node: Node, place: Place) -> Node | None:
    if place_of(node) is place:
        return node
    if isinstance(node, And):
        parts = [_part(child, place) for child in node.children]
        implied = [part for part in parts if part is not None]
        return every(*implied) if implied else None
    if isinstance(node, Or):
        parts = [_part(child, place) for child in node.children]
        implied = [part for part in parts if part is not None]
        return either(*implied) if len(implied) == len(parts) else None
    return None


def _bounds(node: Node, of_leaf: Callable[[Node], Bounds]) -> Bounds:
    if isinstance(node, And):
        least, greatest = _each(node, of_leaf)
        return max(least, default=None), min(greatest, default=None)
    if isinstance(node, Or):
        least, greatest = _each(node, of_leaf)
        sides = len(node.children)
        return (
            min(least) if len(least) == sides else None,
            max(greatest) if len(greatest) == sides else None,
        )
    return _FREE if isinstance(node, Not) else of_leaf(node)


def _each(
    node: And | Or, of_leaf: Callable[[Node], Bounds]
) -> tuple[list[float], list[float]]:
    bounds = [_bounds(child, of_leaf) for child in node.children]
    return (
        [least for least, _ in bounds if least is not None],
        [greatest for _, greatest in bounds if greatest is not None],
    )


def _leaf_times(node: Node) -> Bounds:
    if isinstance(node, Since):
        return node.epoch, None
    if isinstance(node, Until):
        return None, node.epoch
    least, greatest = _leaf_values(node, "created")
    # The end is exclusive.
    after = None if greatest is None else math.nextafter(greatest, math.inf)
    return least, after


def _leaf_ids(node: Node) -> Bounds:
    least, greatest = _leaf_values(node, "id")
    return (
        None if least is None else math.ceil(least),
        None if greatest is None else math.floor(greatest),
    )


def _leaf_values(node: Node, field: str) -> Bounds:
    """Return the bounds, both inclusive, that a comparison with a number sets."""
    if not isinstance(node, Comparison) or node.field != field:
        return _FREE
    value = node.value
    if not isinstance(value, int | float):
        return _FREE
    least = value if node.operator in {"=", ">", ">="} else None
    greatest = value if node.operator in {"=", "<", "<="} else None
    return least, greatest
