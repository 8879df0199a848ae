"""Runs of processes: who has logged, from when to when, and who fell silent.

A run is told by its host, its PID, its name and when it was started. Whether
it has ended no record says; what records can tell is how long it has been
silent, and whether another process has its PID by now.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import reduce
from typing import Final, NamedTuple

from collector.query.columns import Place
from collector.query.narrowing import is_exact, time_bounds
from collector.query.tree import Everything, Node, Since, Until, every
from collector.store import rollups
from collector.store.reader import Reader
from collector.store.search import Progress
from collector.store.spells import Spell, spells

# The start is reckoned from two clock readings of each record, and rounded to
# a hundredth: those of one run may lie on both sides of a border.
SAME_START_SECONDS: Final = 0.05

# Where the start isn't told, a PID that was silent for so many hours and logs
# again is taken for another run.
PARTING_HOURS: Final = 24


class Origin(NamedTuple):
    """Whose spell it is: numbers that were not told are 0, names ''."""

    hostname: str
    process: int
    process_name: str
    started: float


class State(Enum):
    """What can be known of a run from records alone.

    ACTIVE: it has logged lately. SILENT: it has not, so it may have ended, or
    had nothing to say. GONE: another run on its host has its PID since.
    """

    ACTIVE = "active"
    SILENT = "silent"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a process.

    `count` and `worst` (a level number) are of the records that match; the
    ids are the first and the last in the query's time.
    """

    origin: Origin
    origin_ids: frozenset[int]
    count: int
    worst: int
    first_id: int
    last_id: int


def process_runs(
    reader: Reader, node: Node, progress: Progress | None = None
) -> list[Run]:
    """Return the runs that have logged what a query asks for, in no order."""
    matching = spells(reader, node, progress=progress)
    whole = matching
    if not is_exact(node, Place.ORIGINS):
        # A process is not silent because it has logged no errors lately.
        ids = siblings(reader, {spell.origin_id for spell in matching})
        whole = spells(reader, times_of(node), origins=ids, progress=progress)
    return runs_of(matching, whole, origins_of(reader, [*matching, *whole]))


def siblings(reader: Reader, origin_ids: set[int]) -> set[int]:
    """Return the origins of the same processes: their other threads, other peers."""
    rows = reader.rows(
        "SELECT id FROM origins WHERE (hostname, process, processName) IN "
        "(SELECT hostname, process, processName FROM origins "
        "WHERE id IN (SELECT value FROM json_each(?)))",
        (json.dumps(sorted(origin_ids)),),
    )
    return {row[0] for row in rows}


def times_of(node: Node) -> Node:
    """Return what a query implies of the time, as a query."""
    since, until = time_bounds(node)
    return every(
        Everything() if since is None else Since(since),
        Everything() if until is None else Until(until),
    )


def origins_of(reader: Reader, found: Iterable[Spell]) -> dict[int, Origin]:
    """Return whose spells they are."""
    ids = sorted({spell.origin_id for spell in found})
    rows = reader.rows(
        "SELECT id, coalesce(CAST(hostname AS TEXT), ''), "
        "coalesce(CAST(process AS INTEGER), 0), "
        "coalesce(CAST(processName AS TEXT), ''), "
        "CASE WHEN started BETWEEN 0 AND ? THEN started + 0.0 ELSE 0.0 END "
        "FROM origins WHERE id IN (SELECT value FROM json_each(?))",
        (rollups.END_OF_TIME, json.dumps(ids)),
    )
    return {origin_id: Origin(*values) for origin_id, *values in rows}


def runs_of(
    matching: Iterable[Spell], whole: Iterable[Spell], origins: Mapping[int, Origin]
) -> list[Run]:
    """Return the runs that spells make up.

    `whole` has all that the origins of the matching spells have logged.
    """
    counted = {(spell.origin_id, spell.hour): spell for spell in matching}
    by_name: dict[tuple[str, int, str], list[Spell]] = defaultdict(list)
    for spell in whole:
        # Origins may have been removed since.
        if (origin := origins.get(spell.origin_id)) is not None:
            by_name[origin[:3]].append(spell)
    runs: list[Run] = []
    for several in by_name.values():
        for together in _parted(several, origins):
            hits = [
                counted[key]
                for spell in together
                if (key := (spell.origin_id, spell.hour)) in counted
            ]
            if hits:
                runs.append(_run(together, hits, origins))
    return runs


