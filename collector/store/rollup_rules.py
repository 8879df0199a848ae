"""Whether rollups count the records that are there.

Records are counted by minute and call site in steps of their ids. Those of a
rollup may come and go meanwhile; so rollups are read before and after, and only
those are compared that have not changed between.
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

# Hours or days are taken together as long as no more records are in them.
SPAN_RECORDS: Final = 100_000

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
    "SELECT start, call_site_id, count, last_id FROM rollups WHERE seconds = ? "
    "AND (start, call_site_id) > (?, ?) ORDER BY start, call_site_id LIMIT ?"
)


def rollups(reader: Reader, progress: Progress) -> Iterator[Finding]:
    """Find rollups whose counts or bounds are not those of the records."""
    with closing(_Tally()) as tally:
        for page in _pages(reader):
            tally.add_before(page)
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
            tally.add_counted(counted)
        for page in _pages(reader):
            for start, site, count, there in tally.different(page):
                yield Finding(
                    "rollups",
                    f"{_named(MINUTE, start, 'rollups', site)} counts {count:,} "
                    f"records; there are {there:,}",
                )


Minutely = tuple[int, int, int, int]


def _pages(reader: Reader) -> Iterator[list[Minutely]]:
    """Yield the rollups of minutes: start, call site, count and last id of each."""
    start = call_site_id = -1
    while page := reader.rows(_PAGE, (MINUTE, start, call_site_id, PAGE_ROLLUPS)):
        yield page
        start, call_site_id = page[-1][:2]


class _Tally:
    """Counts by minute and call site, in a file of SQLite's own: there are many."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; "
            "CREATE TABLE tally (start INTEGER, call_site_id INTEGER, before INTEGER, "
            "last_id INTEGER, counted INTEGER NOT NULL DEFAULT 0, "
            "PRIMARY KEY (start, call_site_id)) WITHOUT ROWID; BEGIN"
        )

    def add_before(self, rollups: list[Minutely]) -> None:
        """Note rollups as they are before anything is counted."""
        self._connection.executemany(
            "INSERT INTO tally (start, call_site_id, before, last_id) "
            "VALUES (?, ?, ?, ?)",
            rollups,
        )

    def add_counted(self, rows: Iterable[tuple[int, int, int]]) -> None:
        """Count records: start, call site and how many."""
        self._connection.executemany(
            "INSERT INTO tally (start, call_site_id, counted) VALUES (?, ?, ?) "
            "ON CONFLICT DO UPDATE SET counted = counted + excluded.counted",
            rows,
        )

    def different(self, rollups: list[Minutely]) -> Iterator[Minutely]:
        """Yield those that are as they were before, and that were counted otherwise.

        With their counts: as they say, and as counted.
        """
        for start, call_site_id, count, last_id in rollups:
            found = self._connection.execute(
                "SELECT counted FROM tally WHERE start = ? AND call_site_id = ? "
                "AND before = ? AND last_id = ? AND counted <> before",
                (start, call_site_id, count, last_id),
            ).fetchone()
            if found:
                yield start, call_site_id, count, found[0]

    def close(self) -> None:
        """Forget all of it."""
        self._connection.close()


def lengths(reader: Reader, _: Progress) -> Iterator[Finding]:
    """Find rollups that differ from the shorter ones that they are made of.

    And those by level that differ from those by call site.
    """
    for unit in (HOUR, DAY):
        for span in _spans(reader, unit):
            for table, seconds, sql in _DIFFERENT[unit]:
                for start, key in reader.rows(sql, span * 4):
                    yield Finding(
                        table,
                        f"{_named(seconds, start, table, key)} has another count than "
                        "the rollups that it is made of",
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
# Those that can be told within an hour, and within a day.
_DIFFERENT: Final = {
    unit: tuple(
        (table, seconds, _different(table, key, seconds, parts, part))
        for table, key, seconds, parts, part in rules
    )
    for unit, rules in {
        HOUR: (
            ("rollups", "call_site_id", HOUR, "rollups", MINUTE),
            ("level_rollups", "levelno", MINUTE, _LEVELS_OF_SITES, MINUTE),
            ("level_rollups", "levelno", HOUR, "level_rollups", MINUTE),
        ),
        DAY: (
            ("rollups", "call_site_id", DAY, "rollups", HOUR),
            ("level_rollups", "levelno", DAY, "level_rollups", HOUR),
        ),
    }.items()
}


def _spans(reader: Reader, unit: int) -> Iterator[tuple[int, int]]:
    """Yield spans of whole hours or days, as start and stop, that hold all rollups."""
    start = at = -unit
    records = 0
    while page := reader.rows(
        "SELECT start, sum(count) FROM level_rollups WHERE seconds = ? AND start > ? "
        "GROUP BY start ORDER BY start LIMIT ?",
        (unit, at, PAGE_ROLLUPS),
    ):
        for at, count in page:
            if records and records + count > SPAN_RECORDS:
                yield start, at
                start, records = at, 0
            records += count
    yield start, END_OF_TIME


def _named(seconds: int, start: int, table: str, key: object) -> str:
    length = {MINUTE: "minute", HOUR: "hour", DAY: "day"}[seconds]
    what = "level" if table == "level_rollups" else "call site"
    return f"the {length} at epoch second {start}, {what} {key},"
