"""Listeners as the settings describe them, and what each gets in the end.

A listener is an address; what its own [[listen]] table does not say it gets
from the flat settings of the same names.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar, get_type_hints

import msgspec
from msgspec import Meta

from collector.addresses import Address, TcpAddress, UnixAddress, parse_address
from collector.errors import ConfigError
from collector.type_words import in_words

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

Count = Annotated[int, Meta(ge=1)]
CountOrNone = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(gt=0, le=86400)]
KeepaliveSeconds = Annotated[int, Meta(ge=6, le=86400)]

Value = TypeVar("Value")

_OF_TLS: Final = ("tls_cert", "tls_key", "tls_client_ca", "tls_client_names")
_MAPPED: Final = ipaddress.IPv6Network("::ffff:0:0/96")


class ListenTable(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    """A [[listen]] table. What is None is said by the flat settings.

    But `max_connections` of the flat settings is that of all listeners together.
    An empty text or list turns a thing off for this listener.
    """

    address: str
    tls_cert: str | None = None
    tls_key: str | None = None
    tls_client_ca: str | None = None
    tls_client_names: tuple[str, ...] | None = None
    allow: tuple[str, ...] | None = None
    mode: str | None = None
    group: str | None = None
    max_connections: Count | None = None
    max_connections_per_peer: Count | None = None
    max_frame_bytes: Count | None = None
    frame_timeout_seconds: Seconds | None = None
    max_records_per_second: CountOrNone | None = None
    max_bytes_per_second: CountOrNone | None = None
    tcp_keepalive_seconds: KeepaliveSeconds | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """The files and rules of a listener's TLS.

    `key` is empty where the key is in the file of the certificate,
    `client_ca` where clients need no certificate, `client_names` where any
    certificate of that CA will do.
    """

    cert: str
    key: str
    client_ca: str
    client_names: frozenset[str]
    handshake_timeout_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerSettings:
    """All that one listener has been told.

    `where` stands before the names of settings in messages: empty, or which
    table is meant. `allow` empty: anybody may connect. `mode` None and `group`
    empty: as the system makes a UNIX socket's file. `max_connections` is its own,
    apart from that of all listeners together.
    """

    where: str
    address: Address
    tls: TlsSettings | None
    allow: tuple[Network, ...]
    mode: int | None
    group: str
    max_connections: int
    max_connections_per_peer: int
    max_frame_bytes: int
    frame_timeout_seconds: float
    max_records_per_second: int
    max_bytes_per_second: int
    tcp_keepalive_seconds: int


def listener_settings(
    address: Address,
    table: ListenTable | None,
    flat: ListenTable,
    *,
    handshake_timeout_seconds: float,
) -> ListenerSettings:
    """Return what a listener gets: from its table, if any, else from `flat`.

    `flat` has a value for each limit. Raises ConfigError for what does not fit
    together.
    """
    where = "" if table is None else f"listen {table.address}: "
    table = table or ListenTable(address="")
    if isinstance(address, UnixAddress):
        _refuse(table, (*_OF_TLS, "allow"), where, "a UNIX socket has none")
        tls: TlsSettings | None = None
        allow: tuple[Network, ...] = ()
        mode = parse_mode(_either(table.mode, flat.mode, ""))
        group = _either(table.group, flat.group, "")
    else:
        _refuse(table, ("mode", "group"), where, "only a UNIX socket has one")
        tls = _tls_settings(table, flat, where, handshake_timeout_seconds)
        allow = parse_networks(_either(table.allow, flat.allow, ()))
        mode, group = None, ""
    return ListenerSettings(
        where=where,
        address=address,
        tls=tls,
        allow=allow,
        mode=mode,
        group=group,
        max_connections=_either(table.max_connections, None, sys.maxsize),
        max_connections_per_peer=_either(
            table.max_connections_per_peer, flat.max_connections_per_peer, 1
        ),
        max_frame_bytes=_either(table.max_frame_bytes, flat.max_frame_bytes, 1),
        frame_timeout_seconds=_either(
            table.frame_timeout_seconds, flat.frame_timeout_seconds, 1.0
        ),
        max_records_per_second=_either(
            table.max_records_per_second, flat.max_records_per_second, 0
        ),
        max_bytes_per_second=_either(
            table.max_bytes_per_second, flat.max_bytes_per_second, 0
        ),
        tcp_keepalive_seconds=_either(
            table.tcp_keepalive_seconds, flat.tcp_keepalive_seconds, 90
        ),
    )


def _tls_settings(
    table: ListenTable, flat: ListenTable, where: str, handshake_timeout_seconds: float
) -> TlsSettings | None:
    cert = _either(table.tls_cert, flat.tls_cert, "")
    # A key of the flat settings belongs to the certificate there.
    own = table.tls_cert is not None and table.tls_key is None
    key = "" if own else _either(table.tls_key, flat.tls_key, "")
    client_ca = _either(table.tls_client_ca, flat.tls_client_ca, "")
    names = _either(table.tls_client_names, flat.tls_client_names, ())
    if not cert:
        # Nobody who asks for certificates may get a plain listener unawares.
        said = table if table.tls_cert == "" else flat
        wanted = (
            ("tls_key", table.tls_key or said.tls_key),
            ("tls_client_ca", table.tls_client_ca or said.tls_client_ca),
            ("tls_client_names", table.tls_client_names or said.tls_client_names),
        )
        for name, value in wanted:
            if value:
                raise ConfigError(where + name, "is of no use without tls_cert")
        return None
    if names and not client_ca:
        raise ConfigError(
            where + "tls_client_names",
            "names can only be checked with tls_client_ca",
            "set tls_client_ca to the file of the CA that signs the clients'",
        )
    return TlsSettings(
        cert=cert,
        key=key,
        client_ca=client_ca,
        client_names=frozenset(names),
        handshake_timeout_seconds=handshake_timeout_seconds,
    )


def check_tables(entries: object, key: str) -> None:
    """Check the tables among what `listen` was given, as TOML has them.

    `key` is how its source spells `listen`. Raises ConfigError that names the
    table and the key in it.
    """
    if isinstance(entries, dict):
        raise ConfigError(key, "is one table; write [[listen]] for each listener")
    if not isinstance(entries, (list, tuple)):
        return
    for number, entry in enumerate(entries, 1):
        if isinstance(entry, dict):
            address = entry.get("address")
            shown = address if isinstance(address, str) else f"table {number}"
            _check_table(entry, f"{key} {shown}")


def _check_table(entry: dict[str, Any], place: str) -> None:
    known = ListenTable.__struct_fields__
    for key in entry:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = (
                f"did you mean {near[0]}?"
                if near
                else "it may have " + (", ".join(known))
            )
            raise ConfigError(f"{place}: {key}", "unknown setting", hint)
    if "address" not in entry:
        raise ConfigError(place, "has no address")
    hints = get_type_hints(ListenTable, include_extras=True)
    checks: dict[str, Callable[[Any], object]] = {
        "address": parse_address,
        "allow": parse_networks,
        "mode": parse_mode,
    }
    for key, value in entry.items():
        try:
            converted = msgspec.convert(value, hints[key])
            if key in checks:
                checks[key](converted)
        except (msgspec.ValidationError, ValueError) as error:
            raise ConfigError(f"{place}: {key}", in_words(error)) from None


def parse_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Read networks and single addresses. Raises ValueError."""
    return tuple(map(_network, texts))


