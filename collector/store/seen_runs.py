"""Runs of processes that were seen in two times."""

from __future__ import annotations

import json
from collections.abc import Iterable

from collector.query.tree import Node, Until
from collector.store.periods import Periods
from collector.store.processes import SAME_START_SECONDS, Run, process_runs
from collector.store.reader import Reader
from collector.store.search import Progress, Search
from collector.store.seen import Seen


def runs_seen(
    reader: Reader, node: Node, periods: Periods, progress: Progress | None = None
) -> list[Seen]:
    """Return the runs of processes of both times.

    New are those that had logged nothing at all before. Those that are quiet
    are only there if no other run has their name on their host since. What was
    started in the first time had no whole one to compare with.
    """
    after = process_runs(reader, periods.after(node), progress)
    before = process_runs(reader, periods.before(node), progress)
    pairs = paired(before, after)
    # Most that are new say so themselves.
    unsure = [
        run
        for old, run in pairs
        if old is None and run is not None and run.origin.started < periods.since
    ]
    known = {
        unsure[place].origin_ids
        for place in _runs_before(reader, unsure, periods.since, progress)
    }
    successors = {(run.origin.hostname, run.origin.process_name) for run in after}
    seen: list[Seen] = []
    for old, run in pairs:
        here = run or old
        assert here is not None
        name = here.origin.hostname, here.origin.process_name
        if run is None and name in successors:
            continue
        if old is not None and here.origin.started >= periods.start:
            continue
        seen.append(
            Seen(
                here,
                old is None and here.origin_ids not in known,
                here.worst,
                periods.rate(old.count if old else 0, run.count if run else 0),
                here.first_id,
                here.last_id,
            )
        )
    return seen


def paired(
    before: Iterable[Run], after: Iterable[Run]
) -> list[tuple[Run | None, Run | None]]:
    """Return runs of two times, each with itself in the other, None without."""
    left: dict[tuple[tuple[str, int, str], int], Run] = {}
    for run in before:
        left[_place(run, 0)] = run
    pairs: list[tuple[Run | None, Run | None]] = []
    for run in after:
        found = (left.pop(_place(run, beside), None) for beside in (0, -1, 1))
        pairs.append((next((old for old in found if old is not None), None), run))
    pairs += [(old, None) for old in left.values()]
    return pairs


def _place(run: Run, beside: int) -> tuple[tuple[str, int, str], int]:
    """Return where a run is found by its start, or those just before or after it."""
    return run.origin[:3], int(run.origin.started / SAME_START_SECONDS) + beside


def _runs_before(
    reader: Reader, runs: list[Run], moment: int, progress: Progress | None
) -> set[int]:
    """Return the places of the runs that have records from before a moment."""
    # A thread that is new may be one of an old run, so all its threads count.
    names = json.dumps([run.origin for run in runs])
    run_of: dict[int, int] = dict(
        reader.rows(
            "SELECT o.id, j.key FROM json_each(?) AS j CROSS JOIN origins AS o "
            "ON o.hostname = json_extract(j.value, '$[0]') "
            "AND o.process = json_extract(j.value, '$[1]') "
            "AND o.processName = json_extract(j.value, '$[2]') "
            "WHERE abs(o.started - json_extract(j.value, '$[3]')) <= ?",
            (names, SAME_START_SECONDS),
        )
    )
    found: set[int] = set()
    search = Search(reader, Until(float(moment)), progress=progress)
    for part in search.slices(newest_first=True):
        left = [origin for origin, place in run_of.items() if place not in found]
        if not left:
            break
        rows = search.select(
            part,
            lambda _, matched: (
                f"SELECT DISTINCT r.origin_id {matched} "
                "AND r.origin_id IN (SELECT value FROM json_each(?))"
            ),
            json.dumps(left),
        )
        found.update(run_of[origin] for (origin,) in rows)
    return found
