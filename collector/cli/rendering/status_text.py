"""A Status as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Final

from collector.cli.rendering.printable import one_line
from collector.status import Distribution, Status

# Reasons and peers that are told, the most frequent ones.
MOST_TOLD: Final = 5

_UNITS: Final = ("KiB", "MiB", "GiB", "TiB")


def status_text(status: Status, before: Status | None) -> str:
    """Return aligned lines; with an earlier Status, rates since then as well."""
    up = span(status.uptime_seconds)
    lines = [f"logcollector {status.version}: {status.state}, up {up}"]
    lines += [f"  ! {p.name}: {p.text}" for p in status.problems]
    lines += [f"  {name:<20}{value}".rstrip() for name, value in _rows(status, before)]
    # What a server says must not steer the terminal.
    return "\n".join(one_line(line) for line in lines)


def _rows(status: Status, before: Status | None) -> Iterator[tuple[str, str]]:
    def counted(now: int, then: int) -> str:
        if before is None:
            return f"{now:>13,}"
        seconds = status.uptime_seconds - before.uptime_seconds
        rate = (now - then) / seconds if seconds > 0 else 0.0
        return f"{now:>13,}{rate:>13,.1f}/s"

    old = before or status
    yield "listening on", ", ".join(status.addresses)
    yield "connections", f"{status.connections:>13,}"
    yield "received", counted(status.received_total, old.received_total)
    if status.recovered_total:
        yield "recovered", f"{status.recovered_total:>13,}"
    if status.database:
        yield "stored", counted(status.stored_total, old.stored_total)
    for name, now, then in (
        ("rejected", status.rejected_total, old.rejected_total),
        ("shed", status.shed_total, old.shed_total),
        (
            "connections refused",
            status.connections_refused_total,
            old.connections_refused_total,
        ),
    ):
        total = counted(sum(now.values()), sum(then.values()))
        yield name, total + _most(now)
    if status.shed_by_peer_total:
        yield "shed, by peer", " " * 13 + _most(status.shed_by_peer_total)
    if status.refused_names_total:
        refused = sum(status.refused_names_total.values())
        dangerous = sum(status.dangerous_names_total.values())
        yield "names in pickles", f"{refused:>13,}  {dangerous:,} of them dangerous"
    if status.refused_by_sqlite_total:
        yield "refused by SQLite", f"{status.refused_by_sqlite_total:>13,}"
    yield "lines shown", counted(status.emitted_total, old.emitted_total)
    yield "lines dropped", counted(status.lines_dropped_total, old.lines_dropped_total)
    yield "waiting", f"{status.waiting_records:>13,}  {size(status.waiting_bytes)}"
    if status.spilled_total or status.spool_bytes:
        records = "?" if status.spool_records is None else f"{status.spool_records:,}"
        yield "in the spool", f"{records:>13}  {size(status.spool_bytes)}"
        yield "spilled", counted(status.spilled_total, old.spilled_total)
    if status.database:
        sizes = f"{size(status.database_bytes)}, log {size(status.wal_bytes)}"
        yield "database", f"{status.database}, {sizes}"
        if status.replaced_total:
            yield "damaged, set aside", f"{status.replaced_total:>13,}"
        if status.pruned_total:
            pruned = sum(status.pruned_total.values())
            yield "removed, by retention", f"{pruned:>13,}{_most(status.pruned_total)}"
        yield "commits", _commits(status)
        yield "not indexed yet", f"{status.index_lag_records:>13,}"
    yield "loop lag", f"{status.loop_lag_seconds * 1000:.0f} ms at worst"


def _most(counts: Mapping[str, int]) -> str:
    """Return the largest counts with their names."""
    items = sorted(counts.items(), key=lambda item: -item[1])
    told = [f"{name} {count:,}" for name, count in items[:MOST_TOLD] if count]
    if len(items) > MOST_TOLD:
        told.append(f"{len(items) - MOST_TOLD} more")
    return f"  {', '.join(told)}" if told else ""


def _commits(status: Status) -> str:
    age = status.last_commit_age_seconds
    if age is None:
        return "none yet"
    median, late = (quantile(status.commits, part) for part in (0.5, 0.99))
    return f"half within {median}, 99 % within {late}; the last {span(age)} ago"


def quantile(times: Distribution, part: float) -> str:
    """Return the bound that a part (0 to 1) of the durations kept within."""
    wanted = part * times.total
    for bound, count in zip(times.bounds, accumulate(times.counts), strict=False):
        if count >= wanted:
            return f"{bound * 1000:g} ms" if bound < 1 else f"{bound:g} s"
    return f"more than {times.bounds[-1]:g} s" if times.bounds else "?"


def span(seconds: float) -> str:
    """Return a length of time in its two largest units."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def size(count: int) -> str:
    """Return a number of bytes in a unit that fits."""
    if count < 1024:
        return f"{count} bytes"
    power = min((count.bit_length() - 1) // 10, len(_UNITS))
    return f"{count / 1024**power:.1f} {_UNITS[power - 1]}"
