"""What a comparison asks of a record's extra attributes, which are JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from collector.query.conditions import Function
from collector.query.matching import ORDERS, Matcher, text_matcher, text_of
from collector.query.numerals import plain_number
from collector.query.tree import Comparison, Has, Path

# Labels of many records are held in memory.
MAX_LABEL_CHARS: Final = 200

_WORDS: Final = {True: "true", False: "false", None: "null"}


def extra_matcher(leaf: Comparison | Has) -> Matcher:
    """Return what a leaf with a Path asks of `extra`, given as JSON text.

    What is no JSON object, or too deep to be read, matches nothing.
    """
    path = leaf.field
    assert isinstance(path, Path)
    asks = _asks(leaf)

    def matches(extra: object) -> bool:
        attributes = _attributes(extra)
        return attributes is not None and any(map(asks, found(attributes, path)))

    return matches


def extra_label(path: str) -> Function:
    """Return the function that says what `extra` has at a dotted path.

    It is given JSON text; its value is a text, or None where there is nothing.
    Of several values it is the first, of a long one the beginning.
    """
    keys = Path(tuple(path.split(".")))

    def label(extra: object) -> str | None:
        attributes = _attributes(extra)
        if attributes is None:
            return None
        values = [each for each in found(attributes, keys) if _is_plain(each)]
        return _spelling(values[0])[:MAX_LABEL_CHARS] if values else None

    return Function("extra_label", 1, label)


def _is_plain(value: object) -> bool:
    return value is not None and not isinstance(value, list | dict)


def _attributes(extra: object) -> dict[str, object] | None:
    """Return what JSON text holds, if that is an object."""
    text = text_of(extra)
    if text is None:
        return None
    try:
        attributes = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return None
    return attributes if isinstance(attributes, dict) else None


def found(attributes: dict[str, object], path: Path) -> Iterator[object]:
    """Yield all values at a path, and for lists also those within them.

    Each key may stand for itself or, joined by dots with those that follow,
    for a key that has dots. In lists on the way every item is entered.
    """
    keys = path.keys
    pending: list[tuple[object, int]] = [(attributes, 0)]
    while pending:
        value, depth = pending.pop()
        if isinstance(value, list):
            pending.extend((item, depth) for item in reversed(value))
            if depth == len(keys):
                yield value
        elif depth == len(keys):
            yield value
        elif isinstance(value, dict):
            for end in range(depth + 1, len(keys) + 1):
                key = ".".join(keys[depth:end])
                if key in value:
                    pending.append((value[key], end))


def _asks(leaf: Comparison | Has) -> Matcher:
    if isinstance(leaf, Has):
        return lambda value: value is not None
    wanted = leaf.value
    if isinstance(wanted, int | float):
        return _asks_number(leaf, wanted)
    return _asks_text(leaf)


def _asks_number(leaf: Comparison, wanted: float) -> Matcher:
    order = ORDERS[leaf.operator]
    differs = leaf.operator == "!="

    def asks(value: object) -> bool:
        if isinstance(value, dict | list):
            return False
        read = _as_number(value)
        return differs if read is None else order(read, wanted)

    return asks


def _asks_text(leaf: Comparison) -> Matcher:
    matches = text_matcher(leaf)
    # Numbers have no place among texts, but they have a spelling.
    ordering = leaf.operator not in {":", "=", "!="}

    def asks(value: object) -> bool:
        if isinstance(value, dict | list):
            return False
        if _is_number(value) and ordering:
            return False
        return matches(_spelling(value))

    return asks


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_number(value: object) -> int | float | None:
    if isinstance(value, str):
        return plain_number(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return None


def _spelling(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        return _WORDS[value]
    try:
        return str(value)
    except ValueError:  # an integer of thousands of digits
        return ""
