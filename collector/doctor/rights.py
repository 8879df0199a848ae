"""Permissions: what the collector may do with its files, and who else may."""

from __future__ import annotations

import os
import shlex
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from collector.doctor.commands import Commands
from collector.doctor.finding import Finding, failed, ok, skipped, warning
from collector.doctor.processes import Process, user_name
from collector.errors import StoreError
from collector.store.database import SIBLING_SUFFIXES, refuse_links

STEP: Final = "permissions"

READ: Final = 4
WRITE: Final = 2
ENTER: Final = 1
_ACCESS_LIST: Final = "system.posix_acl_access"
_WORDS: Final = {READ: "read", WRITE: "write", ENTER: "enter"}


@dataclass(frozen=True, slots=True)
class Place:
    """A file or folder, and what the collector needs to do with it.

    `has_list`: it has a list of access, which says more than the mode does.
    """

    path: Path
    mode: int
    uid: int
    gid: int
    needed: int
    has_list: bool = False

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return stat.S_ISDIR(self.mode)


def may(who: Process, place: Place) -> int:
    """Return what a user may do by a file's mode, if the mode tells."""
    if who.uid == 0 or place.has_list:
        return READ | WRITE | ENTER
    if who.uid == place.uid:
        return place.mode >> 6 & 7
    if place.gid in who.groups:
        return place.mode >> 3 & 7
    return place.mode & 7


def look_at_rights(
    database: Path, spool: Path, who: Process, commands: Commands
) -> Finding:
    """Return whether `who`, the collector, may do what it must."""
    try:
        refuse_links(database)
        places = _places(database, spool)
    except StoreError as error:
        return failed(STEP, str(error), "ls -l " + shlex.quote(f"{database}") + "*")
    except FileNotFoundError:
        folder = shlex.quote(str(database.parent))
        return failed(STEP, f"there is no folder {folder}", f"mkdir -p {folder}")
    except PermissionError as error:
        return skipped(
            STEP,
            f"{error.filename}: user {user_name(os.geteuid())} may not look at it",
            f"run this as root, or as the collector's user: {commands.again}",
        )
    except OSError as error:
        return failed(
            STEP,
            f"{error.filename or database}: {error.strerror}",
            "name another place with --db",
        )
    return judge_rights(places, who)


def _places(database: Path, spool: Path) -> list[Place]:
    # SQLite makes files beside the database, and removes them.
    places = [_place(database.parent, READ | WRITE | ENTER)]
    files = [database] + [Path(f"{database}{end}") for end in SIBLING_SUFFIXES]
    for path, needed in (
        *((file, READ | WRITE) for file in files),
        (spool, READ | WRITE | ENTER),
    ):
        try:
            places.append(_place(path, needed))
        except FileNotFoundError:
            if path == spool and spool.parent != database.parent:
                places.append(_place(spool.parent, WRITE | ENTER))
    return places


def _place(path: Path, needed: int) -> Place:
    status = path.stat()
    return Place(
        path, status.st_mode, status.st_uid, status.st_gid, needed, _has_list(path)
    )


def _has_list(path: Path) -> bool:
    try:
        return _ACCESS_LIST in os.listxattr(path)
    except (OSError, AttributeError):
        return False


def judge_rights(places: list[Place], who: Process) -> Finding:
    """Return what the collector's user lacks, or what everybody has too much of."""
    for place in places:
        lacking = place.needed & ~may(who, place)
        if lacking:
            words = " or ".join(word for bit, word in _WORDS.items() if lacking & bit)
            user = user_name(who.uid)
            path = shlex.quote(str(place.path))
            return failed(
                STEP,
                f"{place.path} is {_mode(place)}: {user} may not {words} it",
                f"chown {user} {path}   # as root, or start the collector as "
                f"{user_name(place.uid)}",
            )
    for place in places:
        path = shlex.quote(str(place.path))
        if place.is_folder and place.mode & 0o002 and not place.mode & stat.S_ISVTX:
            return warning(
                STEP,
                f"{place.path} is {_mode(place)}: every user of this host may remove "
                "or replace the files in it",
                f"chmod o-w {path}",
            )
        if not place.is_folder and place.mode & 0o006:
            words = "change" if place.mode & 0o002 else "read"
            return warning(
                STEP,
                f"{place.path} is {_mode(place)}: every user of this host may {words} "
                "the records",
                f"chmod o-rw {path}",
            )
    more = f", and {len(places) - 1} files and folders of it" if places[1:] else ""
    return ok(STEP, f"{user_name(who.uid)} may write to {places[0].path}{more}")


def _mode(place: Place) -> str:
    return f"{stat.S_IMODE(place.mode):04o} of {user_name(place.uid)}"
