"""Where the collector of a database listens, when it is not where it is looked for."""

from __future__ import annotations

import shlex
from typing import Final

from collector.addresses import Address, TcpAddress, UnixAddress
from collector.doctor.collecting import named
from collector.doctor.commands import Commands
from collector.doctor.conversation import LOOPBACK
from collector.doctor.finding import Finding, failed
from collector.doctor.listening_sockets import inodes_of, listening_sockets

# Of a collector with many listeners, so many are told.
MOST_TOLD: Final = 4


def addresses_of(pid: int) -> list[Address]:
    """Return where a process listens, the earliest first; [] where that is hidden."""
    listening = listening_sockets()
    # Records are listened for before HTTP is, so their sockets have lower numbers.
    mine = [listening[inode] for inode in inodes_of(pid) if inode in listening]
    return list(dict.fromkeys(mine))


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
