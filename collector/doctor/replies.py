"""What a conversation with a listener means, when it did not go well."""

from __future__ import annotations

import shlex

from collector.addresses import Address, TcpAddress, UnixAddress
from collector.doctor.conversation import Conversation, Target
from collector.doctor.finding import Finding, failed, warning


def judge_conversation(step: str, target: Target, talk: Conversation) -> Finding | None:
    """Return what a conversation failed at; None: it went well."""
    address = target.address
    owner = command_for_owner(address)
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
        case "wants_tls":
            return failed(
                step,
                "speaks TLS, and the settings given here say nothing of it",
                "give the collector's settings: --config FILE",
                "or the CA of its certificate: --tls-ca FILE",
            )
        case "no_tls":
            wanted = "the settings say" if target.tls else "--tls-ca wants"
            return failed(
                step,
                f"does not speak TLS, as {wanted}: {talk.error}",
                "systemctl restart logcollector   # if the settings have changed",
                f"see who it is: {owner}",
            )
        case "tls_refused":
            return failed(
                step,
                f"does not take this client's certificate: {talk.error}",
                "give one that tls_client_ca has signed: --tls-cert FILE "
                "--tls-key FILE",
            )
        case "untrusted":
            return failed(
                step,
                f"clients that trust this CA refuse it: {talk.error}",
                "see who has signed it, and for which names: openssl s_client -connect "
                f"{shlex.quote(str(target.reachable))} </dev/null | openssl x509 "
                "-noout -issuer -ext subjectAltName",
            )
        case "answered":
            return failed(
                step,
                f"is no collector: it answered {_quoted(talk.said)}",
                f"see who it is: {owner}",
                "give the collector another port, or end that program",
            )


def _quoted(said: bytes) -> str:
    return repr(said[:60].decode("ascii", "backslashreplace"))


def command_for_owner(address: Address) -> str:
    """Return the command that tells who listens at an address of this host."""
    if isinstance(address, TcpAddress):
        return f"sudo ss -ltnp 'sport = :{address.port}'"
    return f"sudo ss -lxp src {shlex.quote(address.path)}"
