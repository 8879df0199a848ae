"""The examination: all steps in order, from the program to a delivered record."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from collector.addresses import (
    Address,
    TcpAddress,
    UnixAddress,
    is_loopback,
    parse_address,
)
from collector.config import Settings
from collector.doctor.clock import STEP as CLOCK
from collector.doctor.clock import ClockReading, is_synchronised, judge_clock
from collector.doctor.collecting import LOG_STEP as LOG
from collector.doctor.collecting import STEP as COLLECTOR
from collector.doctor.collecting import (
    Holders,
    judge_holders,
    judge_log,
    look_for_holders,
)
from collector.doctor.configuration import look_at_settings
from collector.doctor.content import INDEX_STEP as INDEX
from collector.doctor.content import STEP as DATABASE
from collector.doctor.content import (
    Content,
    judge_content,
    judge_index,
    read_content,
)
from collector.doctor.conversation import Target, converse
from collector.doctor.delivery import STEP as DELIVERY
from collector.doctor.delivery import deliver, judge_delivery
from collector.doctor.descriptors import STEP as DESCRIPTORS
from collector.doctor.descriptors import judge_descriptors, room_for_peers
from collector.doctor.file_system import judge_room, look_at_file_system, room_of
from collector.doctor.finding import Finding, failed, found, ok, skipped
from collector.doctor.health import STEP as HEALTH
from collector.doctor.health import judge_no_status, judge_status
from collector.doctor.library import STEP as LIBRARY
from collector.doctor.library import judge_library
from collector.doctor.listening import judge_listener, look_for_owners, step_of
from collector.doctor.processes import this_user
from collector.doctor.rights import STEP as RIGHTS
from collector.doctor.rights import look_at_rights
from collector.doctor.waiting import STEP as SPOOL
from collector.doctor.waiting import Spooled, judge_spool, look_at_spool
from collector.errors import CollectorError
from collector.listen_settings import ListenerSettings, settings_of
from collector.status import Status
from collector.store.library import has_trigrams, library_version
from collector.store.reader import Deadline

FILE_SYSTEM: Final = "file system"
ROOM: Final = "disk space"

AskStatus = Callable[[Settings, float], Status]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be examined.

    `flags` are settings given by hand, `to` is an address instead of the
    settings' own, `timeout_seconds` is for each thing that is waited for.
    `ask_status` raises CollectorError where the collector does not answer.
    """

    version: str
    config_file: Path | None
    environment: Mapping[str, str]
    flags: Mapping[str, object]
    to: Address | None
    client_cert: str
    client_key: str
    timeout_seconds: float
    zone: str
    ask_status: AskStatus


def examine(order: Order) -> Iterator[Finding]:
    """Yield what each step finds, as soon as it is known."""
    yield ok("program", order.version)
    yield found(
        LIBRARY, lambda: judge_library(library_version(), has_trigrams=has_trigrams())
    )
    settings, finding = _settings(order)
    yield finding
    if settings is None:
        yield found(CLOCK, lambda: judge_clock(_clock(order, None, Content())))
        yield skipped(DATABASE, "which one it is, the settings don't tell")
        yield skipped(DELIVERY, "where to send, the settings don't tell")
        return
    holders = Holders(is_known=False)
    if settings.db:
        database = Path(settings.db).absolute()
        yield from _examine_database(order, settings, database)
        holders = look_for_holders(database)
    else:
        yield found(CLOCK, lambda: judge_clock(_clock(order, None, Content())))
        yield skipped(DATABASE, "none: records are shown, not stored (db is empty)")
    yield found(DESCRIPTORS, lambda: _descriptors(settings, holders))
    yield from _examine_service(order, settings, holders)


def _settings(order: Order) -> tuple[Settings | None, Finding]:
    kept: list[Settings | None] = [None]

    def look() -> Finding:
        kept[0], finding = look_at_settings(
            order.config_file, order.environment, order.flags
        )
        return finding

    finding = found("settings", look)
    return kept[0], finding


def start_command(order: Order) -> str:
    """Return the command that starts a collector with what this one was given."""
    words = ["logcollector", "serve"]
    if order.config_file is not None:
        words += ["--config", str(order.config_file)]
    for key, value in order.flags.items():
        words += [f"--{key}", str(value)]
    return shlex.join(words)


