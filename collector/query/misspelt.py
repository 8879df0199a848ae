"""Names in a query that may have been meant for fields."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from collector.query.fields import FIELD_NAMES
from collector.query.tree import And, Comparison, Has, Node, Not, Or, Path

# Of 1: `levl`, `lvl` and `hots` are as near to a field as this.
LIKENESS: Final = 0.75

# `uid` is not `id`, and `ms` is not `msg`.
LEAST_CHARS: Final = 3

# `has` is none, and like `hash`.
_FIELDS: Final = {
    name.casefold(): name
    for name in FIELD_NAMES
    if len(name) >= LEAST_CHARS and name != "has"
}


@dataclass(frozen=True, slots=True)
class Misspelt:
    """A name that is read as a key of extra, and the field that is like it."""

    name: str
    field: str


def misspelt(node: Node) -> list[Misspelt]:
    """Return the names that may be why a query finds nothing, each once.

    Only those that were written without `extra.` and without a dot, and which a
    record must have: what is to be left out keeps nothing from being found.
    """
    found: dict[str, Misspelt] = {}
    for path in _bare_paths(node, wanted=True):
        name = path.keys[0]
        if len(name) < LEAST_CHARS:
            continue
        for near in get_close_matches(name.casefold(), list(_FIELDS), 1, LIKENESS):
            found[name] = Misspelt(name, _FIELDS[near])
    return list(found.values())


def _bare_paths(node: Node, *, wanted: bool) -> Iterator[Path]:
    if isinstance(node, Not):
        yield from _bare_paths(node.child, wanted=not wanted)
    elif isinstance(node, And | Or):
        for child in node.children:
            yield from _bare_paths(child, wanted=wanted)
    elif (
        wanted
        and isinstance(node, Comparison | Has)
        and isinstance(node.field, Path)
        and node.field.is_bare
    ):
        yield node.field
