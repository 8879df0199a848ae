"""A number of things, in words."""

from __future__ import annotations


def counted(number: int, one: str) -> str:
    """Return how many there are of what `one` is the name of one of: 1,234 records."""
    return f"{number:,} {named(number, one)}"


def named(number: int, one: str) -> str:
    """Return what so many things are called."""
    return one if number == 1 else f"{one}s"