def spool_of(settings: Settings, database: Path) -> Path:
    """Return the folder of the spool."""
    return Path(settings.spool or f"{database}-spool").absolute()


def _examine_database(
    order: Order, settings: Settings, database: Path
) -> Iterator[Finding]:
    spool = spool_of(settings, database)
    holders = look_for_holders(database)
    start = start_command(order)
    content = read_content(database, Deadline(order.timeout_seconds))
    yield found(CLOCK, lambda: judge_clock(_clock(order, database, content)))
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
    yield found(RIGHTS, lambda: look_at_rights(database, spool, who))
    yield found(DATABASE, lambda: judge_content(database, content, start))
    yield found(
        COLLECTOR,
        lambda: judge_holders(holders, start, is_there=content.is_there),
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


def _clock(order: Order, database: Path | None, content: Content) -> ClockReading:
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


def _descriptors(settings: Settings, holders: Holders) -> Finding:
    return judge_descriptors(
        holders.process,
        room_for_peers(holders.process, len(settings.addresses())),
        settings.max_connections,
        is_default=settings.max_connections == Settings().max_connections,
    )


def _examine_service(
    order: Order, settings: Settings, holders: Holders
) -> Iterator[Finding]:
    status: Status | None = None
    database = Path(settings.db).resolve() if settings.db else None
    if settings.http_address:
        try:
            status = order.ask_status(settings, order.timeout_seconds)
        except CollectorError as error:
            yield judge_no_status(str(error))
        else:
            now = status
            yield found(HEALTH, lambda: judge_status(database, now))
    else:
        yield skipped(
            HEALTH,
            "the collector is not asked: http_address is off",
            'to have health and metrics: http_address = "9021", then restart',
        )
    reached = []
    for target in _targets(order, settings, status):
        step = step_of(target.address)
        if isinstance(target.address, TcpAddress) and not target.address.port:
            yield skipped(
                step, "port 0 is any free one", "say which it was: --to 127.0.0.1:PORT"
            )
            continue
        finding = found(step, partial(_listener, order, target, holders))
        yield finding
        if finding.state in ("ok", "warning"):
            reached.append(target)
    yield found(DELIVERY, lambda: _delivery(order, settings, reached))


def _targets(order: Order, settings: Settings, status: Status | None) -> list[Target]:
    listeners = settings.listeners()
    addresses = [listener.address for listener in listeners]
    if status is not None and status.addresses:
        # With port 0, and with sockets of systemd, only the collector knows.
        addresses = [parse_address(text) for text in status.addresses]
    if order.to is not None:
        addresses = [order.to]
    return [
        Target(
            address,
            _rules(settings, address),
            start_command(order),
            order.client_cert,
            order.client_key,
        )
        for address in addresses
    ]


def _rules(settings: Settings, address: Address) -> ListenerSettings | None:
    """Return what holds at an address, as far as the settings know."""
    listeners = settings.listeners()
    known = settings_of(address, listeners)
    if known is None and len(listeners) == 1 and is_loopback(address):
        # A port that was picked, or the loopback of a listener on all addresses.
        [known] = listeners
        if isinstance(known.address, UnixAddress) != isinstance(address, UnixAddress):
            return None
    return known


def _listener(order: Order, target: Target, holders: Holders) -> Finding:
    talk = converse(target, b"", order.timeout_seconds)
    return judge_listener(target, talk, look_for_owners(target.address), holders)


def _delivery(order: Order, settings: Settings, reached: list[Target]) -> Finding:
    if not reached:
        return failed(DELIVERY, "no listener can be sent to, see above")
    # One that can be sent to without more: in plain text, before TLS.
    target = min(reached, key=lambda target: target.tls is not None)
    if not settings.db:
        return skipped(DELIVERY, "nothing is stored, so nothing can be found")
    database = Path(settings.db).absolute()
    spool = spool_of(settings, database)

    def ask() -> Status | None:
        if not settings.http_address:
            return None
        try:
            return order.ask_status(settings, order.timeout_seconds)
        except CollectorError:
            return None

    return judge_delivery(
        database, deliver(target, database, spool, order.timeout_seconds, ask)
    )
