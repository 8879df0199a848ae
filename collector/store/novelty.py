"""Novelty: what is seen for the first time since then, and what changed its rate.

Call sites and loggers are told by rollups, as far as a query is about them
alone; processes and errors by their records. First seen means: before that
there is no record of it in the database, whose oldest ones may be gone.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from collector.query.tree import Node, Until
from collector.store.error_groups import ErrorGroup, Timeline, error_groups
from collector.store.moved import CallSite, candidates, moved
from collector.store.periods import Periods
from collector.store.processes import SAME_START_SECONDS, Run, process_runs
from collector.store.rates import Rate, change, has_changed, ordinary_factor
from collector.store.reader import Reader
from collector.store.search import Progress, Search
from collector.store.stats import Group, Grouping, group_records, whole
from collector.store.words import words

SITES: Final = Grouping("c.name, c.filename, c.funcName, c.lineno, c.level")


@dataclass(frozen=True, slots=True)
class Seen:
    """A call site, a logger, an error or a process, and how often it was seen.

    The ids are its first and last record in the second time, else in the
    first; `levelno` is the highest.
    """

    what: CallSite | str | ErrorGroup | Run
    is_new: bool
    levelno: int
    rate: Rate
    first_id: int
    last_id: int


@dataclass(frozen=True, slots=True)
class Novelty:
    """All that is worth a look, the most important first.

    `ordinary` is the factor by which most rates changed; `before` and `after`
    count all records.
    """

    ordinary: float
    before: int
    after: int
    new_errors: list[Seen]
    new_call_sites: list[Seen]
    new_loggers: list[Seen]
    new_processes: list[Seen]
    error_rates: list[Seen]
    call_site_rates: list[Seen]
    logger_rates: list[Seen]
    process_rates: list[Seen]


def novelty(
    reader: Reader, node: Node, periods: Periods, progress: Progress | None = None
) -> Novelty:
    """Return what is new in the second of two times, and what changed since the first.

    `node` has no times of its own.
    """
    sites = call_sites_seen(reader, node, periods, progress)
    loggers = loggers_seen(sites, periods)
    errors = errors_seen(reader, node, periods, progress)
    runs = runs_seen(reader, node, periods, progress)
    ordinary = ordinary_factor(seen.rate for seen in sites)
    site_rates = changed(sites, ordinary)
    told = {
        seen.what.logger
        for seen in (*site_rates, *(seen for seen in sites if seen.is_new))
        if isinstance(seen.what, CallSite)
    }
    return Novelty(
        ordinary=ordinary,
        before=sum(seen.rate.before for seen in sites),
        after=sum(seen.rate.after for seen in sites),
        new_errors=first_seen(errors),
        new_call_sites=first_seen(sites),
        new_loggers=first_seen(loggers),
        new_processes=first_seen(runs),
        error_rates=changed(errors, ordinary),
        call_site_rates=site_rates,
        # Where its call sites tell it, a logger needs not.
        logger_rates=[
            seen for seen in changed(loggers, ordinary) if seen.what not in told
        ],
        process_rates=changed(runs, ordinary),
    )


def first_seen(several: Iterable[Seen]) -> list[Seen]:
    """Return those that are new, the most severe and then the most frequent first."""
    new = [seen for seen in several if seen.is_new]
    return sorted(new, key=lambda seen: (-seen.levelno, -seen.rate.after, seen.last_id))


def changed(several: Iterable[Seen], ordinary: float) -> list[Seen]:
    """Return those whose rates changed, though not new, the greatest change first."""
    found = [
        seen for seen in several if not seen.is_new and has_changed(seen.rate, ordinary)
    ]
    return sorted(
        found, key=lambda seen: (-abs(change(seen.rate, ordinary)), seen.last_id)
    )


def call_sites_seen(
    reader: Reader, node: Node, periods: Periods, progress: Progress | None = None
) -> list[Seen]:
    """Return the call sites of both times; those that have moved are one."""

    def groups(part: Node) -> dict[CallSite, Group]:
        found = group_records(reader, part, SITES, progress=progress)
        return {call_site(group): group for group in found}

    after = groups(periods.after(node))
    before = groups(periods.before(node))
    old = groups(periods.long_before(node))
    gone = {
        site: before.get(site) or old[site]
        for site in before.keys() | old.keys()
        if site not in after
    }
    # A deploy is seldom to the second: some may have come just before it.
    young = {site: group for site, group in after.items() if site not in old}
    was = _moved(reader, gone, young)

    def times_before(*sites: CallSite | None) -> int:
        return sum(before[site].count for site in sites if site in before)

    seen = [
        _seen(
            site,
            group,
            periods.rate(times_before(site, was.get(site)), group.count),
            is_new=site in young and site not in before and site not in was,
        )
        for site, group in after.items()
    ]
    elsewhere = set(was.values())
    seen += [
        _seen(site, group, periods.rate(group.count, 0), is_new=False)
        for site, group in before.items()
        if site not in after and site not in elsewhere
    ]
    return seen


def call_site(group: Group) -> CallSite:
    """Return the call site of a group by SITES, whose database may be damaged."""
    logger, filename, function, line, level = group.key
    return CallSite(str(logger), str(filename), str(function), whole(line), str(level))


def _moved(
    reader: Reader, gone: dict[CallSite, Group], new: dict[CallSite, Group]
) -> dict[CallSite, CallSite]:
    was: dict[CallSite, CallSite] = {}
    for old, fresh in candidates(gone, new):
        ids = {
            **{site: gone[site].last_id for site in old},
            **{site: new[site].first_id for site in fresh},
        }
        said = words(reader, ids.values())
        messages = {site: said[i].message for site, i in ids.items() if i in said}
        was.update(moved(old, fresh, messages))
    return was


def _seen(site: CallSite, group: Group, rate: Rate, *, is_new: bool) -> Seen:
    return Seen(site, is_new, max(group.levels), rate, group.first_id, group.last_id)


def loggers_seen(sites: Iterable[Seen], periods: Periods) -> list[Seen]:
    """Return the loggers of call sites; new are those of which all are."""
    by_name: dict[str, list[Seen]] = defaultdict(list)
    for seen in sites:
        if isinstance(seen.what, CallSite):
            by_name[seen.what.logger].append(seen)
    return [
        Seen(
            name,
            all(seen.is_new for seen in several),
            max(seen.levelno for seen in several),
            periods.rate(
                sum(seen.rate.before for seen in several),
                sum(seen.rate.after for seen in several),
            ),
            min(seen.first_id for seen in several),
            max(seen.last_id for seen in several),
        )
        for name, several in by_name.items()
    ]


# Errors have no level of their own.
ERROR: Final = 40


def errors_seen(
    reader: Reader, node: Node, periods: Periods, progress: Progress | None = None
) -> list[Seen]:
    """Return the groups of errors of both times.

    All older records are looked through only for errors that neither has.
    """
    whole = Timeline(periods.start, 1, 1)

    def groups(part: Node) -> dict[str, ErrorGroup]:
        found = error_groups(reader, part, timeline=whole, progress=progress)
        return {group.id: group for group in found.groups}

    after = groups(periods.after(node))
    before = groups(periods.before(node))
    known = set(before)
    if after.keys() - known:
        known |= groups(periods.long_before(node)).keys()
    return [
        Seen(
            group,
            error_id not in known,
            ERROR,
            periods.rate(
                before[error_id].count if error_id in before else 0,
                after[error_id].count if error_id in after else 0,
            ),
            group.first_id,
            group.last_id,
        )
        for error_id, group in {**before, **after}.items()
    ]


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
