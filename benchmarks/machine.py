"""The machine and the versions that the figures belong to."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import time
from pathlib import Path


def describe(folder: Path, versions: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return named facts; `folder` is where the databases are written."""
    return [
        ("date", time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())),
        ("CPU", find(r"^model name\s*:\s*(.+)$", "/proc/cpuinfo")),
        ("cores", str(len(os.sched_getaffinity(0)))),
        ("memory", memory()),
        ("kernel", f"{platform.system()} {platform.release()} {platform.machine()}"),
        ("file system", file_system(folder)),
        ("Python", f"{platform.python_implementation()} {platform.python_version()}"),
        ("SQLite", sqlite3.sqlite_version),
        *versions,
    ]


def memory() -> str:
    """Return how much memory there is."""
    kilobytes = find(r"^MemTotal:\s+(\d+) kB$", "/proc/meminfo")
    return f"{int(kilobytes) / 2**20:.1f} GiB" if kilobytes.isdigit() else kilobytes


def file_system(folder: Path) -> str:
    """Return the type of the file system that holds the folder.

    It matters because a commit waits for it: on tmpfs it waits for nothing.
    """
    best = ("", "unknown")
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, mounted, kind, *_ = line.split(" ")
        if folder.resolve().is_relative_to(mounted) and len(mounted) >= len(best[0]):
            best = (mounted, kind)
    return best[1]


def find(pattern: str, path: str) -> str:
    """Return the pattern's group in the file, or `unknown`."""
    found = re.search(pattern, Path(path).read_text(), re.MULTILINE)
    return found[1] if found else "unknown"
