"""Novelty: what is seen for the first time since then, and what changed its rate.

Call sites and loggers are told by rollups, as far as a query is about them
alone; processes and errors by their records. First seen means: before that
there is no record of it in the database, whose oldest ones may be gone.
"""

from __future__ import annotations

from dataclasses import dataclass

from collector.query.tree import Node
from collector.store.moved import CallSite
from collector.store.periods import Periods
from collector.store.rates import ordinary_factor
from collector.store.reader import Reader
from collector.store.search import Progress
from collector.store.seen import Seen, changed, first_seen
from collector.store.seen_call_sites import call_sites_seen, loggers_seen
from collector.store.seen_errors import errors_seen
from collector.store.seen_runs import runs_seen


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
    sites, known = call_sites_seen(reader, node, periods, progress)
    loggers = loggers_seen(sites, known, periods)
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
