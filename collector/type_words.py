"""What a value should have been, in the words of who writes settings.

msgspec tells it in the words of who writes programs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_WORDS: Final[Mapping[str, str]] = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "datetime": "a date with a time",
    "date": "a date",
    "time": "a time",
}
_GOT: Final = {**_WORDS, "float": "a number with a fraction"}
_BOUNDS: Final[Mapping[str, str]] = {
    ">=": "of {} or more",
    "<=": "of {} or less",
    ">": "above {}",
    "<": "below {}",
}
_EXPECTED: Final = re.compile(
    r"Expected `(?P<wanted>[^`]+)`(?:, got `(?P<got>\w+)`)?"
    r"(?: (?P<bound>[<>]=?) (?P<limit>\S+))?(?: - at `.*)?",
    re.DOTALL,
)


def in_words(error: Exception) -> str:
    """Return what an error of converting a setting says, for people."""
    found = _EXPECTED.fullmatch(str(error))
    if found is None:
        return str(error).partition(" - at `")[0]
    wanted = [kind for kind in found["wanted"].split(" | ") if kind != "null"]
    text = "expected " + " or ".join(_WORDS.get(kind, kind) for kind in wanted)
    if found["bound"]:
        limit = found["limit"].removesuffix(".0")
        text += " " + _BOUNDS[found["bound"]].format(limit)
    if found["got"]:
        text += ", got " + _GOT.get(found["got"], found["got"])
    return text
