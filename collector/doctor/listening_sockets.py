"""The sockets of this host that listen, as /proc tells of them."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterator
from typing import Final

from collector.addresses import Address, TcpAddress, UnixAddress
from collector.doctor.processes import PROC, open_files

# Of /proc/net/tcp: the state of a socket that listens.
LISTENING: Final = "0A"

# Of /proc/net/unix: __SO_ACCEPTCON, which connected ones lack.
ACCEPTING: Final = "00010000"

_HEX_ADDRESS: Final = re.compile(r"([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})")


def listening_sockets() -> dict[str, Address]:
    """Return the addresses of all sockets that listen, by inode."""
    return {
        **dict(unix_sockets(_table("unix"))),
        **dict(tcp_sockets(_table("tcp"))),
        **dict(tcp_sockets(_table("tcp6"))),
    }


def _table(name: str) -> str:
    """Return the text of /proc/net/NAME; none where it is hidden."""
    try:
        return (PROC / "net" / name).read_text(errors="replace")
    except OSError:
        return ""


def tcp_sockets(text: str) -> Iterator[tuple[str, TcpAddress]]:
    """Yield inodes and addresses of sockets that listen, from /proc/net/tcp."""
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == LISTENING:
            local = _HEX_ADDRESS.fullmatch(fields[1])
            if local is not None:
                yield fields[9], TcpAddress(_host(local[1]), int(local[2], 16))


def _host(text: str) -> str:
    # Words of 32 bits, each in the order of this machine.
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    packed = b"".join(socket.htonl(word).to_bytes(4, "big") for word in words)
    return str(ipaddress.ip_address(packed))


def unix_sockets(text: str) -> Iterator[tuple[str, UnixAddress]]:
    """Yield inodes and addresses of sockets that listen, from /proc/net/unix."""
    for line in text.splitlines()[1:]:
        fields = line.split(maxsplit=7)
        if len(fields) == 8 and fields[3] == ACCEPTING and fields[7].startswith("/"):
            yield fields[6], UnixAddress(fields[7])


def inodes_of(pid: int) -> list[str]:
    """Return the inodes of a process's sockets, by their descriptors' numbers.

    [] where they are hidden.
    """
    inodes = []
    for link in sorted(open_files(pid), key=lambda link: int(link.name)):
        try:
            target = str(link.readlink())
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.append(target.removeprefix("socket:[").removesuffix("]"))
    return inodes
