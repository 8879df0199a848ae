"""Whether rollups count the records that are there.

Records are counted by minute and call site in steps of their ids; a rollup
that differs from the sum of the steps is counted again in one statement, since
records may have come or gone between them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Final

from collector.store.finding import MOST_FINDINGS, Finding, id_steps
from collector.store.reader import Reader
from collector.store.rolling_up import DAY, HOUR, MINUTE
from collector.store.rollups import END_OF_TIME
from collector.store.search import Progress

# Rollups of one statement.
PAGE_ROLLUPS: Final = 20_000

# Days are taken together as long as no more records than these are in them.
DAYS_RECORDS: Final = 200_000

_FRESH: Final = f"""
fresh AS (
    SELECT CAST(created AS INTEGER) / {MINUTE} * {MINUTE} AS start, call_site_id,
        count(*) AS count, min(id) AS first_id, max(id) AS last_id
    FROM records WHERE id BETWEEN ? AND ? GROUP BY 1, 2)
"""
_BY_LEVEL: Final = (
    "(SELECT f.*, c.levelno FROM fresh AS f "
    "JOIN call_sites AS c ON c.id = f.call_site_id)"
)


def _outside(table: str, key: str, fresh: str, seconds: int) -> str:
    """Return what finds rollups that can't hold the fresh records."""
    return (
        f"SELECT '{table}', {seconds}, g.start, g.key, g.first_id, g.last_id FROM ("
        f"SELECT start / {seconds} * {seconds} AS start, {key} AS key, "
        "sum(count) AS count, min(first_id) AS first_id, max(last_id) AS last_id "
        f"FROM {fresh} GROUP BY 1, 2) AS g LEFT JOIN {table} AS t "
        f"ON t.seconds = {seconds} AND t.start = g.start AND t.{key} = g.key "
        "WHERE t.count IS NULL OR t.count < g.count "
        "OR t.first_id > g.first_id OR t.last_id < g.last_id"
    )


_TABLES: Final = (
    ("rollups", "call_site_id", "fresh"),
    ("level_rollups", "levelno", _BY_LEVEL),
)
# The fresh counts, and with the name of a table what is wrong there.
_COUNTED: Final = (
    f"WITH {_FRESH} SELECT '', 0, start, call_site_id, count, 0 FROM fresh UNION ALL "
    + " UNION ALL ".join(
        f"SELECT * FROM ({_outside(table, key, fresh, seconds)} LIMIT {MOST_FINDINGS})"
        for table, key, fresh in _TABLES
        for seconds in (MINUTE, HOUR, DAY)
    )
)
_PAGE: Final = (
    "SELECT start, call_site_id, count FROM rollups WHERE seconds = ? "
    "AND (start, call_site_id) > (?, ?) ORDER BY start, call_site_id LIMIT ?"
)
_AGAIN: Final = f"""
WITH minute AS (
    SELECT * FROM rollups WHERE seconds = {MINUTE} AND start = ?),
there AS (
    SELECT call_site_id, count(*) AS count FROM records
    WHERE id BETWEEN (SELECT min(first_id) FROM minute)
        AND (SELECT max(last_id) FROM minute)
        AND CAST(created AS INTEGER) / {MINUTE} * {MINUTE} = ?
    GROUP BY 1)
SELECT m.call_site_id, m.count, coalesce(t.count, 0)
FROM minute AS m LEFT JOIN there AS t USING (call_site_id)
WHERE m.count <> coalesce(t.count, 0) LIMIT {MOST_FINDINGS}
"""


def rollups(reader: Reader, progress: Progress) -> Iterator[Finding]:
    """Find rollups whose counts or bounds are not those of the records."""
    with closing(_Tally()) as tally:
        for bounds in id_steps(reader, progress):
            counted = []
            for table, seconds, start, key, *numbers in reader.rows(_COUNTED, bounds):
                if not table:
                    counted.append((start, key, numbers[0]))
                    continue
                yield Finding(
                    table,
                    f"{_named(seconds, start, table, key)} lacks records with ids "
                    f"from {numbers[0]} to {numbers[1]}",
                )
            tally.add(counted)
        for start in _doubtful_minutes(reader, tally):
            for site, count, there in reader.rows(_AGAIN, (start, start)):
                yield Finding(
                    "rollups",
                    f"{_named(MINUTE, start, 'rollups', site)} counts {count:,} "
                    f"records; there are {there:,}",
                )


