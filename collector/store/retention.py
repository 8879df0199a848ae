"""Retention: which records have had their time.

A record's age is the time that has passed since it was received, as far as the
collector has seen time pass: from one record to the next, and from the newest
one to now, no more than a day counts (a quarter of a shorter limit). A clock that
jumps, and a collector that was off, thus age nothing much; and what nothing
follows stays. Ids rise in the order of receipt, so an age is an id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

DAY: Final = 86_400.0

# No gap counts for more than this part of a limit.
GAP_SHARE: Final = 0.25

# A database that is too large is cut to this part of its limit.
SIZE_SHARE: Final = 0.98

# The level numbers of each class of levels that can have an age of its own.
LEVEL_CLASSES: Final[Mapping[str, tuple[int, int]]] = {
    "debug": (-(2**63), 19),
    "info": (20, 29),
    "warning": (30, 39),
    "error": (40, 49),
    "critical": (50, 2**63 - 1),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How long records are kept, and how much of them.

    `level_ages` has the ages, in seconds, of classes of levels that differ from
    `max_age_seconds`. None: no limit.
    """

    max_age_seconds: float | None = None
    level_ages: Mapping[str, float] = field(default_factory=dict)
    max_bytes: int | None = None

    def __bool__(self) -> bool:
        """Tell whether anything is ever to be removed."""
        return bool(
            self.max_age_seconds is not None
            or self.level_ages
            or self.max_bytes is not None
        )

    def age(self, level_class: str) -> float | None:
        """Return how long records of a class of levels are kept, in seconds."""
        return self.level_ages.get(level_class, self.max_age_seconds)


class Moment(NamedTuple):
    """When the record of an id was received, in epoch seconds."""

    id: int
    received: float


# Returns a record between two ids, near the middle; None when there is none.
Between = Callable[[int, int], Moment | None]


@dataclass(frozen=True, slots=True)
class Cut:
    """Records to remove: those with smaller ids and these level numbers.

    `levels` None: of all levels.
    """

    below_id: int
    levels: tuple[int, int] | None = None


def cuts(policy: Policy, expired_below: Callable[[float], int]) -> Iterator[Cut]:
    """Yield what is too old.

    `expired_below` returns the least id that has not the age it is given.
    """
    ages = {name: policy.age(name) for name in LEVEL_CLASSES}
    limits = [age for age in ages.values() if age is not None]
    whole = max(limits) if len(limits) == len(ages) else None
    if whole is not None:
        yield Cut(expired_below(whole))
    for name, age in ages.items():
        if age is not None and age != whole:
            yield Cut(expired_below(age), LEVEL_CLASSES[name])


def expired_below(
    oldest: Moment, newest: Moment, between: Between, *, now: float, age: float
) -> int:
    """Return the least id of a record that is not older than `age` seconds.

    `oldest` and `newest` are the first and the last record; the newest is never
    too old.
    """
    most = min(DAY, age * GAP_SHARE)
    left = age - _passed(newest.received, now, most)
    # Pieces of the whole, the newest on top. What is longer than a gap may be, or
    # goes backwards, or reaches too far, is looked at in halves.
    pieces = [(oldest, newest)]
    while pieces:
        low, high = pieces.pop()
        if low.id == high.id:
            continue
        seconds = high.received - low.received
        if not 0.0 <= seconds <= min(most, left):
            middle = between(low.id, high.id)
            if middle is not None:
                pieces += [(low, middle), (middle, high)]
                continue
            seconds = _passed(low.received, high.received, most)
            if seconds > left:
                return high.id
        left -= seconds
    return oldest.id


def _passed(earlier: float, later: float, most: float) -> float:
    return min(max(later - earlier, 0.0), most)


def too_many_below(
    oldest: Moment, newest: Moment, used_bytes: int, max_bytes: int
) -> int:
    """Return the id below which records must go for a database to be small enough.

    As if all took the same; the newest one stays. Cut to a little less than the
    limit, so that it is not cut again with every record.
    """
    ids = newest.id - oldest.id + 1
    excess = int(ids * excess_share(used_bytes, max_bytes))
    return max(oldest.id, min(oldest.id + excess + 1, newest.id))


def excess_share(used_bytes: int, max_bytes: int) -> float:
    """Return which part of what is used is too much."""
    return 1 - max_bytes * SIZE_SHARE / used_bytes
