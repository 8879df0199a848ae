"""The database itself: whether it is one of ours, and what can be read of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from collector.doctor.commands import Commands
from collector.doctor.finding import Finding, failed, ok, skipped, warning
from collector.doctor.processes import user_name
from collector.errors import CollectorError, NoSuchDatabase, ReadError
from collector.store.reader import Deadline, Reader, open_reader

STEP: Final = "database"
INDEX_STEP: Final = "search index"

# Records at the end that are looked at for the clocks of their hosts.
NEWEST_RECORDS: Final = 200

# Scanned without an index in less than a second.
LAGGING_RECORDS: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What was read: ids are 0 without records, times None.

    `error` is why nothing could be read; then the rest says nothing.
    """

    error: CollectorError | None = None
    is_there: bool = True
    is_denied: bool = False
    size_bytes: int = 0
    newest_id: int = 0
    indexed_id: int = 0
    received: float | None = None
    # The host whose records are the furthest ahead of their receipt.
    ahead: tuple[str, float] | None = None


def read_content(path: Path, deadline: Deadline) -> Content:
    """Read the newest records; whatever is wrong is told in the answer."""
    try:
        with open_reader(path, deadline) as reader:
            newest = newest_id(reader)
            rows = reader.rows(
                "SELECT received, created, hostname FROM logs WHERE id > ? "
                "ORDER BY id DESC LIMIT ?",
                (newest - NEWEST_RECORDS, NEWEST_RECORDS),
            )
            return Content(
                size_bytes=path.stat().st_size,
                newest_id=newest,
                indexed_id=reader.indexed_id(),
                received=float(rows[0][0]) if rows else None,
                ahead=furthest_ahead(rows),
            )
    except CollectorError as error:
        is_there, is_denied = _access(path)
        return Content(error=error, is_there=is_there, is_denied=is_denied)
    except (OSError, TypeError, ValueError, OverflowError):
        # Only somebody's own writing makes an id a text.
        return Content(error=ReadError(f"{path}: does not hold what it should"))


def _access(path: Path) -> tuple[bool, bool]:
    """Tell whether a file is there, and whether this user may not read it."""
    try:
        path.stat()
    except PermissionError:
        return True, True
    except OSError:
        return False, False
    return True, not os.access(path, os.R_OK)


def newest_id(reader: Reader) -> int:
    """Return the id of the newest record; 0 where there is none."""
    return int(reader.value("SELECT coalesce(max(id), 0) FROM records"))


def furthest_ahead(rows: Sequence[Sequence[Any]]) -> tuple[str, float] | None:
    """Return of received, created, host which host is the furthest ahead of time."""
    by_host: dict[str, float] = {}
    for received, created, host in rows:
        if isinstance(received, float) and isinstance(created, float):
            # Of a clock that was repaired meanwhile the newest record tells.
            by_host.setdefault(str(host), created - received)
    return max(by_host.items(), key=lambda item: item[1], default=None)


def judge_content(path: Path, content: Content, commands: Commands) -> Finding:
    """Return whether the collector and the commands can use the database."""
    if content.error is None:
        what = f"newest record {content.newest_id:,}" if content.newest_id else "empty"
        size = f"{content.size_bytes / 1_000_000:,.1f} MB"
        return ok(STEP, f"{path}, {size}, {what}")
    if isinstance(content.error, NoSuchDatabase) and not content.is_there:
        return warning(
            STEP,
            f"{path} is not there; the first start of the collector makes it",
            f"{commands.start}   # or is another one meant: --db FILE",
        )
    if content.is_denied:
        return skipped(
            STEP,
            f"{path}: user {user_name(os.geteuid())} may not read it",
            commands.again,
        )
    # Errors of the store say what to do behind the last semicolon.
    seen, _, advice = str(content.error).rpartition("; ")
    if not seen:
        return failed(
            STEP,
            str(content.error),
            "name another one with --db, or stop the collector, move this one away "
            "and start it again",
        )
    return failed(STEP, seen, advice)


def judge_index(content: Content, *, wanted: bool) -> Finding:
    """Return whether searches go by the index."""
    behind = content.newest_id - content.indexed_id
    if not wanted:
        return ok(INDEX_STEP, "off (search_index); searches scan the records")
    if behind > LAGGING_RECORDS:
        return warning(
            INDEX_STEP,
            f"{behind:,} records behind: searches of texts scan those",
            "a running collector catches up when it has time; if this only grows, "
            "stop it and run: logcollector db reindex",
        )
    return ok(INDEX_STEP, f"{behind:,} records behind the newest")
