"""Groups of errors that were seen in two times."""

from __future__ import annotations

from typing import Final

from collector.query.tree import Node
from collector.store.error_groups import ErrorGroup, Timeline, error_groups
from collector.store.periods import Periods
from collector.store.reader import Reader
from collector.store.search import Progress
from collector.store.seen import Seen

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
