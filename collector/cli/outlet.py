"""The outlet: frames to a collector, or to any receiver of stock records."""

from __future__ import annotations

import errno
import socket
import ssl
from typing import Final

from collector.addresses import Address, TcpAddress
from collector.client.encrypted import EncryptedStream
from collector.errors import SendError

CONNECT_SECONDS: Final = 5.0
CONFIRM_SECONDS: Final = 10.0

# How long a receiver may read nothing before it is given up.
SEND_SECONDS: Final = 30.0

_HANGING_UP: Final = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)


class Outlet:
    """Connections to one receiver, one after the other.

    The stock protocol has no acknowledgement. But whoever receives closes a
    connection when everything up to its end has been read: `confirm` ends one and
    waits for that. By TLS 1.3 it may refuse this side's certificate after the
    handshake; at the latest `confirm` raises that. `about_tls` tells, behind "it
    may want TLS", what to do about that. All methods raise SendError, but for
    `close`.
    """

    def __init__(
        self,
        address: Address,
        *,
        context: ssl.SSLContext | None = None,
        about_tls: str = "",
    ) -> None:
        self._address = address
        self._context = context
        self._about_tls = about_tls
        self._socket: socket.socket | EncryptedStream | None = None

    def connect(self) -> None:
        """Connect, if that is not done yet."""
        if self._socket is not None:
            return
        try:
            self._socket = _connected(self._address, self._context)
        except OSError as error:
            raise self._explained(error) from None

    def send(self, data: bytes) -> None:
        """Send bytes, over the connection there is or a new one."""
        self.connect()
        assert self._socket is not None
        try:
            _allow(self._socket, SEND_SECONDS)
            self._socket.sendall(data)
        except OSError as error:
            raise self._explained(error) from None

    def confirm(self) -> None:
        """End the connection; return when the receiver has read all of it."""
        client = self._socket
        if client is None:
            return
        try:
            _allow(client, CONFIRM_SECONDS)
            if isinstance(client, EncryptedStream):
                _end(client)
            else:
                client.shutdown(socket.SHUT_WR)
                client.recv(1)
        except OSError as error:
            raise self._explained(error) from None
        finally:
            self.close()

    def close(self) -> None:
        """Hang up, whatever the receiver has read."""
        client, self._socket = self._socket, None
        if client is not None:
            client.close()

    def _explained(self, error: OSError) -> SendError:
        hint = self._hint(error)
        return SendError(
            f"cannot send to {self._address}: {_words(error)}"
            + (f" ({hint})" if hint else "")
        )

    def _hint(self, error: OSError) -> str:
        """Return what to look at when sending failed; or nothing."""
        if isinstance(error, (ConnectionRefusedError, FileNotFoundError)):
            return "is `logcollector serve` running there?"
        if self._context is not None and isinstance(error, _HANGING_UP):
            return (
                "it is there, and hung up: it may speak no TLS at this port, not "
                "accept this certificate, or not let this address in"
            )
        if isinstance(error, ConnectionError) or error.errno == errno.ENOTCONN:
            return (
                f"it is there, and hung up: it may want TLS{self._about_tls}, "
                "or not let this address in; its messages say why"
            )
        if isinstance(error, ssl.SSLError) and "ALERT" in (error.reason or ""):
            return (
                "it refused this connection: it may want a certificate of this side, "
                "or another one; its messages say why"
            )
        if isinstance(error, TimeoutError):
            return (
                "nobody has answered; is it the right address, and is the network up?"
            )
        return ""


def _allow(client: socket.socket | EncryptedStream, seconds: float) -> None:
    if isinstance(client, EncryptedStream):
        client.allow(seconds)
    else:
        client.settimeout(seconds)


def _end(client: EncryptedStream) -> None:
    """Say farewell, and wait until the other side has closed. Raises OSError.

    Many close without a farewell; who has not read all then resets.
    """
    client.end()
    try:
        client.hear_farewell()
        client.wait_closed()
    except ssl.SSLEOFError:
        return


def _connected(
    address: Address, context: ssl.SSLContext | None
) -> socket.socket | EncryptedStream:
    """Return a new connection, after its handshake. Raises OSError."""
    if isinstance(address, TcpAddress):
        plain = socket.create_connection((address.host, address.port), CONNECT_SECONDS)
    else:
        plain = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if not isinstance(address, TcpAddress):
            plain.settimeout(CONNECT_SECONDS)
            plain.connect(address.path)
        elif context is not None:
            client = EncryptedStream(plain, context, CONNECT_SECONDS, address.host)
            client.shake_hands()
            return client
    except OSError:
        plain.close()
        raise
    return plain


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    return error.strerror or str(error)
