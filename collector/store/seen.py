"""What was seen, and how often, in two times that are compared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from collector.store.error_groups import ErrorGroup
from collector.store.moved import CallSite
from collector.store.processes import Run
from collector.store.rates import Rate, change, has_changed


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
