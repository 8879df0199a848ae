"""The steps that look at the database, and at what is around it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from collector.doctor.clock import STEP as CLOCK
from collector.doctor.clock import ClockReading, is_synchronised, judge_clock
from collector.doctor.collecting import LOG_STEP as LOG
from collector.doctor.collecting import STEP as COLLECTOR
from collector.doctor.collecting import judge_holders, judge_log, look_for_holders
from collector.doctor.content import INDEX_STEP as INDEX
from collector.doctor.content import STEP as DATABASE
from collector.doctor.content import (
    Content,
    judge_content,
    judge_index,
    read_content,
)
from collector.doctor.file_system import judge_room, look_at_file_system, room_of
from collector.doctor.finding import Finding, found, skipped
from collector.doctor.order import Order, spool_of
from collector.doctor.processes import this_user
from collector.doctor.rights import STEP as RIGHTS
from collector.doctor.rights import look_at_rights
from collector.doctor.waiting import STEP as SPOOL
from collector.doctor.waiting import Spooled, judge_spool, look_at_spool
from collector.settings import Settings
from collector.store.reader import Deadline

FILE_SYSTEM: Final = "file system"
ROOM: Final = "disk space"


def examine_database(
    order: Order, settings: Settings, database: Path
) -> Iterator[Finding]:
    """Yield what each step about a database finds."""
    spool = spool_of(settings, database)
    holders = look_for_holders(database)
    commands = order.commands
    content = read_content(database, Deadline(order.timeout_seconds))
    yield found(CLOCK, lambda: judge_clock(read_clock(order, database, content)))
    yield found(FILE_SYSTEM, lambda: look_at_file_system(FILE_SYSTEM, database))
    is_apart = spool.parent != database.parent
    if is_apart and settings.spool_max_bytes:
        yield found(
            f"{FILE_SYSTEM}, spool",
            lambda: look_at_file_system(f"{FILE_SYSTEM}, spool", spool),
        )
    spooled = _spooled(spool)
    left = 0 if is_apart else max(0, settings.spool_max_bytes - spooled.bytes)
    yield found(ROOM, lambda: judge_room(ROOM, room_of(database), left))
    who = holders.process or this_user()
    yield found(RIGHTS, lambda: look_at_rights(database, spool, who, commands))
    yield found(DATABASE, lambda: judge_content(database, content, commands))
    yield found(
        COLLECTOR,
        lambda: judge_holders(holders, commands, is_there=content.is_there),
    )
    if content.error is None:
        yield found(LOG, lambda: judge_log(database, holders))
        yield found(INDEX, lambda: judge_index(content, wanted=settings.search_index))
    runs = holders.collector is not None
    yield found(SPOOL, lambda: _spool(spool, runs=runs))


def _spooled(spool: Path) -> Spooled:
    try:
        return look_at_spool(spool)
    except OSError:
        return Spooled(0, 0, 0)


def _spool(spool: Path, *, runs: bool) -> Finding:
    try:
        return judge_spool(spool, look_at_spool(spool), runs=runs)
    except PermissionError:
        return skipped(SPOOL, f"this user may not look into {spool}")
    except OSError as error:
        return skipped(SPOOL, f"{spool}: {error.strerror}")


def read_clock(order: Order, database: Path | None, content: Content) -> ClockReading:
    """Return what is known of time."""
    changed = None
    if database is not None:
        try:
            changed = database.stat().st_mtime
        except OSError:
            changed = None
    return ClockReading(
        now=time.time(),
        zone=order.zone,
        is_synchronised=is_synchronised(),
        file_changed=changed,
        received=content.received,
        ahead=content.ahead,
    )
