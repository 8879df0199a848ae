"""Who writes to the database: the collector that has claimed it, or others."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from collector.doctor.commands import Commands
from collector.doctor.finding import Finding, failed, ok, skipped, warning
from collector.doctor.locks import (
    Device,
    Lock,
    claimant,
    device_of,
    read_locks,
    writer,
)
from collector.doctor.mounts import mount_of
from collector.doctor.processes import Process, process
from collector.store.checkpointer import TOO_LARGE_BYTES
from collector.store.disk import log_bytes

Find = Callable[[Iterable[Lock], int, Iterable[Device]], int | None]

STEP: Final = "collector"
LOG_STEP: Final = "write-ahead log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holders:
    """Who has a database.

    `is_known` False: the system does not tell. `collector` and `writer` are
    PIDs of the collector, and of who is in a write transaction at this moment;
    None: nobody. A process that is not shown has only a PID.
    """

    is_known: bool
    collector: int | None = None
    writer: int | None = None
    process: Process | None = None


def look_for_holders(path: Path, locks: list[Lock] | None = None) -> Holders:
    """Return who has a database; asks for no lock."""
    locks = read_locks() if locks is None else locks
    if locks is None:
        return Holders(is_known=False)
    try:
        pid = _of_file(path, locks, claimant)
        writing = _of_file(Path(f"{path.resolve()}-shm"), locks, writer)
    except (PermissionError, RuntimeError):
        # A folder that is closed, or links that lead in a circle.
        return Holders(is_known=False)
    return Holders(
        is_known=True,
        collector=pid,
        writer=writing,
        process=process(pid) if pid else None,
    )


def _of_file(path: Path, locks: list[Lock], find: Find) -> int | None:
    try:
        status = path.stat()
    except PermissionError:
        raise
    except OSError:
        return None
    devices = {device_of(status)}
    mount = mount_of(path)
    if mount is not None:
        # Where they differ, as on btrfs, a lock has the one of the mount.
        devices.add(mount.device)
    return find(locks, status.st_ino, devices)


def named(pid: int) -> str:
    """Return a process in words."""
    return str(process(pid) or f"PID {pid}")


def judge_holders(holders: Holders, commands: Commands, *, is_there: bool) -> Finding:
    """Return whether a collector stores into the database."""
    if not holders.is_known:
        return skipped(STEP, "who has the database locked is not shown to this user")
    if holders.collector is not None:
        who = holders.process or f"PID {holders.collector}"
        return ok(STEP, f"{who} stores into this database")
    seen = "no collector stores into this database"
    if not is_there:
        seen = "no collector has made this database yet"
    return failed(
        STEP,
        seen,
        f"{commands.start}   # or: systemctl start logcollector",
        "if one runs, it has other settings: give --config or --db as it has them",
    )


def judge_log(path: Path, holders: Holders) -> Finding:
    """Return whether writing goes on, and the write-ahead log is small."""
    size = log_bytes(path)
    seen = f"{size / 1_000_000:,.1f} MB"
    if holders.writer is not None and holders.writer != holders.collector:
        return warning(
            LOG_STEP,
            f"{seen}; {named(holders.writer)}, which is not the collector, is in a "
            "write transaction: records wait in the spool meanwhile",
            f"let it end its transaction, or end it: kill {holders.writer}",
        )
    if size > TOO_LARGE_BYTES:
        return warning(
            LOG_STEP,
            f"{seen}: a program has been reading in one transaction for long, or no "
            "collector has closed the database",
            f"see who has it open: fuser -v {shlex.quote(f'{path}-shm')}",
        )
    return ok(LOG_STEP, seen)
