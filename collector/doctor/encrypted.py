"""A conversation in TLS, to an end that tells a refusal from a farewell.

In TLS 1.3 a server refuses a client's certificate after the client's side of
the handshake is done. SSLSocket.unwrap() takes that refusal for a farewell, so
the bytes are moved here by hand.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from typing import Final, TypeVar

Result = TypeVar("Result")

_READ_BYTES: Final = 65536


class EncryptedStream:
    """TLS over a connected socket, for at most so many seconds.

    `name` is that of the server, if it is known.

    Everything raises OSError: ssl.SSLError for what the other side refuses or
    does not understand, TimeoutError when the time is over.
    """

    def __init__(
        self,
        connection: socket.socket,
        context: ssl.SSLContext,
        seconds: float,
        name: str = "",
    ) -> None:
        self._connection = connection
        self._until = time.monotonic() + seconds
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=name or None
        )

    def shake_hands(self) -> bytes:
        """Begin; return the server's certificate, in DER."""
        self._carried(self._tls.do_handshake)
        return self._tls.getpeercert(binary_form=True) or b""

    def send(self, data: bytes) -> None:
        """Send all of this."""
        if data:
            self._carried(lambda: self._tls.write(data))

    def end(self, most_bytes: int) -> bytes:
        """Say farewell; return what comes back until the other side does, too."""
        try:
            self._tls.unwrap()
        except ssl.SSLWantReadError:
            # Ours is said; theirs comes after what they have to say.
            pass
        else:
            return b""
        try:
            return self._carried(lambda: self._tls.read(most_bytes))
        except ssl.SSLZeroReturnError:
            return b""

    def _carried(self, call: Callable[[], Result]) -> Result:
        """Return what a call does, once all the bytes it needs have come."""
        while True:
            try:
                result = call()
            except ssl.SSLWantReadError:
                self._flush()
                data = self._connection.recv(_READ_BYTES)
                if data:
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
            else:
                self._flush()
                return result

    def _flush(self) -> None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._connection.settimeout(left)
        self._connection.sendall(self._outgoing.read())
