"""Pruning: removing records from a database, a step a transaction.

A step takes records out of all that counts them: rollups, and the parts of the
search index. Whoever writes waits for one step, some 20 ms.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from functools import partial
from typing import Final

from collector.store.compaction import drop_empty_parts
from collector.store.fetching import Rows
from collector.store.retention import Cut, Moment, Policy, cuts, expired_below
from collector.store.rolling_up import DAY, roll_back_sql
from collector.store.search_index import step_end
from collector.store.transaction import transaction

# Ids of one step, and the characters that their records may have: those of long
# texts are in pages of their own, which all have to be read.
STEP_IDS: Final = 2000
STEP_CHARS: Final = 4_000_000

# Rejects of one step, of 64 KiB at most.
STEP_REJECTS: Final = 200

OF_LEVEL: Final = (
    " AND EXISTS (SELECT 1 FROM call_sites AS l "
    "WHERE l.id = r.call_site_id AND l.levelno BETWEEN ? AND ?)"
)
_RECEIVED: Final = """
SELECT r.id, coalesce(
    (SELECT CASE WHEN last_id >= r.id THEN imported END FROM imports
        WHERE first_id <= r.id ORDER BY first_id DESC LIMIT 1),
    r.created + r.delay_ms / 1000.0)
FROM records AS r
"""
_TEXTS: Final = ("message", "exc_text", "stack_info", "extra")
# One pair of bounds: of several, SQLite may look up the wrong one.
_UNCOUNT: Final = """
UPDATE search_parts SET records = records - (
    SELECT count(*) FROM records AS r WHERE r.id > max(?, search_parts.first_id - 1)
    AND r.id <= min(?, search_parts.last_id, (SELECT indexed_id FROM search_state))
    {of_level})
WHERE first_id <= ? AND last_id > ?
"""
# Of all days: clients may make up as many as they like.
_IDS_OF_LEVELS: Final = f"""
SELECT min(first_id), max(last_id) FROM level_rollups
WHERE seconds = {DAY} AND levelno BETWEEN ? AND ? AND last_id > ? AND first_id < ?
"""
_RAISE: Final = f"""
UPDATE level_rollups SET first_id = ?
WHERE seconds = {DAY} AND levelno BETWEEN ? AND ? AND first_id <= ? AND last_id > ?
"""


@dataclass(frozen=True, slots=True)
class Step:
    """What a step did: up to which id it looked, and what it removed."""

    last_id: int
    removed: int


def ends(rows: Rows) -> tuple[Moment, Moment] | None:
    """Return the first and the last record; None without any."""
    found = [
        Moment(*row)
        for order in ("ASC", "DESC")
        for row in rows(f"{_RECEIVED} ORDER BY r.id {order} LIMIT 1", ())
    ]
    return (found[0], found[1]) if len(found) == 2 else None


def between(rows: Rows, low: int, high: int) -> Moment | None:
    """Return a record between two ids, near the middle; None without any."""
    middle = (low + high) // 2
    for where, order, bounds in (
        ("r.id >= ? AND r.id < ?", "ASC", (max(middle, low + 1), high)),
        ("r.id > ? AND r.id < ?", "DESC", (low, middle)),
    ):
        for row in rows(
            f"{_RECEIVED} WHERE {where} ORDER BY r.id {order} LIMIT 1", bounds
        ):
            return Moment(*row)
    return None


def expired_cuts(rows: Rows, policy: Policy, now: float) -> list[Cut]:
    """Return what is too old at the epoch second `now`."""
    found = ends(rows)
    if found is None:
        return []

    def below(age: float) -> int:
        return expired_below(*found, partial(between, rows), now=now, age=age)

    return list(cuts(policy, below))


def prune_some(
    connection: sqlite3.Connection, cut: Cut, above_id: int = 0
) -> Step | None:
    """Remove some records of a cut with ids above one; None when none are left."""
    with transaction(connection):
        bounds = _next_ids(connection, cut, above_id)
        if bounds is None:
            return None
        above_id, last_id = bounds
        last_id = step_end(
            connection, above_id, last_id, texts=_TEXTS, most_chars=STEP_CHARS
        )
        of_level = OF_LEVEL if cut.levels else ""
        chosen = "r.id > ? AND r.id <= ?" + of_level
        parameters = (above_id, last_id, *(cut.levels or ()))
        connection.execute(
            _UNCOUNT.format(of_level=of_level), (*parameters, last_id, above_id)
        )
        for sql in roll_back_sql(chosen, last_id):
            connection.execute(sql, parameters if "?" in sql else ())
        removed = connection.execute(
            f"DELETE FROM records AS r WHERE {chosen}", parameters
        ).rowcount
        if cut.levels is not None:
            # Also where there was none: it is not looked at again.
            connection.execute(_RAISE, (last_id + 1, *cut.levels, last_id, last_id))
        drop_empty_parts(connection)
        connection.execute(
            "DELETE FROM imports WHERE last_id < (SELECT min(id) FROM records)"
        )
    return Step(last_id, removed)


def _next_ids(
    connection: sqlite3.Connection, cut: Cut, above_id: int
) -> tuple[int, int] | None:
    """Return which ids to look at: those above the first, up to the second."""
    below_id = cut.below_id
    if cut.levels is not None:
        # Rollups tell where records of these levels are.
        [(first_id, last_id)] = connection.execute(
            _IDS_OF_LEVELS, (*cut.levels, above_id, below_id)
        )
        if first_id is None:
            return None
        above_id = max(above_id, first_id - 1)
        below_id = min(below_id, last_id + 1)
        if above_id >= below_id - 1:
            return None
    [(first_id, last_id)] = connection.execute(
        "SELECT min(id), max(id) FROM (SELECT id FROM records "
        "WHERE id > ? AND id < ? ORDER BY id LIMIT ?)",
        (above_id, below_id, STEP_IDS),
    )
    if first_id is None:
        # Nothing is left there: go on behind it.
        return None if cut.levels is None else (above_id, below_id - 1)
    return first_id - 1, last_id


def remove_rejects(connection: sqlite3.Connection, *, before: float) -> int:
    """Remove some of the rejects that were received before a time; count them."""
    return _remove_rejects(connection, "WHERE received < ?", (before, STEP_REJECTS))


def remove_oldest_rejects(connection: sqlite3.Connection, most: int) -> int:
    """Remove some of the oldest rejects, `most` at most; count them."""
    return _remove_rejects(connection, "ORDER BY id", (min(most, STEP_REJECTS),))


def _remove_rejects(
    connection: sqlite3.Connection, which: str, parameters: tuple[float, ...]
) -> int:
    with transaction(connection):
        return connection.execute(
            f"DELETE FROM rejects WHERE id IN (SELECT id FROM rejects {which} LIMIT ?)",
            parameters,
        ).rowcount
