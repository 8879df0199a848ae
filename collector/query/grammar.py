"""The grammar of the language: its words, and how they are put together."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from lark import Lark

# A name begins with a letter, so that 12:30 is a text, and ends with a letter
# or a digit, so that a->b is one. After a dot a key may stand in quotes.
_BARE_NAME: Final = r"(?:[^\W\d]|[@$])(?:[\w.@$-]*\w)?"
_STRING: Final = r'"(?:[^"\\]|\\.)*+"'
_NAME: Final = rf"{_BARE_NAME}(?:\.{_STRING}(?:\.{_BARE_NAME})?)*+"
_OPERATOR: Final = r"(?:!=|>=|<=|[:=<>])"
# What looks like a field but was pasted: http://x, std::map, C:\x.
_PASTED: Final = r"(?:\w++:\/\/|[\w.]*+::|[A-Za-z]:[\/\\])"
_END: Final = r"(?=[\s()]|\Z)"
# Brackets within a word belong to it when they close in it: main().
_WORD: Final = r"[^\s()]++(?:\([^\s()]*+\)[^\s()]*+)*+"

_GRAMMAR: Final = rf"""
    query: every (_OR every)*
    every: factor (_AND? factor)*
    ?factor: term | opposite | "(" query ")"
    opposite: (_MINUS | _NOT) factor
    term: WORD | PHRASE | PATTERN | HAS NAME | FIELD BARE | FIELD QUOTED

    _OR.9: /OR{_END}/
    _AND.9: /AND{_END}/
    _NOT.9: /NOT{_END}/
    _MINUS.8: /-(?=[^\s\-)])/
    HAS.7: /(?i:has):(?={_BARE_NAME})/
    FIELD.6: /(?!{_PASTED}){_NAME}{_OPERATOR}(?=[^\s()])/s
    PHRASE.5: /{_STRING}{_END}/s
    PATTERN.4: /\/(?:[^\/\\]|\\.)++\/{_END}/s
    WORD: /(?!(?:AND|OR|NOT){_END})(?!"){_WORD}/
    NAME: /{_NAME}{_END}/s
    BARE: /(?!"){_WORD}/
    QUOTED: /{_STRING}{_END}/s
    %ignore /\s+/
"""

_KEY: Final = re.compile(rf"({_STRING})|[^.\"]*+", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\([\"\\])")
_TEST: Final = re.compile(rf"(?!{_PASTED})({_NAME})?({_OPERATOR})", re.DOTALL)
_CLOSED: Final = re.compile(_STRING, re.DOTALL)


@cache
def grammar() -> Lark:
    """Return the parser of the grammar, made once: that takes its time."""
    from lark import Lark

    return Lark(_GRAMMAR, start="query", parser="lalr", lexer="contextual")


def split_test(text: str) -> tuple[str, str] | None:
    """Return the name and the operator that a text begins with.

    The name may be empty. None for a text that begins with no operator, or
    looks like a test but is most likely a URL, a path or a name in code.
    """
    match = _TEST.match(text)
    return None if match is None else (match[1] or "", match[2])


def keys_of(name: str) -> tuple[str, ...]:
    """Return the parts of a name: between dots, or in quotes."""
    keys: list[str] = []
    place = 0
    while place <= len(name):
        key = _KEY.match(name, place)
        assert key is not None, "a key may be empty"
        keys.append(unquoted(key[0]) if key[1] else key[0])
        place = key.end() + 1
    return tuple(keys)


def unquoted(string: str) -> str:
    """Return the text of a string in quotes; only \\" and \\\\ are escapes."""
    return _ESCAPED.sub(r"\1", string[1:-1])


def end_of_string(text: str, start: int) -> int | None:
    """Return where a string in quotes ends, None when it is never closed."""
    match = _CLOSED.match(text, start)
    return None if match is None else match.end()
