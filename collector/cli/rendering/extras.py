"""The extra attributes of a record: read from JSON, found by path, shown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from collector.cli.rendering.printable import json_text, one_line, text_of

# A text that needs no quotes to be told from what stands around it.
_PLAIN: Final = re.compile(r'[^\s"=\\]+')


def decoded(extra: object) -> object:
    """Return the `extra` of a row as plain values.

    What is no JSON is returned as the text it is.
    """
    if extra is None:
        return None
    text = text_of(extra)
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return text


def found(value: object, path: Sequence[str]) -> object:
    """Return what stands at `path` within decoded JSON; None where nothing does.

    Each step goes into an object; a key that holds dots itself may take
    several steps at once, and goes before shorter keys. In a list, what is
    found in its objects is returned as a list.
    """
    if not path:
        return value
    if isinstance(value, dict):
        for end in range(len(path), 0, -1):
            inner = value.get(".".join(path[:end]))
            if inner is not None and (it := found(inner, path[end:])) is not None:
                return it
    if isinstance(value, list):
        items = [found(item, path) for item in value if isinstance(item, dict)]
        return [item for item in items if item is not None] or None
    return None


def pairs_text(extra: object) -> str:
    """Return an `extra` as key=value pairs on one line, safe to print.

    Keys and texts that hold spaces, quotes or = are quoted as in JSON; nested
    values are JSON.
    """
    values = decoded(extra)
    if not isinstance(values, dict):
        return one_line(extra)
    pairs = [f"{_quoted(key)}={_quoted(value)}" for key, value in values.items()]
    return one_line(" ".join(pairs))


def _quoted(value: object) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return value
    return json_text(value)
