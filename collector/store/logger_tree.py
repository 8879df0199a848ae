"""The tree of loggers, made of how many records each name has.

A name without records of its own, and with one branch only, has no node: its
branch has both their names. So there are less than twice as many nodes as
names, however many dots these have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from collector.store.stats import Group


@dataclass(slots=True)
class LoggerNode:
    """A logger and those below it; `levels` counts all, `own` its own records.

    The ids are the first and the last of all of them. `depth` is how many
    nodes are above.
    """

    name: str
    depth: int = 0
    parent: str | None = None
    own: int = 0
    levels: dict[int, int] = field(default_factory=dict)
    first_id: int = 0
    last_id: int = 0
    children: list[LoggerNode] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many records it and those below it have."""
        return sum(self.levels.values())

    @property
    def worst(self) -> int:
        """The highest level number of all of them."""
        return max(self.levels, default=0)

    def add(self, group: Group | LoggerNode) -> None:
        """Count records in."""
        for levelno, number in group.levels.items():
            self.levels[levelno] = self.levels.get(levelno, 0) + number
        self.first_id = min(self.first_id or group.first_id, group.first_id)
        self.last_id = max(self.last_id, group.last_id)


def logger_tree(groups: Iterable[Group], depth: int | None = None) -> list[LoggerNode]:
    """Return the loggers at the top; `groups` have one name each as their key.

    What is deeper than `depth` parts of a name counts for the logger there.
    """
    split = sorted(
        ((str(group.key[0]).split("."), group) for group in groups),
        key=lambda pair: pair[0],
    )
    tops: list[LoggerNode] = []
    # The nodes from the top to the last name, each with how many parts it has.
    path: list[tuple[int, LoggerNode]] = []
    before: list[str] = []
    for whole, group in split:
        parts = whole[:depth]
        common = _alike(before, parts)
        while path and path[-1][0] > common:
            path.pop()
        siblings = path[-1][1].children if path else tops
        if common > (path[-1][0] if path else 0):
            # Here two names part: what was last goes below what they share.
            node = LoggerNode(".".join(parts[:common]), children=[siblings[-1]])
            siblings[-1] = node
            path.append((common, node))
            siblings = node.children
        if common < len(parts):
            node = LoggerNode(".".join(parts))
            siblings.append(node)
            path.append((len(parts), node))
        path[-1][1].add(group)
        if parts == whole:
            path[-1][1].own += group.count
        before = parts
    _add_up(tops)
    return tops


def _add_up(tops: list[LoggerNode]) -> None:
    """Have each node know what is above it, and count what is below it."""
    downwards = list(flattened(tops))
    for node in downwards:
        for child in node.children:
            child.depth, child.parent = node.depth + 1, node.name
    for node in reversed(downwards):
        for child in node.children:
            node.add(child)


def _alike(one: list[str], other: list[str]) -> int:
    """Return how many parts two names begin with alike."""
    for place, (mine, theirs) in enumerate(zip(one, other, strict=False)):
        if mine != theirs:
            return place
    return min(len(one), len(other))


def flattened(nodes: Iterable[LoggerNode]) -> Iterator[LoggerNode]:
    """Yield nodes and all below them, each before its children."""
    waiting = list(nodes)[::-1]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.children))


def largest(nodes: list[LoggerNode], limit: int) -> list[LoggerNode]:
    """Return the nodes with most records, `limit` at most, none without its parent.

    They are in the order of the tree.
    """
    order = sorted(range(len(nodes)), key=lambda place: (-nodes[place].count, place))
    return [nodes[place] for place in sorted(order[:limit])]
