"""Processes of this host, as far as /proc shows them to this user."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """A process: who it is, and whose rights it has.

    `descriptors`: how many files it may open; None: not known.
    """

    pid: int
    name: str
    uid: int
    groups: frozenset[int]
    descriptors: int | None = None

    def __str__(self) -> str:
        return f"{self.name} (PID {self.pid}, user {user_name(self.uid)})"


def user_name(uid: int) -> str:
    """Return the name of a user, or the number of one without."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def this_user() -> Process:
    """Return this very process, as what may do what this user may."""
    groups = frozenset({os.getegid(), *os.getgroups()})
    return Process(os.getpid(), "this command", os.geteuid(), groups)


def process(pid: int) -> Process | None:
    """Return a process; None where it is not there, or not shown."""
    folder = PROC / str(pid)
    try:
        status = (folder / "status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    try:
        limits = (folder / "limits").read_text(encoding="ascii", errors="replace")
    except OSError:
        limits = ""
    return parse_process(pid, status, limits)


def parse_process(pid: int, status: str, limits: str) -> Process | None:
    """Read what /proc/PID/status and /proc/PID/limits say (proc(5))."""
    fields = {
        name: rest.split()
        for name, _, rest in (line.partition(":") for line in status.splitlines())
    }
    try:
        # Real, effective, saved, of the file system.
        uid, gid = int(fields["Uid"][1]), int(fields["Gid"][1])
        groups = frozenset({gid, *map(int, fields.get("Groups", []))})
    except (KeyError, IndexError, ValueError):
        return None
    name = " ".join(fields.get("Name", [])) or "?"
    return Process(pid, name, uid, groups, _open_files(limits))


def _open_files(limits: str) -> int | None:
    for line in limits.splitlines():
        if line.startswith("Max open files"):
            soft = line.removeprefix("Max open files").split()[0]
            return int(soft) if soft.isdecimal() else None
    return None


def open_files(pid: int) -> Iterator[Path]:
    """Yield the descriptors of a process as links; none where they are hidden."""
    try:
        yield from (PROC / str(pid) / "fd").iterdir()
    except OSError:
        return


def pids() -> list[int]:
    """Return the numbers of all processes that are shown."""
    try:
        return sorted(int(e.name) for e in PROC.iterdir() if e.name.isdecimal())
    except OSError:
        return []
