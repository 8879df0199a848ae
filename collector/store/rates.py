"""Rates: how often something was logged before and after, and what changed.

Two questions have two answers here. Whether a change is chance: of 2 records
and then 6 nobody can tell. If both rates were the same, all records would
share themselves out by the lengths of the two times; the log-likelihood ratio
(G-test) says how badly they do. Hundreds of call sites are compared at once,
so what happens by chance once in two thousand times is not told. And how
large it is: the factor between the rates, for which a few records more on
both sides are reckoned, or 1 in place of 0 would be the largest of all.

Where most of what is logged became more or less, as between night and day,
that is no finding: changes are measured against it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Final

# By chance the ratio exceeds this once in two thousand times.
CHANCE: Final = 12.0
LEAST_RECORDS: Final = 10
LEAST_FACTOR: Final = 2.0

# Records that are added on both sides, for the factor that changes are ordered by.
ADDED: Final = 5.0

# What is ordinary is told of so many, each with records enough on both sides.
LEAST_KNOWN: Final = 20

_HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Rate:
    """So many records in so many seconds, before and after."""

    before: int
    after: int
    before_seconds: float
    after_seconds: float

    @property
    def before_per_hour(self) -> float:
        """Records an hour before."""
        return self.before / self.before_seconds * _HOUR

    @property
    def after_per_hour(self) -> float:
        """Records an hour after."""
        return self.after / self.after_seconds * _HOUR

    @property
    def factor(self) -> float | None:
        """How many times as often after as before; None where there was none."""
        if not self.before:
            return None
        return self.after_per_hour / self.before_per_hour


def ordinary_factor(rates: Iterable[Rate]) -> float:
    """Return the factor by which most rates changed; 1 where too few can tell."""
    factors = [
        rate.factor
        for rate in rates
        if rate.factor and min(rate.before, rate.after) >= LEAST_RECORDS
    ]
    return median(factors) if len(factors) >= LEAST_KNOWN else 1.0


def unlikeliness(rate: Rate, ordinary: float = 1.0) -> float:
    """Return the log-likelihood ratio: how little the counts go with one rate."""
    total = rate.before + rate.after
    weight = rate.after_seconds * ordinary
    share = weight / (rate.before_seconds + weight)
    expected = (total * (1 - share), total * share)
    return 2 * sum(
        count * math.log(count / likely)
        for count, likely in zip((rate.before, rate.after), expected, strict=True)
        if count
    )


def change(rate: Rate, ordinary: float = 1.0) -> float:
    """Return the logarithm of the factor of a change, with records added.

    It is negative where there are less.
    """
    # Of one rate, so that what is equal stays so.
    weight = rate.after_seconds * ordinary
    added = 2 * ADDED / (rate.before_seconds + weight)
    return math.log(
        (rate.after / weight + added) / (rate.before / rate.before_seconds + added)
    )


def has_changed(rate: Rate, ordinary: float = 1.0) -> bool:
    """Tell whether a rate changed, by a factor worth telling and not by chance."""
    if rate.before + rate.after < LEAST_RECORDS:
        return False
    before = rate.before_per_hour * ordinary
    after = rate.after_per_hour
    if max(before, after) < LEAST_FACTOR * min(before, after):
        return False
    return unlikeliness(rate, ordinary) >= CHANCE
