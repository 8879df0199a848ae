"""The backlog: records on their way from the connections to the writer."""

from __future__ import annotations

import asyncio
import time
from typing import Final, final

from collector.record import Record
from collector.store.rejects import Reject

# Rejects that may wait; beyond, a flood of bad frames is counted, not kept.
MAX_WAITING_REJECTS: Final = 256


@final
class Batch:
    """What is written in one transaction. size_bytes: of the payloads.

    position: up to where in the spool (segment, offset) everything is stored
    once this is; None if nothing of it came from there.
    """

    def __init__(
        self,
        records: list[Record],
        rejects: list[Reject],
        size_bytes: int,
        position: tuple[int, int] | None = None,
    ) -> None:
        self.records: Final = records
        self.rejects: Final = rejects
        self.size_bytes: Final = size_bytes
        self.position: Final = position

    def __bool__(self) -> bool:
        return bool(self.records or self.rejects or self.position)


@final
class Backlog:
    """Holds records until they are stored, within bounds.

    Connections add, the writer takes; both run on the same event loop. What
    was taken counts until `done`, as it is still in memory. The bounds are
    high-water marks: whoever adds asks `is_full` first.
    """

    def __init__(self, *, high_records: int, high_bytes: int) -> None:
        self._high_records = high_records
        self._high_bytes = high_bytes
        self._records: list[Record] = []
        self._sizes: list[int] = []
        self._rejects: list[Reject] = []
        # Of the records that came from the spool: how many had been added by
        # then, and the position behind each.
        self._marks: list[tuple[int, tuple[int, int]]] = []
        self._taken_total = 0
        self._held_records = 0
        self._held_bytes = 0
        self.oldest_at = 0.0
        self.arrived = asyncio.Event()
        self.enough = asyncio.Event()
        self._enough_records = 1
        self.room = asyncio.Event()
        self.room.set()
        self._was_full = False
        self.closing = False
        self.unkept_rejects_total = 0

    @property
    def waiting_records(self) -> int:
        """How many records are in memory, those being written included."""
        return self._held_records

    @property
    def waiting_bytes(self) -> int:
        """How much memory they take, about."""
        return self._held_bytes

    @property
    def is_full(self) -> bool:
        """Whether a bound is reached."""
        return (
            self._held_records >= self._high_records
            or self._held_bytes >= self._high_bytes
        )

    def add(self, record: Record, size_bytes: int) -> None:
        """Add a record whose payload had `size_bytes`."""
        records = self._records
        records.append(record)
        self._sizes.append(size_bytes)
        self._held_records += 1
        self._held_bytes += size_bytes
        if len(records) == 1:
            self.oldest_at = time.monotonic()
            self.arrived.set()
        if len(records) == self._enough_records:
            self.enough.set()
        if not self._was_full and self.is_full:
            self._was_full = True
            self.room.clear()

    def mark(self, segment: int, offset: int) -> None:
        """Note that what was added last was behind this place in the spool."""
        added = self._taken_total + len(self._records)
        self._marks.append((added, (segment, offset)))

    def add_reject(self, reject: Reject) -> None:
        """Add a reject; beyond a bound it is only counted."""
        if len(self._rejects) >= MAX_WAITING_REJECTS:
            self.unkept_rejects_total += 1
            return
        if not self._rejects and not self._records:
            self.oldest_at = time.monotonic()
        self._rejects.append(reject)
        self.arrived.set()

    def has_enough(self, records: int) -> bool:
        """Tell whether so many records wait; if not, `enough` tells when they do.

        When closing, whatever waits is enough.
        """
        if self.closing or len(self._records) >= records:
            return True
        self._enough_records = records
        self.enough.clear()
        return False

    def take(self, most_records: int) -> Batch:
        """Take up to `most_records` of the oldest records, and all rejects."""
        records = self._records[:most_records]
        size_bytes = sum(self._sizes[:most_records])
        del self._records[:most_records]
        del self._sizes[:most_records]
        rejects, self._rejects = self._rejects, []
        if not self._records and not self.closing:
            self.arrived.clear()
        self._taken_total += len(records)
        return Batch(records, rejects, size_bytes, self._take_marks())

    def _take_marks(self) -> tuple[int, int] | None:
        """Return the position behind what has been taken, if it is a new one."""
        marks = self._marks
        count = 0
        while count < len(marks) and marks[count][0] <= self._taken_total:
            count += 1
        if not count:
            return None
        position = marks[count - 1][1]
        del marks[:count]
        return position

    def put_back(self, batch: Batch, done_records: int) -> None:
        """Put back what was taken last and could not be stored.

        The first `done_records` of it need not be kept any more.
        """
        rest = batch.records[done_records:]
        self._records[:0] = rest
        self._sizes[:0] = [0] * len(rest)
        self._rejects[:0] = batch.rejects
        self._held_records -= done_records
        self._taken_total -= len(rest)

    def done(self, batch: Batch) -> None:
        """Release a batch that is stored, or given up."""
        self._held_records -= len(batch.records)
        self._held_bytes -= batch.size_bytes
        if self._was_full and not self.is_full:
            self._was_full = False
            self.room.set()

    def close(self) -> None:
        """Let the writer finish what is there and end."""
        self.closing = True
        self.arrived.set()
        self.enough.set()
