"""The listeners: who is there, and whether it takes connections."""

from __future__ import annotations

import shlex
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from collector.addresses import Address, TcpAddress
from collector.doctor.collecting import Holders, named
from collector.doctor.conversation import Conversation, Target
from collector.doctor.finding import Finding, failed, ok, warning
from collector.doctor.listening_sockets import inodes_of, listening_sockets
from collector.doctor.locks import claimed_files, read_locks
from collector.doctor.processes import pids
from collector.doctor.replies import command_for_owner, judge_conversation

# systemd holds its sockets, too, and hands them over.
_SERVICE_MANAGER: Final = 1


@dataclass(frozen=True, slots=True)
class Owners:
    """The PIDs that have a listening socket, as far as they are shown.

    `databases` are those that they have claimed, as collectors do.
    """

    pids: frozenset[int]
    databases: tuple[Path, ...] = ()

    def others(self, collector: int | None) -> list[int]:
        """Return those that are neither the collector nor the service manager."""
        if collector in self.pids:
            return []
        return sorted(self.pids - {_SERVICE_MANAGER})


def look_for_owners(address: Address) -> Owners:
    """Return who listens at an address of this host, by port or by path."""
    inodes = {
        inode
        for inode, each in listening_sockets().items()
        if each == address
        or (
            isinstance(each, TcpAddress)
            and isinstance(address, TcpAddress)
            and each.port == address.port
        )
    }
    owners = frozenset(
        pid for pid in (pids() if inodes else []) if inodes & set(inodes_of(pid))
    )
    locks = read_locks() or []
    files = {file for pid in owners for file in claimed_files(locks, pid)}
    return Owners(owners, tuple(sorted(files)))


def step_of(address: Address) -> str:
    """Return what the step of a listener is called."""
    return f"listener {address}"


def judge_listener(
    target: Target, talk: Conversation, owners: Owners, holders: Holders
) -> Finding:
    """Return whether a listener takes connections, and is the collector's."""
    step = step_of(target.address)
    fault = judge_conversation(step, target, talk)
    others = owners.others(holders.collector) if talk.is_local else []
    who = ", ".join(map(named, others))
    look = f"see who listens: {command_for_owner(target.address)}"
    if others and fault is not None:
        return failed(
            step,
            f"{fault.seen}; {who} listens there",
            f"end it, or give the collector another address: kill {others[0]}",
            look,
        )
    if fault is not None:
        return fault
    if others and owners.databases:
        database = owners.databases[0]
        return failed(
            step,
            f"{who} listens there, and stores into another one: {database}",
            f"logcollector doctor --db {shlex.quote(str(database))}   # to look there",
            "or start it with this database, or this one's collector at another "
            "address",
        )
    if others and holders.is_known:
        # A proxy may pass on what it gets: the delivery will tell.
        return warning(
            step, f"{who} listens there, which does not store into this database", look
        )
    other = _other_certificate(target, talk)
    if other:
        return warning(step, other, "systemctl reload logcollector   # or kill -HUP")
    seen = f"takes connections ({talk.seconds * 1000:.0f} ms)"
    if target.is_tls:
        seen += ", with TLS"
    if target.tls_ca:
        seen += ", its certificate verified"
    return ok(step, seen)


def _other_certificate(target: Target, talk: Conversation) -> str:
    """Return that the one it shows is not the one of the settings; else nothing."""
    if target.tls is None or not talk.certificate:
        return ""
    try:
        pem = Path(target.tls.cert).read_text(encoding="ascii", errors="replace")
        end = pem.index(_PEM_END) + len(_PEM_END)
        start = pem.index("-----BEGIN CERTIFICATE-----")
        if ssl.PEM_cert_to_DER_cert(pem[start:end]) == talk.certificate:
            return ""
    except (OSError, ValueError):
        # That it can't be read is told among the settings.
        return ""
    return f"shows another certificate than {target.tls.cert} has now"


_PEM_END: Final = "-----END CERTIFICATE-----"
