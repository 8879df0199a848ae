"""Buckets: equal pieces of time, as the clock on the wall has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import Final

from collector.store.rolling_up import DAY, HOUR, MINUTE

# The lengths that a histogram chooses from.
NICE_SECONDS: Final = (
    *(MINUTE * n for n in (1, 2, 5, 10, 15, 30)),
    *(HOUR * n for n in (1, 2, 3, 6, 12)),
    *(DAY * n for n in (1, 2, 7, 14, 28, 91, 364)),
)

# So many empty buckets between two others are shown.
MOST_EMPTY: Final = 500


def nice_seconds(span_seconds: float, most_buckets: int) -> int:
    """Return the least nice length of which not too many buckets make a span."""
    for seconds in NICE_SECONDS:
        if span_seconds / seconds <= most_buckets:
            return seconds
    return NICE_SECONDS[-1]


@dataclass(frozen=True, slots=True)
class Buckets:
    """Buckets of `seconds` (a divisor or a multiple of a day) in a zone."""

    seconds: int
    zone: tzinfo

    def rollup_seconds(self) -> int:
        """Return the longest rollups, of UTC, that fit into these buckets."""
        if self.zone is UTC and self.seconds % DAY == 0:
            return DAY
        return HOUR if self.seconds % HOUR == 0 and self._has_whole_hours() else MINUTE

    def start(self, epoch: int) -> int:
        """Return the epoch second at which the bucket of a moment begins.

        A moment that no calendar has is a bucket of its own.
        """
        try:
            local = datetime.fromtimestamp(epoch, self.zone)
            if self.seconds >= DAY:
                days = self.seconds // DAY
                day = local.date().toordinal()
                # Weeks begin on a Monday, as the day 1 of the calendar did.
                first = date.fromordinal((day - 1) // days * days + 1)
                midnight = datetime.combine(first, time(), self.zone)
                return int(midnight.timestamp())
            second = (local.hour * 60 + local.minute) * 60 + local.second
            wall = datetime.combine(local, time(), self.zone) + timedelta(
                seconds=second // self.seconds * self.seconds
            )
            # An hour that comes twice is two buckets, and part of one longer one.
            fold = local.fold if self.seconds <= HOUR else 0
            return int(wall.replace(fold=fold).timestamp())
        except (ValueError, OverflowError, OSError):
            return epoch

    def label(self, start: int) -> str:
        """Return when a bucket begins, as short as is clear."""
        try:
            local = datetime.fromtimestamp(start, self.zone)
        except (ValueError, OverflowError, OSError):
            return str(start)
        if self.seconds >= DAY:
            return f"{local:%Y-%m-%d %a}"
        comes_twice = (
            local.replace(fold=1 - local.fold).utcoffset() != local.utcoffset()
        )
        suffix = "Z" if self.zone is UTC else f"{local:%z}" if comes_twice else ""
        return f"{local:%Y-%m-%d %H:%M}{suffix}"

    def filled(self, starts: list[int]) -> list[int]:
        """Return the starts, sorted, with those of the empty buckets between them.

        Where very many are empty, a clock was wrong: these are left out.
        """
        known = sorted(starts)
        filled = set(known)
        for first, last in pairwise(known):
            if (last - first) / self.seconds <= MOST_EMPTY:
                filled.update(self._between(first, last))
        return sorted(filled)

    def _has_whole_hours(self) -> bool:
        # Now is not enough: some zones were, or are half of the year, off by
        # half an hour.
        until = int(datetime.now(UTC).timestamp()) + 364 * DAY
        offsets = {
            datetime.fromtimestamp(moment, self.zone).utcoffset() or timedelta()
            for moment in range(0, until, 28 * DAY)
        }
        return all(offset.total_seconds() % HOUR == 0 for offset in offsets)

    def _between(self, first: int, last: int) -> Iterator[int]:
        start = first
        while (start := self._following(start)) < last:
            yield start

    def _following(self, start: int) -> int:
        # A bucket may be longer where the clock is put back.
        return next(
            following
            for more in range(0, DAY + 1, HOUR // 2)
            if (following := self.start(start + self.seconds + more)) > start
        )
