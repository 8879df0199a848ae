"""The tree of a query: small frozen values that say what is looked for.

Fields are named as the columns of LogRow; what the language calls them, and
which tests one of its fields stands for, is decided when the tree is made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Operator: TypeAlias = Literal[":", "=", "!=", ">", ">=", "<", "<="]


@dataclass(frozen=True, slots=True)
class Glob:
    """A text with `*` for any run of characters; `parts` are between them.

    One part alone is the whole text.
    """

    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Path:
    """Where in `extra` a value is: keys, the outermost first.

    `is_bare`: the query has one name for it, which may have been meant for a field.
    """

    keys: tuple[str, ...]
    is_bare: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Everything:
    """Every record: the empty query."""


@dataclass(frozen=True, slots=True)
class Text:
    """The text occurs in message or traceback, in whatever case."""

    text: str


@dataclass(frozen=True, slots=True)
class Regex:
    """The pattern is found in message or traceback, in whatever case."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field compares with a value; a field that is absent never does.

    `:` goes with a Glob and compares folded texts, `=` with a Glob compares
    texts as they are. All operators but `:` go with a number, which compares
    with numbers, or with a text, which compares by code points.
    """

    field: str | Path
    operator: Operator
    value: int | float | str | Glob


@dataclass(frozen=True, slots=True)
class Has:
    """A field is present and not null."""

    field: str | Path


@dataclass(frozen=True, slots=True)
class Since:
    """Created at this epoch second or later."""

    epoch: float


@dataclass(frozen=True, slots=True)
class Until:
    """Created before this epoch second."""

    epoch: float


@dataclass(frozen=True, slots=True)
class Not:
    """What the child does not match."""

    child: Node


@dataclass(frozen=True, slots=True)
class And:
    """What all children match; they are two or more, and none is an And."""

    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """What any child matches; they are two or more, and none is an Or."""

    children: tuple[Node, ...]


Leaf: TypeAlias = Everything | Text | Regex | Comparison | Has | Since | Until
Node: TypeAlias = Leaf | Not | And | Or


def every(*nodes: Node) -> Node:
    """Return what all nodes match together, each different one once.

    Without any it is Everything.
    """
    children: dict[Node, None] = {}
    for node in nodes:
        inner = node.children if isinstance(node, And) else (node,)
        children.update(dict.fromkeys(inner))
    children.pop(Everything(), None)
    return _joined(tuple(children), And)


def either(*nodes: Node) -> Node:
    """Return what any of one or more nodes matches, each different one once."""
    children: dict[Node, None] = {}
    for node in nodes:
        inner = node.children if isinstance(node, Or) else (node,)
        children.update(dict.fromkeys(inner))
    if Everything() in children:
        return Everything()
    return _joined(tuple(children), Or)


def opposite(node: Node) -> Node:
    """Return what a node does not match, without a Not in a Not."""
    return node.child if isinstance(node, Not) else Not(node)


def _joined(children: tuple[Node, ...], kind: type[And | Or]) -> Node:
    if not children:
        return Everything()
    return children[0] if len(children) == 1 else kind(children)
