"""Addresses: where to listen, where to send."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from posixpath import normpath

DEFAULT_PORT = 9020


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A host (name or IP address, without brackets) and a port; 0: any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """The path of a UNIX stream socket."""

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


Address = TcpAddress | UnixAddress


def parse_address(text: str) -> Address:
    """Read HOST:PORT, [IPV6]:PORT, HOST, /PATH or unix:PATH.

    Raises ValueError that says what is wrong, also with a bare port.
    """
    if text.startswith(("unix:", "/")):
        path = text.removeprefix("unix:")
        if not path or "\0" in path or len(path.encode()) > 107:
            raise ValueError("a socket's path has 1 to 107 bytes")
        return UnixAddress(path)
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f"{text!r} is not [IPV6]:PORT")
        port = rest[1:]
    elif text.count(":") > 1:
        host, port = text, ""
    else:
        host, _, port = text.partition(":")
    if text.isdecimal() and text.isascii():
        # The resolver would take it for an IPv4 address written as one number.
        raise ValueError(f"{text!r} names no host; did you mean 127.0.0.1:{text}?")
    if not host:
        raise ValueError(f"{text!r} names no host")
    return TcpAddress(host, parse_port(port) if port else DEFAULT_PORT)


def parse_port(text: str) -> int:
    """Read a port number, 0 to 65535. Raises ValueError."""
    if not text.isdecimal() or not text.isascii() or int(text[:6]) > 65535:
        raise ValueError(f"{text!r} is no port; a port is a number from 0 to 65535")
    return int(text)


def parse_http_address(text: str) -> Address:
    """Read PORT or :PORT (of loopback), HOST:PORT, [IPV6]:PORT, /PATH.

    Raises ValueError that says what is wrong.
    """
    if text.isdecimal() or text.startswith(":"):
        return TcpAddress("127.0.0.1", parse_port(text.removeprefix(":")))
    address = parse_address(text)
    # The port for records must not be taken for granted here.
    end = text.partition("]")[2] if text.startswith("[") else text
    if isinstance(address, TcpAddress) and (end.count(":") != 1 or end[-1] == ":"):
        raise ValueError(f"{text!r} names no port; write HOST:PORT or [IPV6]:PORT")
    return address


def is_host(text: str) -> bool:
    """Tell whether a text is a name of a host or an IP address, and no more."""
    try:
        ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return re.fullmatch(r"[A-Za-z0-9_.-]{1,253}", text) is not None
    return True


def overlap(one: Address, other: Address) -> bool:
    """Tell whether only one of two addresses can be listened on.

    Names of hosts are compared, not looked up. Each port 0 is one of its own.
    """
    if isinstance(one, UnixAddress) or isinstance(other, UnixAddress):
        return (
            isinstance(one, UnixAddress)
            and isinstance(other, UnixAddress)
            and normpath(one.path) == normpath(other.path)
        )
    if one.port != other.port or not one.port:
        return False
    try:
        hosts = [ip_address(one.host), ip_address(other.host)]
    except ValueError:
        return one.host.lower() == other.host.lower()
    return hosts[0].version == hosts[1].version and (
        hosts[0] == hosts[1] or any(host.is_unspecified for host in hosts)
    )


def is_loopback(address: Address) -> bool:
    """Tell whether only this host can reach an address."""
    if isinstance(address, UnixAddress) or address.host.lower() == "localhost":
        return True
    try:
        return ip_address(address.host).is_loopback
    except ValueError:
        return False
