"""Histogram: counts over time, or over anything, as bars stacked by level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from collector.cli.rendering.bars import Bars
from collector.cli.rendering.columns import display_width, padded, shortened
from collector.cli.rendering.levels import LevelGroup
from collector.cli.rendering.printable import one_line

_LEAST_BAR: Final = 8


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bar: its label, and how many records each group of levels has."""

    label: str
    counts: Mapping[LevelGroup, int]

    @property
    def total(self) -> int:
        """How many records there are."""
        return sum(self.counts.values())


def histogram(
    buckets: Sequence[Bucket], *, width: int, color: bool, unicode: bool
) -> str:
    """Return a bar a line for each bucket, its count beside it, then a legend.

    All fit into `width` places if that is not tiny. Empty buckets are shown.
    """
    if not buckets:
        return ""
    bars = Bars(color=color, unicode=unicode)
    gap = "…" if unicode else "..."
    totals = [f"{bucket.total:,}" for bucket in buckets]
    most = max(bucket.total for bucket in buckets)
    count_width = max(map(len, totals))
    labels = [one_line(bucket.label) for bucket in buckets]
    room = max(len(gap), width - count_width - 3 - _LEAST_BAR)
    label_width = min(max(map(display_width, labels)), room)
    places = max(_LEAST_BAR, width - count_width - label_width - 3)
    lines = [
        f"{padded(shortened(label, label_width, gap=gap), label_width)}  "
        f"{bars.bar(bucket.counts, most=most, places=places)} {total:>{count_width}}"
        for label, bucket, total in zip(labels, buckets, totals, strict=True)
    ]
    present = {g for bucket in buckets for g, count in bucket.counts.items() if count}
    if present:
        lines.append(f"{' ' * label_width}  {bars.legend(present)}")
    return "\n".join(lines) + "\n"
