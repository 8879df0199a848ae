"""The listeners: who is there, and whether it takes connections."""

from __future__ import annotations

import shlex
import ssl
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from collector.addresses import Address, TcpAddress, UnixAddress
from collector.doctor.collecting import Holders, named
from collector.doctor.conversation import Conversation, Target
from collector.doctor.finding import Finding, failed, ok, warning
from collector.doctor.processes import PROC, open_files, pids

# Of /proc/net/tcp: the state of a socket that listens.
_LISTENING: Final = "0A"

# systemd holds its sockets, too, and hands them over.
_SERVICE_MANAGER: Final = 1


@dataclass(frozen=True, slots=True)
class Owners:
    """The PIDs that have a listening socket, as far as they are shown."""

    pids: frozenset[int]

    def others(self, collector: int | None) -> list[int]:
        """Return those that are neither the collector nor the service manager."""
        if collector in self.pids:
            return []
        return sorted(self.pids - {_SERVICE_MANAGER})


def look_for_owners(address: Address) -> Owners:
    """Return who listens at an address of this host."""
    if isinstance(address, TcpAddress):
        inodes = {
            inode
            for table in ("tcp", "tcp6")
            for inode in tcp_inodes(_text(table), address.port)
        }
    else:
        inodes = unix_inodes(_text("unix"), address.path)
    return Owners(frozenset(_having(inodes)))


def _text(table: str) -> str:
    try:
        return (PROC / "net" / table).read_text(errors="replace")
    except OSError:
        return ""


def tcp_inodes(text: str, port: int) -> set[str]:
    """Return the inodes of sockets that listen on a port, from /proc/net/tcp."""
    found: set[str] = set()
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == _LISTENING:
            local = fields[1].rpartition(":")[2]
            found.update(fields[9:10] if local == f"{port:04X}" else ())
    return found


def unix_inodes(text: str, path: str) -> set[str]:
    """Return the inodes of sockets that listen at a path, from /proc/net/unix."""
    found = set()
    for line in text.splitlines()[1:]:
        fields = line.split(maxsplit=7)
        # __SO_ACCEPTCON, which connected ones lack.
        if len(fields) == 8 and fields[7] == path and fields[3] == "00010000":
            found.add(fields[6])
    return found


def _having(inodes: Collection[str]) -> set[int]:
    links = {f"socket:[{inode}]" for inode in inodes}
    found = set()
    for pid in pids() if links else []:
        for link in open_files(pid):
            try:
                if str(link.readlink()) in links:
                    found.add(pid)
            except OSError:
                continue
    return found


def step_of(address: Address) -> str:
    """Return what the step of a listener is called."""
    return f"listener {address}"


def judge_listener(
    target: Target, talk: Conversation, owners: Owners, holders: Holders
) -> Finding:
    """Return whether a listener takes connections, and is the collector's."""
    step = step_of(target.address)
    fault = judge_conversation(step, target, talk)
    others = owners.others(holders.collector)
    if others:
        who = ", ".join(map(named, others))
        advice = (
            f"end it, or give the collector another address: kill {others[0]}",
            f"see who listens: {_command_for_owner(target.address)}",
        )
        if fault is not None:
            return failed(step, f"{fault.seen}; {who} listens there", *advice)
        if holders.is_known:
            return failed(
                step, f"{who} listens there, and does not store into this database",
                "give its --db or --config, or end it and start the collector: "
                f"kill {others[0]}",
            )  # fmt: skip
    if fault is not None:
        return fault
    other = _other_certificate(target, talk)
    if other:
        return warning(step, other, "systemctl reload logcollector   # or kill -HUP")
    seen = f"takes connections ({talk.seconds * 1000:.0f} ms)"
    return ok(step, seen + (", with TLS" if target.tls else ""))


def judge_conversation(step: str, target: Target, talk: Conversation) -> Finding | None:
    """Return what a conversation failed at; None: it went well."""
    address = target.address
    owner = _command_for_owner(address)
    start = f"{target.start}   # or: systemctl start logcollector"
    match talk.outcome:
        case "taken":
            return None
        case "refused":
            what = "nobody listens there"
            if isinstance(address, UnixAddress):
                what = "a socket is left there that nobody listens at"
            return failed(step, what, start)
        case "missing":
            return failed(step, "there is no such socket", start)
        case "denied":
            path = shlex.quote(str(getattr(address, "path", "")))
            return warning(
                step,
                "this user may not connect to it",
                f"ls -l {path}   # socket_mode and socket_group say who may",
            )
        case "unresolved":
            return failed(
                step,
                f"there is no host of that name: {talk.error}",
                f"getent hosts {shlex.quote(getattr(address, 'host', ''))}",
            )
        case "unreachable":
            return failed(
                step,
                f"can't be reached: {talk.error}",
                "is the address right, and do firewalls let you through?",
            )
        case "silent":
            return failed(
                step,
                f"is connected to, and did not answer within {talk.seconds:.1f} s: it "
                "has no room for more connections, hangs, or is no collector",
                f"see who it is: {owner}",
                "logcollector status   # when http_address is set",
            )
        case "hung_up":
            if not target.lets_in(talk.own_address):
                return failed(
                    step,
                    f"hung up: `allow` does not have {talk.own_address}",
                    f'add it: allow = [..., "{talk.own_address}"]; then reload',
                )
            return failed(
                step,
                f"hung up: {talk.error}",
                "its messages say why (allow, tls_*, max_connections_per_peer): "
                "journalctl -u logcollector -n 20",
            )
        case "no_tls":
            return failed(
                step,
                f"does not speak TLS as the settings say: {talk.error}",
                "systemctl restart logcollector   # if the settings have changed",
                f"see who it is: {owner}",
            )
        case "tls_refused":
            return failed(
                step,
                f"does not take this client's certificate: {talk.error}",
                "give one that tls_client_ca has signed: --certfile FILE "
                "--keyfile FILE",
            )
        case "answered":
            if talk.said[:2] == b"\x15\x03":
                return failed(
                    step,
                    "speaks TLS, and the settings given here say nothing of it",
                    "give the collector's settings: --config FILE",
                )
            return failed(
                step,
                f"is no collector: it answered {_quoted(talk.said)}",
                f"see who it is: {owner}",
                "give the collector another port, or end that program",
            )


def _quoted(said: bytes) -> str:
    return repr(said[:60].decode("ascii", "backslashreplace"))


def _command_for_owner(address: Address) -> str:
    if isinstance(address, TcpAddress):
        return f"sudo ss -ltnp 'sport = :{address.port}'"
    return f"sudo ss -lxp src {shlex.quote(address.path)}"


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