def _network(text: str) -> Network:
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        pass
    else:
        if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
            raise ValueError(f"{text!r}: write networks of IPv4 as such")
        return network
    try:
        meant = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(
            f"{text!r} is no network; write 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32"
        ) from None
    raise ValueError(f"{text!r} is an address in a network; do you mean {meant}?")


def parse_mode(text: str) -> int | None:
    """Read a file's mode in octal, such as 0660; None for no text.

    Raises ValueError.
    """
    if not text:
        return None
    if not re.fullmatch(r"0?[0-7]{3}", text, re.ASCII):
        raise ValueError(f"{text!r} is no mode; write it in octal, such as 0660")
    return int(text, 8)


def settings_of(
    address: Address,
    listeners: Sequence[ListenerSettings],
) -> ListenerSettings | None:
    """Return the settings of the listener at an address; None: there is none."""
    for listener in listeners:
        if _plain(listener.address) == _plain(address):
            return listener
    return None


def _plain(address: Address) -> Address:
    """Return an address with its host in one of the many spellings."""
    if isinstance(address, TcpAddress):
        try:
            host = str(ipaddress.ip_address(address.host))
        except ValueError:
            host = address.host.lower()
        return TcpAddress(host, address.port)
    return address


def fixed_part(entry: str | ListenTable) -> tuple[str, str, str]:
    """Return what of a listener can't change while it is open."""
    if isinstance(entry, str):
        return entry, "", ""
    return entry.address, entry.mode or "", entry.group or ""


def _either(own: Value | None, flat: Value | None, neither: Value) -> Value:
    if own is not None:
        return own
    return flat if flat is not None else neither


def _refuse(table: ListenTable, names: Sequence[str], where: str, reason: str) -> None:
    for name in names:
        if getattr(table, name):
            raise ConfigError(where + name, reason)
