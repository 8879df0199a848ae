"""A snapshot: the Status of the parts of a daemon, as they are just now."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from collector import __version__
from collector.emit.emitter import Emitter
from collector.intake.listener import Listener
from collector.intake.receiver import Receiver
from collector.loop_lag import LoopLag
from collector.status import Distribution, Problem, State, Status
from collector.storage import Storage
from collector.store.disk import FREE_BYTES, file_bytes, free_bytes, log_bytes

# A call of a disk that takes longer is a problem, whatever holds it up.
SLOW_COMMIT_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a daemon consists of; None for what is not there (yet)."""

    state: State
    # By the wall clock, and by the monotonic one.
    started: float
    started_at: float
    storage: Storage | None
    receiver: Receiver | None
    listener: Listener | None
    # Those in use, and what earlier ones had counted.
    emitters: Sequence[Emitter]
    emitted_before: int
    dropped_before: int
    loop_lag: LoopLag


def take_snapshot(parts: Parts) -> Status:
    """Return the Status; asks the file system for sizes, and nothing else."""
    receiver, listener, storage = parts.receiver, parts.listener, parts.storage
    writer = storage.writer if storage else None
    indexer = storage.indexer if storage else None
    overflow = storage.overflow if storage else None
    spooler = storage.spooler if storage else None
    names = receiver.refused_globals if receiver else None
    path = storage.database.path if storage else None
    problems = find_problems(
        writer_fault=writer.fault if writer else "",
        writer_hung=writer is not None and writer.is_hung(SLOW_COMMIT_SECONDS),
        spooling=overflow is not None and overflow.active,
        spool_fault=spooler.fault if spooler else "",
        spool_hung=spooler is not None and spooler.is_hung(SLOW_COMMIT_SECONDS),
        shedding=receiver is not None and receiver.is_shedding,
        crowded=listener is not None and listener.is_full,
        free_bytes=free_bytes(path) if path else None,
    )
    is_well = parts.state != "ready" or not problems
    return Status(
        state=parts.state if is_well else "problems",
        problems=problems,
        version=__version__,
        started=parts.started,
        uptime_seconds=time.monotonic() - parts.started_at,
        addresses=tuple(map(str, listener.addresses)) if listener else (),
        connections=listener.connections if listener else 0,
        connections_refused_total=dict(listener.refused_total) if listener else {},
        peers_vanished_total=listener.vanished_total if listener else 0,
        received_total=receiver.received_total if receiver else 0,
        recovered_total=receiver.recovered_total if receiver else 0,
        rejected_total=dict(receiver.rejected_total) if receiver else {},
        shed_total=dict(receiver.shed_total) if receiver else {},
        shed_by_peer_total=dict(receiver.shed_by_peer_total) if receiver else {},
        refused_names_total=dict(names.refused_total) if names else {},
        dangerous_names_total=dict(names.dangerous_total) if names else {},
        spilled_total=overflow.spilled_total if overflow else 0,
        spool_records=spooler.waiting_records if spooler else 0,
        spool_bytes=overflow.spool_bytes if overflow else 0,
        waiting_records=storage.backlog.waiting_records if storage else 0,
        waiting_bytes=storage.backlog.waiting_bytes if storage else 0,
        database=str(path or ""),
        stored_total=writer.stored_total if writer else 0,
        refused_by_sqlite_total=writer.refused_total if writer else 0,
        replaced_total=storage.database.generation if storage else 0,
        pruned_total=dict(storage.pruner.removed_total) if storage else {},
        database_bytes=file_bytes(path) if path else 0,
        wal_bytes=log_bytes(path) if path else 0,
        commits=storage.commits.distribution() if storage else Distribution(),
        last_commit_age_seconds=storage.commits.last_age_seconds if storage else None,
        index_lag_records=indexer.lag_records if indexer else 0,
        emitted_total=parts.emitted_before
        + sum(emitter.emitted_total for emitter in parts.emitters),
        lines_dropped_total=parts.dropped_before
        + sum(emitter.dropped_total for emitter in parts.emitters),
        loop_lag_seconds=parts.loop_lag.seconds,
    )


def find_problems(
    *,
    writer_fault: str,
    writer_hung: bool,
    spooling: bool,
    spool_fault: str,
    spool_hung: bool,
    shedding: bool,
    crowded: bool,
    free_bytes: int | None,
) -> tuple[Problem, ...]:
    """Return what is the matter.

    A fault is what keeps a part from writing, "" for none; a part is hung in
    one call that does not end. `free_bytes`: room on the database's file
    system, None where that is not known.
    """
    found: list[Problem] = []
    if writer_fault:
        text = f"the database cannot be written: {writer_fault}"
        found.append(Problem("writer_stalled", text))
    elif writer_hung:
        found.append(Problem("writer_stalled", "a transaction does not end"))
    if free_bytes is not None and free_bytes < FREE_BYTES:
        text = f"the database's file system has {free_bytes // 1024} KiB left"
        found.append(Problem("disk_full", text))
    if spooling:
        found.append(Problem("spooling", "records go to the spool"))
    if spool_fault:
        text = f"the spool cannot be written: {spool_fault}"
        found.append(Problem("degraded", text))
    elif spool_hung:
        found.append(Problem("degraded", "the spool's disk does not answer"))
    if shedding:
        found.append(Problem("shedding", "no room is left, records are shed"))
    if crowded:
        found.append(Problem("crowded", "no room for more connections"))
    return tuple(found)
