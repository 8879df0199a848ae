"""The file system of the database: of which type, and how much room it has."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from collector.doctor.finding import Finding, failed, ok, skipped, warning
from collector.doctor.mounts import Mount, mount_of
from collector.store.database import WAL_LIMIT_BYTES
from collector.store.disk import FREE_BYTES, free_bytes

# The log's index is memory that all who use a database share, so they must be
# on one host: https://www.sqlite.org/wal.html
NETWORK_KINDS: Final = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "davfs"),
        *("glusterfs", "lustre", "gfs2", "ocfs2", "beegfs", "fuse.sshfs"),
        *("fuse.glusterfs", "fuse.s3fs", "fuse.rclone", "fuse.davfs"),
    }
)
SHARED_KINDS: Final = frozenset({"9p", "virtiofs", "vboxsf", "fuse.vmhgfs-fuse"})
MEMORY_KINDS: Final = frozenset({"tmpfs", "ramfs"})

_MEBIBYTE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes and files that a file system still takes; None: it does not tell."""

    free_bytes: int | None
    free_files: int | None


def room_of(path: Path) -> Room:
    """Return the room on the file system of a path's folder."""
    try:
        system = os.statvfs(path.parent)
    except OSError:
        return Room(None, None)
    # File systems without a fixed number of files tell of 0 in all.
    return Room(free_bytes(path), system.f_favail if system.f_files else None)


def look_at_file_system(step: str, path: Path) -> Finding:
    """Return what the file system of a path is fit for."""
    return judge_mount(step, path, mount_of(path))


def judge_mount(step: str, path: Path, mount: Mount | None) -> Finding:
    """Return whether a database can be kept on a file system."""
    if mount is None:
        return skipped(step, "this system does not tell its type")
    seen = f"{mount.kind}, mounted at {mount.point}"
    if mount.is_read_only:
        return failed(
            step,
            f"{seen}: read-only",
            f"mount -o remount,rw {shlex.quote(mount.point)}",
            "or name another place with --db",
        )
    if mount.kind in NETWORK_KINDS:
        return failed(
            step,
            f"{seen}: SQLite's write-ahead log does not work over a network",
            "keep the database on a disk of this host, such as "
            f"/var/lib/logcollector/{path.name}",
        )
    if mount.kind in SHARED_KINDS:
        return warning(
            step,
            f"{seen}: shared with another system, where locks may not hold",
            "keep the database on a disk of this system's own",
        )
    if mount.kind in MEMORY_KINDS:
        return warning(
            step,
            f"{seen}: what is there is gone after a restart of the host",
            "keep the database on a disk",
        )
    if mount.kind == "overlay":
        return warning(
            step,
            f"{seen}: the database ends with its container",
            "keep it on a volume",
        )
    return ok(step, seen)


def judge_room(step: str, room: Room, spool_bytes: int) -> Finding:
    """Return whether there is room for what may come.

    `spool_bytes`: how much the spool may still take on this file system.
    """
    if room.free_bytes is None:
        return skipped(step, "the file system does not tell its room")
    free = f"{room.free_bytes // _MEBIBYTE:,} MiB free"
    advice = (
        "make room on it, or move the database (stop the collector first)",
        "logcollector db prune --help   # or, for always, [retention] in the settings",
    )
    if room.free_bytes < FREE_BYTES:
        return failed(step, f"{free}: the disk is full", *advice)
    if room.free_files is not None and room.free_files < 10:
        return failed(step, f"no more files ({room.free_files} inodes free)", *advice)
    wanted = 2 * WAL_LIMIT_BYTES + spool_bytes
    if room.free_bytes < wanted:
        return warning(
            step,
            f"{free}: the spool and the write-ahead log may need "
            f"{wanted // _MEBIBYTE:,} MiB",
            "make room, set spool_max_bytes lower, or put the spool on another disk",
        )
    return ok(step, free)
