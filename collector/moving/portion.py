"""A portion: some of what is imported, and how far it reaches."""

from __future__ import annotations

from dataclasses import dataclass, field

from collector.record import Record
from collector.store.rejects import Reject


@dataclass(slots=True)
class Portion:
    """Records and rejects in the order of their source.

    done: up to where the source has been read with this, of `total` in the
    same unit.
    """

    records: list[Record] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    done: int = 0
    total: int = 0
