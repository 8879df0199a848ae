"""The fields of the language: their names, and the tests they stand for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

from collector.query.columns import COLUMNS, Kind
from collector.query.numerals import number
from collector.query.times import parse_day, parse_time
from collector.query.tree import (
    Comparison,
    Glob,
    Has,
    Node,
    Operator,
    Path,
    Since,
    Until,
    either,
    every,
    opposite,
)

# The language's short names of columns. Columns go by their own names too;
# `level`, `process`, `thread` and `file` are more than one column.
SHORT_NAMES: Final = {
    "logger": "name",
    "msg": "message",
    "host": "hostname",
    "pid": "process",
    "line": "lineno",
    "func": "funcName",
    "task": "taskName",
    "exc": "exc_text",
    "stack": "stack_info",
}
COMPOSED: Final = ("level", "process", "thread", "file")
SPECIAL: Final = ("has", "since", "until")
# All names with a meaning of their own, as the documentation spells them.
FIELD_NAMES: Final = (*SPECIAL, *dict.fromkeys((*SHORT_NAMES, *COMPOSED, *COLUMNS)))

LEVELS: Final = {
    "notset": 0,
    "debug": 10,
    "info": 20,
    "warn": 30,
    "warning": 30,
    "error": 40,
    "fatal": 50,
    "critical": 50,
}

MAX_PATH_KEYS: Final = 16
MAX_STARS: Final = 20

_KNOWN: Final = {
    **{name.casefold(): name for name in FIELD_NAMES},
    # As logging calls it.
    "levelname": "level",
}
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_STAR: Final = re.compile(r"(\\\*|\*+)")
_DIGITS_AND_STARS: Final = re.compile(r"[0-9*]*\*[0-9*]*")


@dataclass(frozen=True, slots=True)
class Value:
    """A value as written; `quoted` makes it a text, without wildcards."""

    text: str
    quoted: bool = False

    def glob(self) -> Glob:
        """Return the value as a glob: `*` is any run, `\\*` a star.

        Raises ValueError when it has too many.
        """
        if self.quoted:
            return Glob((self.text,))
        parts: list[list[str]] = [[]]
        for piece in _STAR.split(self.text):
            if piece.startswith("*"):
                parts.append([])
            else:
                parts[-1].append("*" if piece == r"\*" else piece)
        if len(parts) > MAX_STARS + 1:
            raise ValueError(f"expected at most {MAX_STARS} wildcards")
        return Glob(tuple(map("".join, parts)))

    def number(self) -> int | float | None:
        """Return the number that the value is, if it is one."""
        return None if self.quoted else number(self.text)

    def is_digits(self) -> bool:
        """Tell whether the value is a bare whole number."""
        return self.text.isascii() and self.text.isdigit() and not self.quoted


def well_formed(text: str) -> str:
    """Return a text of the same length that UTF-8 can hold."""
    return _SURROGATE.sub("\ufffd", text)


def known_field(keys: tuple[str, ...]) -> str | None:
    """Return the known field that keys name, in whatever case, or None."""
    return _KNOWN.get(keys[0].casefold()) if len(keys) == 1 else None


def comparison(
    keys: tuple[str, ...],
    operator: Operator,
    value: Value,
    *,
    now: float,
    zone: tzinfo,
) -> Node:
    """Return the node for a field, which `keys` name, and a value.

    Raises ValueError, which says what was expected.
    """
    field = known_field(keys)
    value = Value(well_formed(value.text), quoted=value.quoted)
    if field in {"since", "until"}:
        if operator != ":":
            raise ValueError(f"expected a colon after {field}")
        moment = parse_time(value.text, now=now, zone=zone)
        return Since(moment) if field == "since" else Until(moment)
    if field == "has":
        raise ValueError("expected has: and the name of a field")
    if field == "level":
        return _level(operator, value)
    if field == "file":
        return _file(operator, value)
    if field in {"process", "thread"}:
        if not value.is_digits():
            field += "Name"
        return _column(field, operator, value)
    if field is None:
        return _extra(_path(keys), operator, value)
    column = SHORT_NAMES.get(field, field)
    if COLUMNS[column].kind is Kind.TIME:
        return _time(column, operator, value, now, zone)
    if column == "name" and operator == ":":
        glob = value.glob()
        below = Glob((*glob.parts[:-1], glob.parts[-1] + ".", ""))
        return either(Comparison(column, ":", glob), Comparison(column, ":", below))
    return _column(column, operator, value)


def presence(keys: tuple[str, ...]) -> Node:
    """Return the node that tells whether a field is present and not null.

    Raises ValueError, which says what was expected.
    """
    field = known_field(keys)
    if field in SPECIAL:
        raise ValueError(f"expected the name of a field; {field} is none")
    if field == "file":
        return either(Has("filename"), Has("pathname"))
    if field in {"process", "thread"}:
        return either(Has(field), Has(field + "Name"))
    if field is None:
        return Has(_path(keys))
    return Has(SHORT_NAMES.get(field, field))


def _path(keys: tuple[str, ...]) -> Path:
    inside = keys[1:] if keys[0] == "extra" else keys
    if len(inside) > MAX_PATH_KEYS:
        raise ValueError(f"expected a name of at most {MAX_PATH_KEYS} parts")
    return Path(inside, is_bare=len(keys) == 1)


def _level(operator: Operator, value: Value) -> Node:
    level = value.number()
    if level is not None:
        return Comparison("levelno", "=" if operator == ":" else operator, level)
    level = LEVELS.get(value.text.casefold())
    if operator in {":", "=", "!="}:
        name: str | Glob = value.glob() if operator == ":" else value.text
        same: Node = Comparison("level", ":" if operator == ":" else "=", name)
        if level is not None:
            same = either(Comparison("levelno", "=", level), same)
        return opposite(same) if operator == "!=" else same
    if level is None:
        raise ValueError(
            "expected a number or a known level (debug, info, warning, error, critical)"
        )
    return Comparison("levelno", operator, level)


def _file(operator: Operator, value: Value) -> Node:
    if operator not in {":", "=", "!="}:
        return Comparison("pathname", operator, value.text)
    # What begins behind any slash of the path is a name of the file too.
    same_as: Operator = ":" if operator == ":" else "="
    glob = value.glob() if operator == ":" else Glob((value.text,))
    behind_slash = Glob(("", "/" + glob.parts[0], *glob.parts[1:]))
    same = either(
        Comparison("filename", same_as, glob),
        Comparison("pathname", same_as, glob),
        Comparison("pathname", same_as, behind_slash),
    )
    if operator == "!=":
        return every(presence(("file",)), opposite(same))
    return same


def _time(
    column: str, operator: Operator, value: Value, now: float, zone: tzinfo
) -> Node:
    if operator == ":":
        day = parse_day(value.text, now=now, zone=zone)
        if day is not None:
            return every(_moment(column, ">=", day[0]), _moment(column, "<", day[1]))
        operator = "="
    return _moment(column, operator, parse_time(value.text, now=now, zone=zone))


def _moment(column: str, operator: Operator, moment: float) -> Node:
    if column == "created" and operator == ">=":
        return Since(moment)
    if column == "created" and operator == "<":
        return Until(moment)
    return Comparison(column, operator, moment)


def _column(column: str, operator: Operator, value: Value) -> Node:
    kind = COLUMNS[column].kind
    if kind is Kind.NUMBER:
        return _number(column, operator, value)
    if operator != ":":
        return Comparison(column, operator, value.text)
    glob = value.glob()
    # Something is looked for in a prose, a name is looked for as a whole.
    return Comparison(
        column, ":", Glob(("", *glob.parts, "")) if kind is Kind.PROSE else glob
    )


def _number(column: str, operator: Operator, value: Value) -> Node:
    read = number(value.text)
    if read is not None:
        return Comparison(column, "=" if operator == ":" else operator, read)
    if operator == ":" and _DIGITS_AND_STARS.fullmatch(value.text):
        return Comparison(column, ":", value.glob())
    raise ValueError("expected a number" + (" (or a glob: 1*)" * (operator == ":")))


def _extra(path: Path, operator: Operator, value: Value) -> Node:
    read = value.number()
    if read is not None:
        return Comparison(path, "=" if operator == ":" else operator, read)
    return Comparison(path, operator, value.glob() if operator == ":" else value.text)
