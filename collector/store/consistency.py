"""Whether a database agrees with itself: what its tables say of one another.

Every rule reads in short statements, each of which sees one state of the
database, so that the daemon may write and delete meanwhile: what comes or goes
between two of them is never taken for a fault.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Final

from collector.errors import ReadError
from collector.store.finding import (
    COPY,
    MOST_FINDINGS,
    REINDEX,
    Finding,
    Rule,
    id_steps,
)
from collector.store.index_rules import index, index_parts
from collector.store.reader import Reader
from collector.store.rollup_rules import lengths, rollups
from collector.store.search import Progress


def check(reader: Reader, progress: Progress | None = None) -> list[Finding]:
    """Return what is wrong with a database, nothing if all is well.

    At most 20 findings of each rule. `progress` is told how many ids of how
    many a rule has looked at. What SQLite itself knows of damage is not asked
    for: see `damage`.
    """
    found: list[Finding] = []
    for rule in RULES:
        try:
            found += itertools.islice(rule(reader, progress or _silent), MOST_FINDINGS)
        except ReadError as error:
            found.append(Finding(rule.__name__, str(error)))
    return found


def _silent(done: int, total: int) -> None:
    """Tell nobody."""


def damage(reader: Reader, *, thorough: bool) -> Iterator[Finding]:
    """Yield what SQLite itself finds wrong with the file.

    `thorough`: also whether its indexes hold what the tables do. Each table is
    one read transaction, which for a large one may take a minute.
    """
    pragma = "integrity_check" if thorough else "quick_check"
    tables = reader.rows(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0 "
        "ORDER BY name"
    )
    for (table,) in tables:
        quoted = table.replace("'", "''")
        remedy = REINDEX if table.startswith("search_") else COPY
        try:
            said = reader.rows(f"PRAGMA {pragma}('{quoted}')")
        except ReadError as error:
            said = [(str(error),)]
        for (text,) in said[:MOST_FINDINGS]:
            for line in text.splitlines():
                if line != "ok":
                    yield Finding(table, line, remedy)


def references(reader: Reader, progress: Progress) -> Iterator[Finding]:
    """Find records whose call site or origin is not there."""
    for low, high in id_steps(reader, progress):
        for column, table in (
            ("call_site_id", "call_sites"),
            ("origin_id", "origins"),
        ):
            number, first_id, last_id = reader.rows(
                "SELECT count(*), min(r.id), max(r.id) FROM records AS r "
                "WHERE r.id BETWEEN ? AND ? AND NOT EXISTS "
                f"(SELECT 1 FROM {table} AS t WHERE t.id = r.{column})",
                (low, high),
            )[0]
            if number:
                yield Finding(
                    "records",
                    f"{number:,} with ids from {first_id} to {last_id} have a "
                    f"{column} that is not in {table}: no search finds them",
                )


def states(reader: Reader, _: Progress) -> Iterator[Finding]:
    """Find tables of state without their one row, or with an impossible one."""
    for table, remedy in (
        ("search_state", REINDEX),
        ("writer_state", f"the daemon can't store in it; {COPY}"),
    ):
        rows = reader.value(f"SELECT count(*) FROM {table}")
        if rows != 1:
            yield Finding(table, f"it has {rows} rows, not one", remedy)
    indexed, last = reader.rows(
        "SELECT (SELECT max(indexed_id) FROM search_state), "
        "coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'records'), 0)"
    )[0]
    if indexed is not None and indexed > last:
        yield Finding(
            "search_state",
            f"ids up to {indexed} are said to be indexed, but none was above {last}",
            REINDEX,
        )


def imports(reader: Reader, _: Progress) -> Iterator[Finding]:
    """Find imports whose ranges of ids overlap, or are none."""
    for first_id, last_id, before in reader.rows(
        "SELECT * FROM (SELECT first_id, last_id, max(last_id) OVER (ORDER BY "
        "first_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before "
        "FROM imports) WHERE last_id < first_id OR first_id <= before LIMIT ?",
        (MOST_FINDINGS,),
    ):
        what = (
            "ends before it begins"
            if last_id < first_id
            else f"overlaps one that ends with {before}"
        )
        yield Finding("imports", f"the one of ids {first_id} to {last_id} {what}")


RULES: Final[tuple[Rule, ...]] = (
    states,
    imports,
    references,
    rollups,
    lengths,
    index_parts,
    index,
)