class _Tally:
    """Counts by minute and call site, in a file of SQLite's own: there are many."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; "
            "CREATE TABLE counts (start INTEGER, call_site_id INTEGER, count INTEGER, "
            "PRIMARY KEY (start, call_site_id)) WITHOUT ROWID; BEGIN"
        )

    def add(self, rows: Iterable[tuple[int, int, int]]) -> None:
        """Add start, call site and count of each row."""
        self._connection.executemany(
            "INSERT INTO counts VALUES (?, ?, ?) ON CONFLICT DO UPDATE "
            "SET count = count + excluded.count",
            rows,
        )

    def count(self, start: int, call_site_id: int) -> int:
        """Return how many there are of a call site in a minute."""
        found = self._connection.execute(
            "SELECT count FROM counts WHERE start = ? AND call_site_id = ?",
            (start, call_site_id),
        ).fetchone()
        return found[0] if found else 0

    def close(self) -> None:
        """Forget all of it."""
        self._connection.close()


def _doubtful_minutes(reader: Reader, tally: _Tally) -> Iterator[int]:
    """Yield the minutes in which rollups and the tally differ."""
    start = call_site_id = -1
    doubted = None
    while page := reader.rows(_PAGE, (MINUTE, start, call_site_id, PAGE_ROLLUPS)):
        for start, call_site_id, count in page:
            if start != doubted and tally.count(start, call_site_id) != count:
                doubted = start
                yield start


def lengths(reader: Reader, _: Progress) -> Iterator[Finding]:
    """Find rollups that differ from the shorter ones that they are made of.

    And those by level that differ from those by call site.
    """
    for span in _spans(reader):
        for table, seconds, sql in _DIFFERENT:
            for start, key in reader.rows(sql, span * 4):
                yield Finding(
                    table,
                    f"{_named(seconds, start, table, key)} has another count than the "
                    "rollups that it is made of",
                )


def _different(table: str, key: str, seconds: int, parts: str, part: int) -> str:
    """Return what finds rollups of a span that are not the sum of others."""
    among = "start >= ? AND start < ?"
    made = (
        f"SELECT start / {seconds} * {seconds} AS start, {key} AS key, "
        f"sum(count) AS count FROM {parts} WHERE seconds = {part} AND {among} "
        "GROUP BY 1, 2"
    )
    said = (
        f"SELECT start, {key} AS key, count FROM {table} "
        f"WHERE seconds = {seconds} AND {among}"
    )
    return (
        f"SELECT DISTINCT start, key FROM (SELECT * FROM ({made} EXCEPT {said}) "
        f"UNION ALL SELECT * FROM ({said} EXCEPT {made})) LIMIT {MOST_FINDINGS}"
    )


_LEVELS_OF_SITES: Final = (
    "(SELECT r.*, c.levelno FROM rollups AS r "
    "JOIN call_sites AS c ON c.id = r.call_site_id)"
)
_DIFFERENT: Final = tuple(
    (table, seconds, _different(table, key, seconds, parts, part))
    for table, key, seconds, parts, part in (
        ("rollups", "call_site_id", HOUR, "rollups", MINUTE),
        ("rollups", "call_site_id", DAY, "rollups", HOUR),
        ("level_rollups", "levelno", MINUTE, _LEVELS_OF_SITES, MINUTE),
        ("level_rollups", "levelno", HOUR, "level_rollups", MINUTE),
        ("level_rollups", "levelno", DAY, "level_rollups", HOUR),
    )
)


def _spans(reader: Reader) -> Iterator[tuple[int, int]]:
    """Yield spans of whole days, as start and stop, that together hold all rollups."""
    start = day = -DAY
    records = 0
    while page := reader.rows(
        "SELECT start, sum(count) FROM level_rollups WHERE seconds = ? AND start > ? "
        "GROUP BY start ORDER BY start LIMIT ?",
        (DAY, day, PAGE_ROLLUPS),
    ):
        for day, count in page:
            if records and records + count > DAYS_RECORDS:
                yield start, day
                start, records = day, 0
            records += count
    yield start, END_OF_TIME


def _named(seconds: int, start: int, table: str, key: object) -> str:
    length = {MINUTE: "minute", HOUR: "hour", DAY: "day"}[seconds]
    what = "level" if table == "level_rollups" else "call site"
    return f"the {length} at epoch second {start}, {what} {key},"
