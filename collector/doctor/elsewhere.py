"""Where the collector of a database listens, when it is not where it is looked for."""

from __future__ import annotations

import ipaddress
import re
import shlex
import socket
from collections.abc import Iterator
from typing import Final

from collector.addresses import Address, TcpAddress, UnixAddress
from collector.doctor.collecting import named
from collector.doctor.commands import Commands
from collector.doctor.conversation import LOOPBACK
from collector.doctor.finding import Finding, failed
from collector.doctor.listening import ACCEPTING, LISTENING, table
from collector.doctor.processes import open_files

# Of a collector with many listeners, so many are told.
MOST_TOLD: Final = 4

_HEX_ADDRESS: Final = re.compile(r"([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})")


def addresses_of(pid: int) -> list[Address]:
    """Return where a process listens, the earliest first; [] where that is hidden."""
    inodes = []
    # Records are listened for before HTTP is, so their sockets have lower numbers.
    for link in sorted(open_files(pid), key=lambda link: int(link.name)):
        try:
            inodes.append(str(link.readlink()).removeprefix("socket:[").rstrip("]"))
        except OSError:
            continue
    listening = dict(unix_sockets(table("unix")))
    for name in ("tcp", "tcp6"):
        listening.update(tcp_sockets(table(name)))
    mine = [listening[inode] for inode in inodes if inode in listening]
    return list(dict.fromkeys(mine))


def tcp_sockets(text: str) -> Iterator[tuple[str, Address]]:
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


def unix_sockets(text: str) -> Iterator[tuple[str, Address]]:
    """Yield inodes and addresses of sockets that listen, from /proc/net/unix."""
    for line in text.splitlines()[1:]:
        fields = line.split(maxsplit=7)
        if len(fields) == 8 and fields[3] == ACCEPTING and fields[7].startswith("/"):
            yield fields[6], UnixAddress(fields[7])


def judge_elsewhere(finding: Finding, pid: int, commands: Commands) -> Finding:
    """Return where a collector listens that is not where `finding` looked for it.

    Another one can't be started beside it: it has claimed the database.
    """
    addresses = addresses_of(pid)[:MOST_TOLD]
    seen = f"{finding.seen}; {named(pid)}, which stores into this database, listens"
    if not addresses:
        return failed(
            finding.step,
            f"{seen} elsewhere, if at all: where is not shown to this user",
            "give its settings, --config FILE, or say where: --to HOST:PORT",
            f"or run this as root, or as the collector's user: {commands.again}",
        )
    return failed(
        finding.step,
        f"{seen} at {', '.join(map(str, addresses))}",
        *(
            f"{commands.look} --to {shlex.quote(_target(address))}"
            for address in addresses
        ),
        "or give the settings that it was started with: --config FILE",
    )


def _target(address: Address) -> str:
    if isinstance(address, UnixAddress):
        return address.path
    return str(TcpAddress(LOOPBACK.get(address.host, address.host), address.port))
