"""What the service listens on: sockets and their gates, made of the settings."""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from collector.addresses import Address, TcpAddress
from collector.intake.allow import Allowed
from collector.intake.gate import Gate, GateRules
from collector.intake.limits import ConnectionLimits
from collector.intake.sockets import bind, group_number, shown_address, unlink
from collector.intake.tls import ServerTls, load_tls
from collector.listen_settings import ListenerSettings, TlsSettings, settings_of
from collector.settings import Settings

log = logging.getLogger("logcollector")

Door = tuple[socket.socket, Gate]


@dataclass(frozen=True, slots=True)
class Doors:
    """Listening sockets, each with its gate; `bound` are those we made."""

    doors: Sequence[Door]
    bound: Sequence[socket.socket]


def open_doors(settings: Settings, handed: Sequence[socket.socket]) -> Doors:
    """Bind the addresses of the settings, or take the sockets handed over.

    A socket handed over has the rules of the table with its address, else those
    of the flat settings. Raises ConfigError, ListenError.
    """
    listeners = settings.listeners()
    rules = _Rules()
    if handed:
        return Doors(_handed_doors(settings, listeners, rules, handed), ())
    # Certificates first: nothing need be undone for a mistake in them.
    gates = [Gate(one.address, rules.of(one)) for one in listeners]
    doors: list[Door] = []
    try:
        for listener, gate in zip(listeners, gates, strict=True):
            bound = bind(listener.address, mode=listener.mode, group=listener.group)
            doors += [(one, gate) for one in bound]
    except BaseException:
        for one, _ in doors:
            unlink(one)
            one.close()
        raise
    _warn_of_open_doors(doors)
    return Doors(doors, [one for one, _ in doors])


def _handed_doors(
    settings: Settings,
    listeners: Sequence[ListenerSettings],
    rules: _Rules,
    handed: Sequence[socket.socket],
) -> list[Door]:
    doors: list[Door] = []
    used: list[ListenerSettings] = []
    for one in handed:
        address = shown_address(one)
        listener = settings_of(address, listeners) or settings.listener(address)
        used.append(listener)
        doors.append((one, Gate(address, rules.of(listener))))
    for listener in listeners:
        # Its operator may believe that these sockets have its TLS.
        if listener.where and listener not in used:
            log.warning(
                "%sis not used: systemd hands over sockets, and none has this address",
                listener.where,
            )
    _warn_of_open_doors(doors)
    return doors


def new_rules(
    settings: Settings, doors: Sequence[Door]
) -> list[tuple[Gate, GateRules]]:
    """Return what a reload changes of each gate, without changing it.

    What has no place in the new settings keeps its rules: a slip in an address
    must not make a listener with TLS a plain one. Raises ConfigError.
    """
    listeners = settings.listeners()
    rules = _Rules()
    gates = list(dict.fromkeys(gate for _, gate in doors))
    if [gate.address for gate in gates] == [one.address for one in listeners]:
        # Several may have the same address, with port 0.
        pairs = list(zip(gates, listeners, strict=True))
    else:
        pairs = [
            (gate, listener)
            for gate in gates
            if (listener := _of_gate(gate, settings, listeners)) is not None
        ]
    return [(gate, rules.of(listener)) for gate, listener in pairs]


def _of_gate(
    gate: Gate, settings: Settings, listeners: Sequence[ListenerSettings]
) -> ListenerSettings | None:
    listener = settings_of(gate.address, listeners)
    if listener is None and not gate.rules.has_table:
        return settings.listener(gate.address)
    return listener


def check_doors(settings: Settings) -> None:
    """Check what `open_doors` would read, and bind nothing. Raises ConfigError."""
    rules = _Rules()
    for listener in settings.listeners():
        rules.of(listener)
        if listener.group:
            group_number(listener.group)


class _Rules:
    """Makes rules of settings; reads the same files once."""

    def __init__(self) -> None:
        self._loaded: dict[TlsSettings, ServerTls] = {}

    def of(self, listener: ListenerSettings) -> GateRules:
        """Return the rules of a listener. Raises ConfigError."""
        tls = listener.tls
        if tls is not None and tls not in self._loaded:
            self._loaded[tls] = load_tls(tls, listener.where)
        return GateRules(
            limits=connection_limits(listener),
            allowed=Allowed(listener.allow),
            tls=None if tls is None else self._loaded[tls],
            has_table=bool(listener.where),
        )


def connection_limits(settings: Settings | ListenerSettings) -> ConnectionLimits:
    """Return what peers may do, by the settings of a listener or of all."""
    return ConnectionLimits(
        max_frame_bytes=settings.max_frame_bytes,
        max_connections=settings.max_connections,
        max_connections_per_peer=settings.max_connections_per_peer,
        frame_timeout_seconds=settings.frame_timeout_seconds,
        max_records_per_second=settings.max_records_per_second,
        max_bytes_per_second=settings.max_bytes_per_second,
        tcp_keepalive_seconds=settings.tcp_keepalive_seconds,
    )


def _warn_of_open_doors(doors: Sequence[Door]) -> None:
    for one, gate in doors:
        address = shown_address(one)
        if gate.rules.tls is None and not gate.rules.allowed and _is_far(address):
            log.warning(
                "%s takes records from whoever can reach it, and unencrypted: set "
                "allow to the networks of the clients, or tls_cert and tls_key",
                address,
            )


def _is_far(address: Address) -> bool:
    """Tell whether other hosts may reach a socket that is bound here."""
    if not isinstance(address, TcpAddress):
        return False
    return not ipaddress.ip_address(address.host).is_loopback
