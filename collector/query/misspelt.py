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

# What others call it, which is not near enough; `since` and `until` have the times.
_OTHER_NAMES: Final = {
    "severity": "level",
    "time": "created",
    "timestamp": "created",
}

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
        field = near_field(name)
        if field:
            found[name] = Misspelt(name, field)
    return list(found.values())


def near_field(name: str) -> str | None:
    """Return the field that a name may have been meant for."""
    folded = name.casefold()
    if len(name) < LEAST_CHARS:
        return None
    if folded in _OTHER_NAMES:
        return _OTHER_NAMES[folded]
    near = get_close_matches(folded, list(_FIELDS), 1, LIKENESS)
    return _FIELDS[near[0]] if near else None


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
