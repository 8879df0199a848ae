"""A run of pruning: all that a policy asks for, a step at a time."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from collector.store import orphans
from collector.store.compaction import compact_some, seal_sparse_part
from collector.store.fetching import fetching
from collector.store.file_space import Space, give_back, measure
from collector.store.pruning import ends, expired_cuts, prune_some, remove_rejects
from collector.store.retention import SIZE_SHARE, Cut, Policy, too_many_below
from collector.store.search_index import erase_some, register_folding

# How often a size is measured anew after records went: parts of the index follow
# them a little later.
SIZE_ATTEMPTS: Final = 10

# Orphans are looked for, in all records, when so many have gone, or so large a part.
ORPHANS_RECORDS: Final = 100_000
ORPHANS_SHARE: Final = 0.05


class PruneRun:
    """One run over a database in autocommit mode.

    `removed` counts records by what they exceeded, `age` or `size`. `now` is in
    epoch seconds. `removed_before` is how many earlier runs removed without
    looking for orphans; None: look for them in any case.
    """

    def __init__(
        self,
        policy: Policy,
        connection: sqlite3.Connection,
        *,
        clock: Callable[[], float] = time.time,
        removed_before: int | None = 0,
    ) -> None:
        self._policy = policy
        self._connection = connection
        self._rows = fetching(connection)
        self._clock = clock
        self._removed_before = removed_before
        self._steps = self._run()
        self.removed: Counter[str] = Counter()
        self.rejects_removed = 0
        self.interned_removed = 0
        self.has_looked_for_orphans = False

    def step(self) -> bool:
        """Do a step, of some milliseconds; tell whether there was one.

        After an error there are no more: begin another run.
        """
        return next(self._steps, None) is not None

    def is_on(self, connection: sqlite3.Connection) -> bool:
        """Tell whether this is the run's connection."""
        return connection is self._connection

    def _run(self) -> Iterator[str]:
        yield from self._by_age()
        yield from self._by_size()
        yield from self._index()
        yield from self._orphans()
        yield from self._space()

    def _by_age(self) -> Iterator[str]:
        for cut in expired_cuts(self._rows, self._policy, self._clock()):
            yield from self._cut(cut, "age")
            if cut.levels is None:
                self._remove_rejects()

    def _cut(self, cut: Cut, reason: str) -> Iterator[str]:
        above_id = 0
        while step := prune_some(self._connection, cut, above_id):
            above_id = step.last_id
            if step.removed:
                self.removed[reason] += step.removed
            yield reason

    def _remove_rejects(self) -> None:
        """Remove rejects older than all records that are left."""
        found = ends(self._rows)
        if self.removed["age"] and found is not None:
            self.rejects_removed += remove_rejects(self._connection, found[0].received)

    def _by_size(self) -> Iterator[str]:
        limit = self._policy.max_bytes
        if limit is None or measure(self._rows).used_bytes <= limit:
            return
        for _ in range(SIZE_ATTEMPTS):
            used = measure(self._rows).used_bytes
            found = ends(self._rows)
            if used <= limit * SIZE_SHARE or found is None:
                return
            yield from self._cut(Cut(too_many_below(*found, used, limit)), "size")
            yield from self._index()

    def _index(self) -> Iterator[str]:
        if self.removed:
            register_folding(self._connection)
            seal_sparse_part(self._connection)
            while compact_some(self._connection):
                yield "index"
        while erase_some(self._connection):
            yield "index"

    def _orphans(self) -> Iterator[str]:
        found = ends(self._rows)
        left = found[1].id - found[0].id if found else 0
        if self._removed_before is not None:
            removed = self._removed_before + self.removed.total()
            if removed < min(ORPHANS_RECORDS, max(1, left * ORPHANS_SHARE)):
                return
        for remove in (orphans.remove_call_sites, orphans.remove_origins):
            for removed in remove(self._connection):
                self.interned_removed += removed
                yield "orphans"
        self.has_looked_for_orphans = True

    def _space(self) -> Iterator[str]:
        while give_back(self._connection, self._policy.max_bytes):
            yield "space"

    def space(self) -> Space:
        """Return how large the database is now."""
        return measure(self._rows)
