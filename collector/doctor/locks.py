"""Locks on files, from /proc/locks: seen without taking or asking for any.

To try a lock would be to hold it for a moment, in which a collector that
starts would find the database taken.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from collector.doctor.processes import PROC, open_files

Device = tuple[int, int]

# Of the file with the index of the write-ahead log, the byte that a writer
# locks: https://www.sqlite.org/walformat.html
WRITE_LOCK_BYTE: Final = 120


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock that a process holds on a file, from byte `start` on."""

    kind: Literal["FLOCK", "POSIX"]
    exclusive: bool
    pid: int
    device: Device
    inode: int
    start: int


def read_locks() -> list[Lock] | None:
    """Return all locks; None where the system does not tell."""
    try:
        return parse_locks((PROC / "locks").read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError):
        return None


def parse_locks(text: str) -> list[Lock]:
    """Read what /proc/locks says; what is no such line is left out."""
    found = []
    for line in text.splitlines():
        match line.split():
            # A second column of -> is somebody who waits.
            case [_, "FLOCK" | "POSIX" as kind, _, access, pid, file, start, _]:
                try:
                    major, minor, inode = file.split(":")
                    device = int(major, 16), int(minor, 16)
                    found.append(
                        Lock(
                            "FLOCK" if kind == "FLOCK" else "POSIX",
                            access == "WRITE",
                            int(pid),
                            device,
                            int(inode),
                            int(start),
                        )
                    )
                except ValueError:
                    continue
            case _:
                continue
    return found


def device_of(status: os.stat_result) -> Device:
    """Return the device of a file as /proc writes it."""
    return os.major(status.st_dev), os.minor(status.st_dev)


def claimant(
    locks: Iterable[Lock], inode: int, devices: Iterable[Device]
) -> int | None:
    """Return the PID of the collector that has claimed a database (flock(2))."""
    for lock in locks:
        if lock.kind == "FLOCK" and lock.exclusive and _is_of(lock, inode, devices):
            return lock.pid
    return None


def writer(locks: Iterable[Lock], inode: int, devices: Iterable[Device]) -> int | None:
    """Return the PID of who is in a write transaction, by the -shm file's inode."""
    for lock in locks:
        if (
            lock.kind == "POSIX"
            and lock.exclusive
            and lock.start == WRITE_LOCK_BYTE
            and _is_of(lock, inode, devices)
        ):
            return lock.pid
    return None


def _is_of(lock: Lock, inode: int, devices: Iterable[Device]) -> bool:
    return lock.inode == inode and lock.device in devices


def claimed_files(locks: Iterable[Lock], pid: int) -> list[Path]:
    """Return the files that a process has claimed; [] where they are hidden."""
    claimed = {lock.inode for lock in locks if lock.pid == pid and lock.kind == "FLOCK"}
    found = set()
    for link in open_files(pid):
        try:
            status = link.stat()
            if status.st_ino in claimed and stat.S_ISREG(status.st_mode):
                found.add(link.readlink())
        except OSError:
            continue
    return sorted(found)
