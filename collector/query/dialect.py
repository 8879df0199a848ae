"""What differs by engine: how SQL says what one leaf of a query asks."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from typing import Final, Protocol

from collector.query.columns import COLUMNS, Kind, Place
from collector.query.conditions import Condition, Function, joined
from collector.query.extras import extra_matcher
from collector.query.like import ESCAPE, MAX_NEEDLE_CHARS, escaped, like_pattern
from collector.query.matching import Matcher, column_matcher, contains
from collector.query.numerals import INT64_MAX, INT64_MIN, number
from collector.query.patterns import SecondsLeft, searcher
from collector.query.tree import (
    Comparison,
    Glob,
    Has,
    Leaf,
    Path,
    Regex,
    Since,
    Text,
    Until,
)

ALWAYS: Final = Condition("1")

# Nothing in these is ever escaped, in JSON or in a pattern for LIKE.
_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9_.-]+")


class Dialect(Protocol):
    """What condition() needs to know of an engine."""

    def leaf(self, node: Leaf) -> Condition:
        """Return what a leaf asks, in the words of the table it lives in."""
        ...

    def inside(self, place: Place, condition: Condition) -> Condition:
        """Return what a condition on a table asks of the records."""
        ...


class SqliteDialect:
    """SQL for SQLite and the tables of the store, with `r` for the records.

    The functions of its conditions have names of their own as long as they
    are made by one dialect; another one on the same connection needs another
    `prefix`. A function raises QueryTimeout when no seconds are left, which
    SQLite turns into an error of its own.
    """

    def __init__(
        self, seconds_left: SecondsLeft = lambda: math.inf, *, prefix: str = "query"
    ) -> None:
        self._seconds_left = seconds_left
        self._names = (f"{prefix}_{number}" for number in itertools.count())

    def inside(self, place: Place, condition: Condition) -> Condition:
        """Return a condition on `r`: what is stored once is tested once."""
        if place is Place.CALL_SITES:
            return condition.within(
                "r.call_site_id IN (SELECT id FROM call_sites WHERE ", ")"
            )
        if place is Place.ORIGINS:
            return condition.within(
                "r.origin_id IN (SELECT id FROM origins WHERE ", ")"
            )
        return condition

    def leaf(self, node: Leaf) -> Condition:
        """Return what a leaf asks, in the words of the table it lives in."""
        if isinstance(node, Text):
            return self._in_texts(
                lambda column: self._contains(column, (node.text,), contains(node.text))
            )
        if isinstance(node, Regex):
            search = searcher(node.pattern, self._seconds_left)
            return self._in_texts(lambda column: self._call(search, _bytes(column)))
        if isinstance(node, Comparison | Has):
            if isinstance(node.field, Path):
                return self._extra(node, node.field)
            if isinstance(node, Has):
                return _present(node.field) or ALWAYS
            return _if_present(node.field, self._comparison(node, node.field))
        if isinstance(node, Since):
            return Condition("r.created >= ?", (node.epoch,))
        if isinstance(node, Until):
            return Condition("r.created < ?", (node.epoch,))
        return ALWAYS

    def _in_texts(self, search: Callable[[str], Condition]) -> Condition:
        in_traceback = _if_present("exc_text", search("r.exc_text"))
        return joined("OR", [search("r.message"), in_traceback])

    def _comparison(self, node: Comparison, column: str) -> Condition:
        wanted = node.value
        sql = _expression(column)
        if isinstance(wanted, Glob):
            kind = COLUMNS[column].kind
            asks = column_matcher(node)
            if kind is Kind.NUMBER:
                return self._call(asks, sql)
            if kind is Kind.PROSE and node.operator == ":" and _is_open(wanted):
                return self._contains(sql, wanted.parts, asks)
            return self._call(asks, _bytes(sql))
        if isinstance(wanted, int) and not INT64_MIN <= wanted <= INT64_MAX:
            # All numbers of the table are on the same side of it.
            wanted = math.copysign(1e300, wanted)
        return Condition(f"{sql} {node.operator} ?", (wanted,))

    def _contains(
        self, column: str, parts: tuple[str, ...], asks: Matcher
    ) -> Condition:
        """Return whether the parts occur in a text, folded and in order."""
        needles = [part.casefold() for part in parts if part]
        call = self._call(asks, _bytes(column))
        if any("\0" in needle for needle in needles):
            # LIKE takes a NUL for the end of a text.
            return joined("AND", [Condition(f"instr({column}, char(0)) > 0"), call])
        patterns = [like_pattern(needle) for needle in needles]
        like = _like(column, [each.pattern for each in patterns])
        if all(each.exact for each in patterns):
            return like
        steps = [like] if any(each.literal_chars for each in patterns) else []
        # Where all is ASCII, LIKE folds as it should.
        other = Condition(f"length({column}) <> length({_bytes(column)})")
        if not all(map(str.isascii, needles)):
            steps += [other, call]
        elif sum(map(len, needles)) <= MAX_NEEDLE_CHARS:
            plain = _like(column, list(map(escaped, needles)))
            steps.append(joined("OR", [plain, joined("AND", [other, call])]))
        else:
            steps.append(call)
        return joined("AND", steps)

    def _extra(self, node: Comparison | Has, path: Path) -> Condition:
        steps = [Condition("r.extra IS NOT NULL")]
        last = path.keys[-1]
        if _PLAIN_KEY.fullmatch(last):
            quote = '"' if len(path.keys) == 1 else ""
            key = f'{quote}{last}"'
            # Whoever wrote the JSON may have escaped what need not be.
            escape = Condition("instr(r.extra, '\\u') > 0")
            written = Condition("instr(r.extra, ?) > 0", (key,))
            steps.append(joined("OR", [written, escape]))
        if isinstance(node, Comparison) and (pattern := _written_value(node)):
            # Functions are slow: only what has the value anywhere is parsed.
            value = _like("r.extra", pattern)
            steps.append(joined("OR", [value, Condition("instr(r.extra, '\\u') > 0")]))
        steps.append(self._call(extra_matcher(node), _bytes("r.extra")))
        return joined("AND", steps)

    def _call(self, asks: Matcher, argument: str) -> Condition:
        def call(value: object) -> int:
            return int(asks(value))

        name = next(self._names)
        return Condition(f"{name}({argument})", (), (Function(name, 1, call),))


def _written_value(node: Comparison) -> list[str]:
    """Return patterns for what must stand in the JSON of `extra`; [] for nothing.

    That is the case for whole numbers, and for texts in which nothing is
    escaped and which are not the spelling of a number.
    """
    value = node.value
    if node.operator not in (":", "="):
        return []
    if isinstance(value, int | float):
        # Larger floats are written with an exponent.
        is_plain = isinstance(value, int) and abs(value) < 10**15
        return [str(abs(value))] if is_plain else []
    parts = value.parts if isinstance(value, Glob) else (value,)
    if not all(_PLAIN_KEY.fullmatch(part) for part in parts if part):
        return []
    if any(any(map(str.isdigit, part)) for part in parts) and (
        len(parts) > 1 or number(parts[0]) is not None
    ):
        return []
    return [like_pattern(part.casefold()).pattern for part in parts if part]


def _is_open(glob: Glob) -> bool:
    return len(glob.parts) > 1 and not glob.parts[0] and not glob.parts[-1]


def _like(column: str, patterns: list[str]) -> Condition:
    pattern = "%" + "".join(each + "%" for each in patterns)
    return Condition(f"{column} LIKE ? ESCAPE '{ESCAPE}'", (pattern,))


def _bytes(expression: str) -> str:
    # A text that is not UTF-8 fails the whole query where it becomes a str.
    return f"CAST({expression} AS BLOB)"


def _expression(column: str) -> str:
    if column == "received":
        return "(r.created + r.delay_ms / 1000.0)"
    return f"r.{column}" if COLUMNS[column].place is Place.RECORDS else column


def _present(column: str) -> Condition | None:
    """Return whether a column has a value, None when it always has."""
    known = COLUMNS[column]
    sql = _expression(column)
    if not known.optional:
        return None
    if known.place is Place.RECORDS:
        return Condition(f"{sql} IS NOT NULL")
    return Condition(f"{sql} <> 0" if known.kind is Kind.NUMBER else f"{sql} <> ''")


def _if_present(column: str, condition: Condition) -> Condition:
    present = _present(column)
    return condition if present is None else joined("AND", [present, condition])
