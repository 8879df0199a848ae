"""Condition: a piece of SQL with its parameters and the functions it calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Parameter: TypeAlias = str | int | float
Operator: TypeAlias = Literal["AND", "OR"]

# SQLite's expressions are at most 1,000 deep.
_MAX_CHAIN: Final = 64


@dataclass(frozen=True, slots=True)
class Function:
    """A function that must be known to the engine before the SQL is run.

    It is deterministic, takes `arguments` values and, in a condition, returns
    0 or 1.
    """

    name: str
    arguments: int
    call: Callable[[object], int | str | None]


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL whose value is 0 or 1 and never NULL, whatever the row.

    `parameters` are bound to its question marks, in order. `operator` is
    AND or OR where these are outermost, and not in brackets.
    """

    sql: str
    parameters: tuple[Parameter, ...] = ()
    functions: tuple[Function, ...] = ()
    operator: Operator | None = None

    def within(self, before: str, after: str) -> Condition:
        """Return the condition with SQL around it that encloses it."""
        return Condition(f"{before}{self.sql}{after}", self.parameters, self.functions)

    def closed(self) -> Condition:
        """Return the condition in brackets, if it needs any to stand anywhere."""
        return self if self.operator is None else self.within("(", ")")


def negated(condition: Condition) -> Condition:
    """Return the opposite of a condition."""
    return condition.closed().within("NOT ", "")


def joined(operator: Operator, conditions: Sequence[Condition]) -> Condition:
    """Return one or more conditions joined, tried from the first to the last.

    There are no more brackets than needed: SQLite's parser takes few in each
    other. Without any, though, an expression is as deep as it is long.
    """
    if len(conditions) == 1:
        return conditions[0]
    if len(conditions) > _MAX_CHAIN:
        half = len(conditions) // 2
        halves = (conditions[:half], conditions[half:])
        conditions = [joined(operator, each).closed() for each in halves]
    elif operator == "AND":
        conditions = [
            each.closed() if each.operator == "OR" else each for each in conditions
        ]
    return Condition(
        f" {operator} ".join(each.sql for each in conditions),
        tuple(value for each in conditions for value in each.parameters),
        tuple(function for each in conditions for function in each.functions),
        operator,
    )
