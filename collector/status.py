"""Status: how a running daemon does, as one value, and as words.

All that shows the state of a daemon is made of a Status: the line for systemd,
the line in the log, the HTTP pages, `logcollector status`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

# Reasons or peers that a line names.
MOST_TOLD: Final = 5

State = Literal["starting", "ready", "problems", "stopping"]


@dataclass(frozen=True, slots=True)
class Problem:
    """What keeps the daemon from being well: a fixed name, and words for people."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Distribution:
    """How often a duration fell below each of some bounds.

    `bounds` are upper ones in seconds, rising; `counts` are of each bound alone
    and have one more at the end, for what is above all of them.
    """

    bounds: tuple[float, ...] = ()
    counts: tuple[int, ...] = (0,)
    sum_seconds: float = 0.0

    @property
    def total(self) -> int:
        """How many durations there were."""
        return sum(self.counts)


def _counts() -> dict[str, int]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What came in, what became of it, and what is going on.

    Counters (`_total`) are since the start, those with reasons or peers by
    those. `started` is in epoch seconds. received_total + recovered_total =
    stored + refused by SQLite + rejected + shed + what waits, here and in the
    spool (with a database).
    """

    state: State = "starting"
    problems: tuple[Problem, ...] = ()
    version: str = ""
    started: float = 0.0
    uptime_seconds: float = 0.0
    addresses: tuple[str, ...] = ()

    connections: int = 0
    connections_refused_total: Mapping[str, int] = field(default_factory=_counts)
    # Peers that no longer answered, so that their connections were closed.
    peers_vanished_total: int = 0

    received_total: int = 0
    recovered_total: int = 0
    rejected_total: Mapping[str, int] = field(default_factory=_counts)
    shed_total: Mapping[str, int] = field(default_factory=_counts)
    shed_by_peer_total: Mapping[str, int] = field(default_factory=_counts)
    # Names in pickles that were not called, by peer, and those of an attack.
    refused_names_total: Mapping[str, int] = field(default_factory=_counts)
    dangerous_names_total: Mapping[str, int] = field(default_factory=_counts)
    spilled_total: int = 0
    waiting_records: int = 0
    waiting_bytes: int = 0
    # None: not known.
    spool_records: int | None = 0
    spool_bytes: int = 0

    # Empty: nothing is stored.
    database: str = ""
    stored_total: int = 0
    refused_by_sqlite_total: int = 0
    # Damaged databases that were set aside.
    replaced_total: int = 0
    # Records removed by retention, by what they exceeded: age, size.
    pruned_total: Mapping[str, int] = field(default_factory=_counts)
    database_bytes: int = 0
    wal_bytes: int = 0
    commits: Distribution = field(default_factory=Distribution)
    # None: there was none yet.
    last_commit_age_seconds: float | None = None
    index_lag_records: int = 0

    emitted_total: int = 0
    lines_dropped_total: int = 0

    loop_lag_seconds: float = 0.0

    @property
    def is_well(self) -> bool:
        """Whether it takes records, and nothing is the matter."""
        return self.state == "ready" and not self.problems


# What is told of one, where it is not what is told of many.
_OF_ONE: Final = {
    "connections": "connection",
    "connections refused": "connection refused",
    "damaged databases set aside": "damaged database set aside",
    "dangerous names in pickles": "dangerous name in pickles",
    "lines dropped": "line dropped",
    "peers vanished": "peer vanished",
}


def status_line(status: Status) -> str:
    """Return one line for people: what came in, what became of it."""
    if status.state == "starting":
        return "starting"
    parts = [
        _counted(status.connections, "connections"),
        f"{status.received_total} received",
    ]
    if status.database:
        parts.append(f"{status.stored_total} stored")
    parts += [_counted(count, name) for name, count in _others(status) if count]
    parts += [problem.text for problem in status.problems]
    return ", ".join(parts)


def _others(status: Status) -> Iterator[tuple[str, int]]:
    """Yield what is told only when there is any, in the order of telling."""
    yield "recovered from the spool", status.recovered_total
    yield "waiting", status.waiting_records
    yield "rejected", sum(status.rejected_total.values())
    yield "shed", sum(status.shed_total.values())
    yield "refused", status.refused_by_sqlite_total
    yield "damaged databases set aside", status.replaced_total
    yield "removed by retention", sum(status.pruned_total.values())
    yield "lines dropped", status.lines_dropped_total
    yield "connections refused", sum(status.connections_refused_total.values())
    yield "peers vanished", status.peers_vanished_total
    yield "dangerous names in pickles", sum(status.dangerous_names_total.values())
    yield "in the spool", status.spool_records or 0


def summary(before: Status, after: Status) -> str:
    """Return one line on what happened between two states of one run.

    Empty when there is nothing to say: nothing came, nothing was lost, and
    nothing is the matter.
    """
    seconds = after.uptime_seconds - before.uptime_seconds
    received = after.received_total - before.received_total
    parts = [f"{received} received" + _rate(received, seconds)] if received else []
    for name, count in (
        ("stored", after.stored_total - before.stored_total),
        ("spilled", after.spilled_total - before.spilled_total),
        (
            "refused by SQLite",
            after.refused_by_sqlite_total - before.refused_by_sqlite_total,
        ),
        ("damaged databases set aside", after.replaced_total - before.replaced_total),
        ("lines dropped", after.lines_dropped_total - before.lines_dropped_total),
        (
            "removed by retention",
            sum(after.pruned_total.values()) - sum(before.pruned_total.values()),
        ),
        ("peers vanished", after.peers_vanished_total - before.peers_vanished_total),
    ):
        if count:
            parts.append(_counted(count, name))
    for name, old, new in (
        ("rejected", before.rejected_total, after.rejected_total),
        ("shed", before.shed_total, after.shed_total),
        (
            "connections refused",
            before.connections_refused_total,
            after.connections_refused_total,
        ),
        (
            "dangerous names in pickles",
            before.dangerous_names_total,
            after.dangerous_names_total,
        ),
    ):
        more = {key: count - old.get(key, 0) for key, count in new.items()}
        if any(more.values()):
            parts.append(f"{_counted(sum(more.values()), name)} ({_most(more)})")
    parts += [problem.text for problem in after.problems]
    if not parts:
        return ""
    if after.waiting_records:
        parts.append(f"{after.waiting_records} waiting")
    if after.spool_records:
        parts.append(f"{after.spool_records} in the spool")
    return f"in {seconds:.0f} s: {', '.join(parts)}"


def _counted(count: int, name: str) -> str:
    """Return a number with a name, which is one of many or no noun."""
    return f"{count} {_OF_ONE.get(name, name) if count == 1 else name}"


def _most(counts: Mapping[str, int]) -> str:
    """Return the largest counts: peers may be many."""
    most = sorted(counts.items(), key=lambda item: -item[1])
    told = [f"{key} {count}" for key, count in most[:MOST_TOLD] if count]
    if sum(count > 0 for count in counts.values()) > MOST_TOLD:
        told.append("...")
    return ", ".join(told)


def _rate(count: int, seconds: float) -> str:
    return f" ({count / seconds:.1f}/s)" if seconds > 0 else ""
