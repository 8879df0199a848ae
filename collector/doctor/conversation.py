"""One conversation with a listener, as a stock client has it: frames, then the end."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal

from collector.addresses import Address, TcpAddress, UnixAddress, is_loopback
from collector.client.encrypted import EncryptedStream
from collector.intake.tls import shown
from collector.listen_settings import ListenerSettings, TlsSettings

# What is kept of the words of somebody who is no collector.
MAX_SAID_BYTES: Final = 200

# What a listener on all addresses is reached by.
LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not bound to

Outcome = Literal[
    "taken",  # all was read, and the connection closed in peace
    "refused",  # nobody listens there
    "missing",  # there is no such socket
    "denied",  # this user may not connect to it
    "unresolved",  # no such name
    "unreachable",
    "silent",  # connected, and nothing came back
    "hung_up",  # connected, and reset
    "wants_tls",  # reset, as it speaks TLS and we did not
    "no_tls",  # connected, and what is there does not speak TLS
    "tls_refused",  # it speaks TLS, and did not like this client
    "untrusted",  # it speaks TLS, and its certificate is not of the CA, or the name
    "answered",  # it said something, which no collector does
]


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send, and what is known of the listener there.

    `start` is the command that starts its collector. With `tls_ca` TLS is spoken,
    and its certificate must be of that CA, and for `tls_name` if there is one.
    """

    address: Address
    settings: ListenerSettings | None = None
    start: str = "logcollector serve"
    client_cert: str = ""
    client_key: str = ""
    tls_ca: str = ""
    tls_name: str = ""

    @property
    def is_tls(self) -> bool:
        """Whether to speak TLS."""
        return self.tls is not None or bool(self.tls_ca)

    @property
    def tls(self) -> TlsSettings | None:
        """Its TLS; None for a plain one, and for one that is not known."""
        return None if self.settings is None else self.settings.tls

    @property
    def reachable(self) -> Address:
        """Where to connect to, when it listens on all addresses."""
        if isinstance(self.address, UnixAddress):
            return self.address
        return TcpAddress(
            LOOPBACK.get(self.address.host, self.address.host), self.address.port
        )

    def lets_in(self, peer: str) -> bool:
        """Tell whether its networks have an address."""
        if self.settings is None or not self.settings.allow or not peer:
            return True
        address = ipaddress.ip_address(peer.partition("%")[0])
        return any(address in network for network in self.settings.allow)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """How it went: `said` is what came back, `own_address` who we were there.

    `is_local`: we were connected to this very host.
    """

    outcome: Outcome
    seconds: float = 0.0
    error: str = ""
    said: bytes = b""
    own_address: str = ""
    is_local: bool = False
    certificate: bytes = b""


def converse(target: Target, frames: bytes, seconds: float) -> Conversation:
    """Send frames, end, and wait until the other side has read all and ends."""
    begun = time.monotonic()
    error_text = ""
    own_address = _loopback(target.reachable)
    is_local = False
    said = certificate = b""
    stage: Literal["connect", "tls", "talk"] = "connect"
    try:
        with _connected(target.reachable, seconds) as plain:
            stage = "talk"
            is_local = isinstance(target.address, UnixAddress)
            if not is_local:
                # Who connects to an address of this host does so from it.
                own_address = plain.getsockname()[0]
                is_local = own_address == plain.getpeername()[0]
            if target.is_tls:
                stage = "tls"
                encrypted = EncryptedStream(
                    plain, _context(target), seconds, target.tls_name
                )
                certificate = encrypted.shake_hands()
                stage = "talk"
                encrypted.sendall(frames)
                encrypted.end()
                said = encrypted.hear(MAX_SAID_BYTES)
            else:
                plain.sendall(frames)
                plain.shutdown(socket.SHUT_WR)
                said = plain.recv(MAX_SAID_BYTES)
    except OSError as error:
        outcome = _outcome(error, stage)
        error_text = _words(error)
    else:
        outcome = "answered" if said else "taken"
    return Conversation(
        outcome=outcome,
        seconds=time.monotonic() - begun,
        said=said,
        certificate=certificate,
        error=error_text,
        own_address=own_address,
        is_local=is_local,
    )


def speaks_tls(target: Target, seconds: float) -> bool:
    """Tell whether a listener of which nothing is known speaks TLS."""
    if target.is_tls or isinstance(target.address, UnixAddress):
        return False
    try:
        with _connected(target.reachable, seconds) as plain:
            EncryptedStream(plain, _context(target), seconds).shake_hands()
    except OSError:
        return False
    return True


@contextmanager
def _connected(address: Address, seconds: float) -> Iterator[socket.socket]:
    if isinstance(address, TcpAddress):
        with socket.create_connection((address.host, address.port), seconds) as client:
            yield client
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(seconds)
        client.connect(address.path)
        yield client


def _context(target: Target) -> ssl.SSLContext:
    if target.tls_ca:
        # As strict as clients are.
        context = ssl.create_default_context(cafile=target.tls_ca)
        context.check_hostname = bool(target.tls_name)
    else:
        # It is looked at below whose certificate it is, and nothing secret is sent.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if target.client_cert:
        context.load_cert_chain(target.client_cert, target.client_key or None)
    return context


def _loopback(address: Address) -> str:
    """Return who we are to a loopback address, also when it hangs up at once."""
    if isinstance(address, TcpAddress) and is_loopback(address):
        return "127.0.0.1" if address.host.lower() == "localhost" else address.host
    return ""


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return shown(error)
    return error.strerror or str(error) or type(error).__name__


def _outcome(error: OSError, stage: Literal["connect", "tls", "talk"]) -> Outcome:
    if stage == "connect":
        if isinstance(error, ConnectionRefusedError):
            return "refused"
        if isinstance(error, ConnectionError):
            # It was accepted, and closed at once.
            return "hung_up"
        if isinstance(error, FileNotFoundError):
            return "missing"
        if isinstance(error, PermissionError):
            return "denied"
        return "unresolved" if isinstance(error, socket.gaierror) else "unreachable"
    if isinstance(error, TimeoutError):
        return "silent"
    if isinstance(error, ConnectionError):
        return "hung_up"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "untrusted"
    if isinstance(error, ssl.SSLError) and "ALERT" in (error.reason or ""):
        return "tls_refused"
    # To ssl, the end of a connection is an error like any other.
    return "no_tls" if stage == "tls" else "hung_up"
