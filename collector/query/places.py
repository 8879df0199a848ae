"""Where the parts of a query can be tested: the tables that they need."""

from __future__ import annotations

from collector.query.columns import COLUMNS, Place
from collector.query.tree import And, Comparison, Has, Leaf, Node, Not, Or


def place_of(node: Node) -> Place:
    """Return the one table that a node needs, else RECORDS, which leads to all."""
    if isinstance(node, Not):
        return place_of(node.child)
    if isinstance(node, And | Or):
        places = {place_of(child) for child in node.children}
        return places.pop() if len(places) == 1 else Place.RECORDS
    return _place_of_leaf(node)


def _place_of_leaf(leaf: Leaf) -> Place:
    if isinstance(leaf, Comparison | Has) and isinstance(leaf.field, str):
        return COLUMNS[leaf.field].place
    return Place.RECORDS
