"""What a run of pruning would remove, without removing it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from collector.store.fetching import Rows
from collector.store.file_space import measure
from collector.store.pruning import OF_LEVEL, ends, expired_cuts
from collector.store.retention import Cut, Policy, too_many_below


@dataclass(frozen=True, slots=True)
class Forecast:
    """Records that would go, for their `reason`: age or size.

    `levels`: of these level numbers, None for all. `first` and `last` are when the
    first and the last of them were created. With size, `records` is an estimate.
    """

    reason: str
    levels: tuple[int, int] | None
    records: int
    first: float
    last: float


def forecasts(rows: Rows, policy: Policy, now: float) -> Iterator[Forecast]:
    """Yield what would be removed by age, then what more by size.

    Raises what `rows` raises.
    """
    whole = 0
    removed = 0
    for cut in expired_cuts(rows, policy, now):
        found = _forecast(rows, "age", cut, whole)
        if cut.levels is None:
            whole = cut.below_id
        if found is not None:
            removed += found.records
            yield found
    limit = policy.max_bytes
    bounds = ends(rows)
    if limit is None or bounds is None:
        return
    used = measure(rows).used_bytes
    oldest, newest = bounds
    records = newest.id - oldest.id + 1
    left = int(used * (1 - removed / records))
    if left <= limit:
        return
    oldest = oldest._replace(id=max(oldest.id, whole))
    below = too_many_below(oldest, newest, left, limit)
    found = _forecast(rows, "size", Cut(below), whole)
    if found is not None:
        yield found


def _forecast(rows: Rows, reason: str, cut: Cut, above: int) -> Forecast | None:
    [(count, first, last)] = rows(
        "SELECT count(*), min(created), max(created) FROM records AS r "
        "WHERE r.id >= ? AND r.id < ?" + (OF_LEVEL if cut.levels else ""),
        (above, cut.below_id, *(cut.levels or ())),
    )
    return Forecast(reason, cut.levels, count, first, last) if count else None
