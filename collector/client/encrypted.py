"""TLS over a socket, to an end that tells a refusal from a farewell.

In TLS 1.3 a server refuses a client's certificate after the client's side of
the handshake is done. SSLSocket.unwrap() takes that refusal for a farewell, so
the bytes are moved here by hand.
"""

from __future__ import annotations

import contextlib
import functools
import socket
import ssl
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from typing_extensions import Buffer

Result = TypeVar("Result")

_READ_BYTES: Final = 65536

# Reads of one look at what the other side has said: it must not keep us there.
_LOOKS: Final = 16


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
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=name or None
        )
        self.allow(seconds)

    def allow(self, seconds: float) -> None:
        """Let what follows take so many seconds from now, all together."""
        self._until = time.monotonic() + seconds

    def shake_hands(self) -> bytes:
        """Begin; return the server's certificate, in DER."""
        self._carried(self._tls.do_handshake)
        return self._tls.getpeercert(binary_form=True) or b""

    def sendall(self, data: Buffer) -> None:
        """Send all of this."""
        left = memoryview(data)
        while left:
            left = left[self._carried(functools.partial(self._tls.write, left)) :]

    def has_ended(self) -> bool:
        """Tell whether the other side has hung up, without waiting.

        Takes what it has said unasked: left unread, it would make a reset of our
        close. Raises ssl.SSLError for a refusal, ConnectionError for a reset.
        """
        self._connection.settimeout(0)
        for _ in range(_LOOKS):
            try:
                data = self._connection.recv(_READ_BYTES)
            except BlockingIOError:
                break
            if not data:
                return True
            self._incoming.write(data)
            if self._says_farewell():
                return True
        return False

    def end(self) -> None:
        """Say farewell."""
        # unwrap would take a refusal that has come by now for a farewell.
        self._says_farewell()
        # Ours is said then; theirs comes after what they have to say.
        with contextlib.suppress(ssl.SSLWantReadError):
            self._tls.unwrap()
        self._flush()

    def hear(self, most_bytes: int) -> bytes:
        """Wait for what the other side says; nothing: it said farewell.

        Raises ssl.SSLEOFError if it hung up without one.
        """
        try:
            return self._carried(lambda: self._tls.read(most_bytes))
        except ssl.SSLZeroReturnError:
            return b""

    def hear_farewell(self) -> None:
        """Wait until the other side says farewell, past all else that it says.

        Raises ssl.SSLEOFError if it hung up without one.
        """
        while self.hear(_READ_BYTES):
            continue

    def wait_closed(self) -> None:
        """After both farewells, wait until the other side has closed.

        One that closes before it has read all, as it does not want it, resets.
        """
        # After a reset that is an error, too, but the next one tells why.
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)
        while True:
            self._connection.settimeout(self._seconds_left())
            if not self._connection.recv(_READ_BYTES):
                return

    def close(self) -> None:
        """Hang up, without a farewell."""
        self._connection.close()

    def _says_farewell(self) -> bool:
        """Take all that has come, and tell whether it ends with a farewell."""
        try:
            while self._tls.read(_READ_BYTES):
                pass
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLZeroReturnError:
            pass
        return True

    def _carried(self, call: Callable[[], Result]) -> Result:
        """Return what a call does, once all the bytes it needs have come."""
        while True:
            try:
                result = call()
            except ssl.SSLWantReadError:
                self._flush()
                self._connection.settimeout(self._seconds_left())
                data = self._connection.recv(_READ_BYTES)
                if data:
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
            except ssl.SSLError:
                # The other side is told why, if it still listens.
                with contextlib.suppress(OSError):
                    self._connection.sendall(self._outgoing.read())
                raise
            else:
                self._flush()
                return result

    def _flush(self) -> None:
        self._connection.settimeout(self._seconds_left())
        try:
            self._connection.sendall(self._outgoing.read())
        except ConnectionError:
            # What it said before it hung up tells more.
            self.has_ended()
            raise

    def _seconds_left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left