def _parted(
    several: list[Spell], origins: Mapping[int, Origin]
) -> Iterator[list[Spell]]:
    """Yield the spells of each run, of those with one host, PID and name."""

    def order(spell: Spell) -> tuple[float, int]:
        return origins[spell.origin_id].started, spell.hour or 0

    together: list[Spell] = []
    for spell in sorted(several, key=order):
        if together:
            started, hour = order(together[-1])
            apart = (
                order(spell)[0] - started > SAME_START_SECONDS
                or order(spell)[1] - hour > PARTING_HOURS
                or (started == 0) != (order(spell)[0] == 0)
            )
            if apart:
                yield together
                together = []
        together.append(spell)
    yield together


def _run(
    together: list[Spell], hits: list[Spell], origins: Mapping[int, Origin]
) -> Run:
    whole = reduce(Spell.and_then, together)
    hit = reduce(Spell.and_then, hits)
    return Run(
        origin=origins[together[0].origin_id],
        origin_ids=frozenset(spell.origin_id for spell in together),
        count=hit.count,
        worst=hit.worst,
        first_id=whole.first_id,
        last_id=whole.last_id,
    )


def states(
    runs: Sequence[Run],
    heard: Mapping[int, float],
    *,
    now: float,
    silent_seconds: float,
) -> list[State]:
    """Return the state of each run, at a time of the collector's clock.

    `heard` tells when records were received. A PID has passed on when a run
    with it has its first record after the last one of another; ids tell, as
    the clocks of hosts differ.
    """
    newest: dict[tuple[str, int], int] = defaultdict(int)
    for run in runs:
        place = run.origin[:2]
        newest[place] = max(newest[place], run.first_id)

    def state(run: Run) -> State:
        if run.origin.process and newest[run.origin[:2]] > run.last_id:
            return State.GONE
        # A record that retention has just taken was old.
        silent = now - heard.get(run.last_id, 0.0) > silent_seconds
        return State.SILENT if silent else State.ACTIVE

    return [state(run) for run in runs]


def received_times(reader: Reader, ids: Iterable[int]) -> dict[int, float]:
    """Return when the records of some ids were received, of those there are.

    Of imported ones it is when they were created, if that is earlier: where their
    source did not tell when they were received, that is the time of the file, or of
    the import.
    """
    rows = reader.rows(
        "SELECT id, created + CASE WHEN id <= (SELECT last_id FROM imports "
        "WHERE first_id <= r.id ORDER BY first_id DESC LIMIT 1) "
        "THEN min(delay_ms, 0) ELSE delay_ms END / 1000.0 FROM records AS r "
        "WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(ids)),),
    )
    return {record_id: time for record_id, time in rows if isinstance(time, float)}


def now_of(reader: Reader, node: Node, heard: Mapping[int, float]) -> float:
    """Return the latest time that records tell of, within a query's time.

    The clock of this machine may be of another day than the database.
    """
    # The last record may be an old one, imported since.
    newest = received_times(reader, newest_ids(reader))
    latest = max([*heard.values(), *newest.values()], default=0.0)
    _, until = time_bounds(node)
    return latest if until is None else min(latest, until)


def newest_ids(reader: Reader) -> set[int]:
    """Return the ids of the last record, and of the last one of a client."""
    last = reader.value("SELECT coalesce(max(id), 0) FROM records")
    of_client = last
    for first_id, last_id in reader.rows(
        "SELECT first_id, last_id FROM imports ORDER BY first_id DESC"
    ):
        # None lies behind the last record, but where a database is damaged.
        if last_id < of_client:
            break
        of_client = reader.value(
            "SELECT coalesce(max(id), 0) FROM records WHERE id < ?", (first_id,)
        )
    return {last, of_client}
