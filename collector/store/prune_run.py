"""A run of pruning: all that a policy asks for, a step at a time."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from collector.store.compaction import compact_some, seal_sparse_part
from collector.store.fetching import fetching
from collector.store.file_space import Space, give_back, measure
from collector.store.orphans import remove_orphans
from collector.store.pruning import (
    ends,
    expired_cuts,
    prune_some,
    remove_oldest_rejects,
    remove_rejects,
)
from collector.store.retention import (
    SIZE_SHARE,
    Cut,
    Policy,
    excess_share,
    too_many_below,
)
from collector.store.search_index import erase_some, register_folding

# How often a size is measured anew after records went: parts of the index follow
# them a little later.
SIZE_ATTEMPTS: Final = 10

# Orphans are looked for, in all records, when so large a part of them has gone.
ORPHANS_SHARE: Final = 0.05


class PruneRun:
    """One run over a database in autocommit mode.

    `removed` counts records by what they exceeded, `age` or `size`, step by step, and
    so does `total`, of several runs. `clock` tells epoch seconds. `removed_before` is
    how many earlier runs removed without looking for orphans; None: look for them in
    any case.
    """

    def __init__(
        self,
        policy: Policy,
        connection: sqlite3.Connection,
        *,
        clock: Callable[[], float] = time.time,
        removed_before: int | None = 0,
        total: Counter[str] | None = None,
    ) -> None:
        self._policy = policy
        self._connection = connection
        self._rows = fetching(connection)
        self._clock = clock
        self._removed_before = removed_before
        # How many had been removed when orphans were looked for last.
        self._looked_at = 0
        self._steps = self._run()
        self.removed: Counter[str] = Counter()
        self._total: Counter[str] = Counter() if total is None else total
        self.rejects_removed = 0
        self.interned_removed = 0
        self.has_looked_for_orphans = False

    def step(self) -> bool:
        """Do a step, of some milliseconds; tell whether there was one.

        After an error there are no more: begin another run.
        """
        return next(self._steps, None) is not None

    def is_of(self, policy: Policy, connection: sqlite3.Connection) -> bool:
        """Tell whether it is a run of this policy, on this connection."""
        return policy is self._policy and connection is self._connection

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
                yield from self._old_rejects()

    def _cut(self, cut: Cut, reason: str) -> Iterator[str]:
        above_id = 0
        while step := prune_some(self._connection, cut, above_id):
            above_id = step.last_id
            if step.removed:
                self.removed[reason] += step.removed
                self._total[reason] += step.removed
            yield reason

    def _old_rejects(self) -> Iterator[str]:
        """Remove rejects older than all records that are left."""
        found = ends(self._rows)
        if not self.removed["age"] or found is None:
            return
        while count := remove_rejects(self._connection, before=found[0].received):
            self.rejects_removed += count
            yield "rejects"

    def _oldest_rejects(self, share: float) -> Iterator[str]:
        """Remove a part of the rejects: they take space, too."""
        [(count,)] = self._rows("SELECT count(*) FROM rejects", ())
        left = int(count * share)
        while left > 0 and (count := remove_oldest_rejects(self._connection, left)):
            left -= count
            self.rejects_removed += count
            yield "rejects"

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
            yield from self._oldest_rejects(excess_share(used, limit))
            # Or records would go for what these take.
            yield from self._index()
            yield from self._orphans()

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
            removed = self._removed_before + self.removed.total() - self._looked_at
            if removed < max(1, left * ORPHANS_SHARE):
                return
        for removed in remove_orphans(self._connection):
            self.interned_removed += removed
            yield "orphans"
        self._removed_before, self._looked_at = 0, self.removed.total()
        self.has_looked_for_orphans = True

    def _space(self) -> Iterator[str]:
        given = False
        while give_back(self._connection, self._policy.max_bytes):
            given = True
            yield "space"
        if given:
            # The file is cut when its log is in it.
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def space(self) -> Space:
        """Return how large the database is now."""
        return measure(self._rows)
