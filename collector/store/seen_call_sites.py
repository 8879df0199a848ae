"""Call sites and loggers that were seen in two times, and those that moved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable
from typing import Final

from collector.query.tree import Node
from collector.store.moved import CallSite, candidates, moved
from collector.store.periods import Periods
from collector.store.rates import Rate
from collector.store.reader import Reader
from collector.store.search import Progress
from collector.store.seen import Seen
from collector.store.stats import Group, Grouping, group_records, whole
from collector.store.words import words

SITES: Final = Grouping("c.name, c.filename, c.funcName, c.lineno, c.level")


def call_sites_seen(
    reader: Reader, node: Node, periods: Periods, progress: Progress | None = None
) -> tuple[list[Seen], set[str]]:
    """Return the call sites of both times; those that have moved are one.

    And the names of all loggers that there were before.
    """

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
    return seen, {site.logger for site in before.keys() | old.keys()}


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


def loggers_seen(
    sites: Iterable[Seen], known: Container[str], periods: Periods
) -> list[Seen]:
    """Return the loggers of call sites; new are those that were not known before."""
    by_name: dict[str, list[Seen]] = defaultdict(list)
    for seen in sites:
        if isinstance(seen.what, CallSite):
            by_name[seen.what.logger].append(seen)
    return [
        Seen(
            name,
            name not in known,
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
