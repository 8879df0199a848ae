"""The file system that a path is on, from /proc/self/mountinfo."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from collector.doctor.locks import Device
from collector.doctor.processes import PROC


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted file system; `kind` is its type, such as ext4."""

    point: str
    kind: str
    is_read_only: bool
    device: Device


def mount_of(path: Path) -> Mount | None:
    """Return what a path, or the folder it would be in, is on; None: not told."""
    try:
        text = (PROC / "self" / "mountinfo").read_text(errors="surrogateescape")
    except OSError:
        return None
    try:
        whole = path.resolve()
    except (OSError, RuntimeError):
        # Links that lead in a circle.
        whole = path.absolute()
    return find_mount(parse_mounts(text), whole)


def parse_mounts(text: str) -> list[Mount]:
    """Read what /proc/self/mountinfo says (proc(5))."""
    found = []
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        left, right = before.split(), after.split()
        try:
            major, _, minor = left[2].partition(":")
            device = int(major), int(minor)
            options = {*left[5].split(","), *right[2].split(",")}
            found.append(Mount(_plain(left[4]), right[0], "ro" in options, device))
        except (IndexError, ValueError):
            continue
    return found


def find_mount(mounts: list[Mount], path: Path) -> Mount | None:
    """Return the mount that a whole path leads to."""
    best: Mount | None = None
    for mount in mounts:
        is_nearer = best is None or len(mount.point) >= len(best.point)
        if is_nearer and path.is_relative_to(mount.point):
            # Of two at one point the later one hides the other.
            best = mount
    return best


def _plain(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
