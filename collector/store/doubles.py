"""Doubles: which records of an import are in the database already.

Two records are the same when all that their client told is: when they were
received, from whom, and when their process had been started is left out, as
some formats lack it. Of equal ones in what is imported, as many are doubles as
the database had before that source was begun with. Candidates are found through
the rollups: the ids of a minute and a call site. So nothing is looked up where
nothing can be.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Any, Final

from collector.record import Record
from collector.store.inserter import KEYS_PER_STATEMENT
from collector.store.rolling_up import MINUTE
from collector.store.rows import CALL_SITE_COLUMNS, CallSite, call_site_of
from collector.store.stored_rows import InternedTable

# Ids of one statement: a read transaction of some milliseconds.
STEP_IDS: Final = 200_000

# Equal records stand near each other, as they have the same time: so many of
# those found last are remembered, up to twice.
REMEMBERED: Final = 200_000

# Minutes of one look-up in the rollups.
_MINUTES: Final = 500

_ORIGIN: Final = ("hostname", "process", "processName", "thread", "threadName")

# What makes a record: the time, the interned values, the texts.
Key = tuple[Any, ...]

_WANTED: Final = (
    "CREATE TEMP TABLE IF NOT EXISTS wanted (created REAL PRIMARY KEY) WITHOUT ROWID"
)


class Doubles:
    """Tells doubles from records that are new, for one source.

    `connection` is in autocommit mode. Only what is in the database when this
    is made counts.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.execute("PRAGMA temp_store = MEMORY")
        [(last_id,)] = connection.execute("SELECT coalesce(max(id), 0) FROM records")
        self._last_id: int = last_id
        self._origins = InternedTable(self._rows, "origins", _ORIGIN)
        self._met: dict[int, int] = {}
        self._met_before: dict[int, int] = {}

    @property
    def is_possible(self) -> bool:
        """Whether there was anything in the database."""
        return self._last_id > 0

    def fresh(self, records: list[Record]) -> list[Record]:
        """Return those records that are not in the database yet, in order."""
        if not self.is_possible or not records:
            return records
        sites = self._known_sites(records)
        if not sites:
            return records
        keys = [key_of(record) for record in records]
        there = self._there(records, sites, set(keys))
        if not there:
            return records
        return [
            record
            for record, key in zip(records, keys, strict=True)
            if not self._is_double(key, there)
        ]

    def _is_double(self, key: Key, there: dict[Key, int]) -> bool:
        count = there.get(key)
        if count is None:
            return False
        place = hash(key)
        met = self._met.get(place) or self._met_before.get(place, 0)
        if met >= count:
            return False
        if len(self._met) >= REMEMBERED:
            self._met_before, self._met = self._met, {}
        self._met[place] = met + 1
        return True

    def _known_sites(self, records: list[Record]) -> dict[CallSite, int]:
        """Return the ids of those call sites that the database has."""
        wanted = list({call_site_of(record) for record in records})
        found: dict[CallSite, int] = {}
        names = ",".join(CALL_SITE_COLUMNS)
        selected = ",".join(f"t.{column}" for column in ("id", *CALL_SITE_COLUMNS))
        row = f"({','.join('?' * len(CALL_SITE_COLUMNS))})"
        for start in range(0, len(wanted), KEYS_PER_STATEMENT):
            part = wanted[start : start + KEYS_PER_STATEMENT]
            rows = self._rows(
                f"WITH wanted({names}) AS (VALUES {','.join([row] * len(part))}) "
                f"SELECT {selected} FROM wanted CROSS JOIN call_sites AS t "
                f"USING ({names})",
                [value for site in part for value in site],
            )
            found.update((tuple(each[1:]), each[0]) for each in rows)
        return found

    def _there(
        self, records: list[Record], sites: dict[CallSite, int], keys: set[Key]
    ) -> dict[Key, int]:
        """Return how many there are of each record; of those without any nothing."""
        times = {record.created for record in records if call_site_of(record) in sites}
        names = {site_id: site for site, site_id in sites.items()}
        self._want(times)
        there: dict[Key, int] = {}
        for low, high in self._ranges(times, sites):
            # One by one: their texts may be long.
            for row in self._connection.execute(
                "SELECT call_site_id, origin_id, created, message, taskName, "
                "exc_text, stack_info, extra FROM records "
                "WHERE id BETWEEN ? AND ? AND created BETWEEN ? AND ? "
                "AND created IN temp.wanted",
                (low, high, min(times), max(times)),
            ):
                site = names.get(row[0])
                if site is not None:
                    key = (row[2], site, self._origins.get(row[1]), *row[3:])
                    # Of one time there may be any number of others.
                    if key in keys:
                        there[key] = there.get(key, 0) + 1
        return there

    def _want(self, times: set[float]) -> None:
        """Put times where a statement can look them up, as they are.

        As text they would have to be read to the last bit.
        """
        execute = self._connection.execute
        execute(_WANTED)
        # One transaction, on the temporary database alone.
        execute("BEGIN")
        execute("DELETE FROM temp.wanted")
        self._connection.executemany(
            "INSERT INTO temp.wanted VALUES (?)", [(each,) for each in times]
        )
        execute("COMMIT")

    def _ranges(
        self, times: set[float], sites: dict[CallSite, int]
    ) -> Iterator[tuple[int, int]]:
        """Yield ranges of ids, none too long, that hold all candidates."""
        minutes = sorted({int(each) // MINUTE * MINUTE for each in times})
        ids = json.dumps(list(sites.values()))
        found: list[tuple[int, int]] = []
        for start in range(0, len(minutes), _MINUTES):
            found += self._rows(
                "SELECT min(first_id), max(last_id) FROM rollups WHERE seconds = ? "
                "AND start IN (SELECT value FROM json_each(?)) "
                "AND call_site_id IN (SELECT value FROM json_each(?)) GROUP BY start",
                (MINUTE, json.dumps(minutes[start : start + _MINUTES]), ids),
            )
        for first, last in united(found):
            low, high = first, min(last, self._last_id)
            while low <= high:
                yield low, min(high, low + STEP_IDS - 1)
                low += STEP_IDS

    def _rows(self, sql: str, parameters: Any = ()) -> list[Any]:
        return self._connection.execute(sql, parameters).fetchall()


def united(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return ranges in order of which no two overlap or touch."""
    found: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return found


def key_of(record: Record) -> Key:
    """Return what makes a record, as it is made of a row of the database."""
    return (
        record.created,
        call_site_of(record),
        (
            record.hostname,
            record.process,
            record.processName,
            record.thread,
            record.threadName,
        ),
        record.message,
        record.taskName,
        record.exc_text,
        record.stack_info,
        record.extra,
    )
