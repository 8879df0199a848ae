"""The steps that talk to the running collector, up to a delivered record."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from collector.addresses import (
    Address,
    TcpAddress,
    UnixAddress,
    is_loopback,
)
from collector.doctor.arrival import STEP as DELIVERY
from collector.doctor.arrival import judge_delivery
from collector.doctor.collecting import Holders
from collector.doctor.conversation import Target, converse
from collector.doctor.delivery import deliver
from collector.doctor.elsewhere import judge_elsewhere
from collector.doctor.finding import Finding, found, skipped
from collector.doctor.health import STEP as HEALTH
from collector.doctor.health import judge_no_status, judge_status
from collector.doctor.listening import judge_listener, look_for_owners, step_of
from collector.doctor.order import Order, spool_of
from collector.errors import CollectorError
from collector.listen_settings import ListenerSettings, settings_of
from collector.settings import Settings
from collector.status import Status


def examine_service(
    order: Order, settings: Settings, holders: Holders
) -> Iterator[Finding]:
    """Yield what each step about the running collector finds."""
    status: Status | None = None
    if settings.http_address:
        asked: list[Status] = []
        yield found(HEALTH, lambda: _health(order, settings, asked))
        status = asked[0] if asked else None
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


def _health(order: Order, settings: Settings, asked: list[Status]) -> Finding:
    try:
        status = order.ask_status(settings, order.timeout_seconds)
    except CollectorError as error:
        return judge_no_status(str(error))
    asked.append(status)
    return judge_status(Path(settings.db).resolve() if settings.db else None, status)


def _targets(order: Order, settings: Settings, status: Status | None) -> list[Target]:
    addresses = settings.addresses()
    if status is not None:
        addresses = [picked(address, status.addresses) for address in addresses]
    if order.to is not None:
        addresses = [order.to]
    return [_target(order, address, _rules(settings, address)) for address in addresses]


def _target(order: Order, address: Address, rules: ListenerSettings | None) -> Target:
    # Who gives a CA and an address does as a client there does; for a listener of
    # the settings, nobody knows by which name its clients reach it.
    is_clients = isinstance(address, TcpAddress) and address == order.to
    has_tls = is_clients or (rules is not None and rules.tls is not None)
    return Target(
        address,
        rules,
        order.commands.start,
        order.client_cert,
        order.client_key,
        tls_ca=order.tls_ca if has_tls else "",
        tls_name=address.host if isinstance(address, TcpAddress) and is_clients else "",
    )


def picked(address: Address, told: Sequence[str]) -> Address:
    """Return an address with the port that was picked for it, if it has none.

    Nothing else is taken from what answers over HTTP: it may be anybody.
    """
    if not isinstance(address, TcpAddress) or address.port:
        return address
    for text in told:
        host, _, port = text.rpartition(":")
        if host.strip("[]") == address.host and re.fullmatch(r"[0-9]{1,5}", port):
            return TcpAddress(address.host, int(port))
    return address


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
    owners = look_for_owners(target.address)
    finding = judge_listener(target, talk, owners, holders)
    if holders.collector is not None and talk.outcome in ("refused", "missing"):
        return judge_elsewhere(finding, holders.collector, order.commands)
    return finding


def _delivery(order: Order, settings: Settings, reached: list[Target]) -> Finding:
    if not reached:
        return skipped(
            DELIVERY, "no listener of this collector can be sent to, see above"
        )
    # One that can be sent to without more: in plain text, before TLS.
    target = min(reached, key=lambda target: target.is_tls)
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
        database,
        deliver(target, database, spool, order.timeout_seconds, ask),
        order.commands,
    )
