"""Send a program's log records to a collector over TLS."""

from __future__ import annotations

import logging
import logging.handlers
import os
import ssl
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from collector.client.encrypted import EncryptedStream

if TYPE_CHECKING:
    from typing_extensions import Buffer

File = str | os.PathLike[str]

# How long a frame may take to be sent, as with the stock handler.
SEND_SECONDS: Final = 1.0

# How long a close waits for the collector to have read everything.
CLOSE_SECONDS: Final = 1.0

# How it shows that the other side has just hung up.
_HANGING_UP: Final = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)


class TLSSocketHandler(logging.handlers.SocketHandler):
    """A SocketHandler that speaks TLS; for the rest the standard library's own.

        TLSSocketHandler("logs.example.org", 9443, cafile="ca.pem")

    `cafile` holds the CA that signed the collector's certificate; without one
    the system's CAs are asked. `certfile` and `keyfile` (not needed where the
    key is in `certfile`) are this client's own, for a collector that asks for
    one. `server_hostname` is the name that the collector's certificate must
    have; it is `host` unless told otherwise. `context` replaces all files.
    Raises OSError that names the file when one can't be read or holds nothing
    usable.

    Like its base it drops records silently while no collector is there, and
    connects again by itself. That somebody is there, but the two don't trust or
    don't understand each other, is said on stderr, once for each reason: of what
    the collector refuses after the handshake, at the next record or at the close,
    which waits for its answer for a second at most.
    """

    sock: EncryptedStream | None  # type: ignore[assignment]

    def __init__(
        self,
        host: str,
        port: int,
        cafile: File | None = None,
        *,
        certfile: File | None = None,
        keyfile: File | None = None,
        server_hostname: str | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        if context is not None and (cafile or certfile or keyfile):
            raise ValueError("give either context or the files it is made of")
        if keyfile and not certfile:
            raise ValueError("keyfile is of no use without certfile")
        if port is None:
            raise ValueError("a UNIX socket has no TLS; use SocketHandler")
        super().__init__(host, port)
        if context is None:
            context = client_context(cafile, certfile, keyfile)
        self._context = context
        self._server_hostname = server_hostname or host
        self._process = 0
        self._connected_at = 0.0
        self._said: set[str] = set()

    def makeSocket(  # type: ignore[override]  # noqa: N802 - its base's
        self, timeout: float = 1
    ) -> EncryptedStream:
        """Connect and shake hands. Raises OSError."""
        plain = super().makeSocket(timeout)
        try:
            connected = EncryptedStream(
                plain, self._context, timeout, self._server_hostname
            )
            connected.shake_hands()
        except OSError as error:
            plain.close()
            self._say(_reason_of_handshake(error))
            raise
        self._process = os.getpid()
        self._connected_at = time.monotonic()
        connected.allow(SEND_SECONDS)
        return connected

    def send(self, s: Buffer) -> None:
        """Send a frame, over a new connection if the present one is no use."""
        connected = self.sock
        if connected is not None:
            inherited = self._is_inherited()
            if inherited or self._has_ended(connected):
                # Without a farewell: an inherited connection is the parent's.
                connected.close()
                self.sock = None
                if not inherited:
                    self._put_off()
            else:
                connected.allow(SEND_SECONDS)
        super().send(s)
        if self.sock is None and self.retryTime is None:
            # It was there, and could not be written to.
            self._say(self._reason_of_end(ConnectionError()))
            self._put_off()

    def _put_off(self) -> None:
        """Wait before connecting again, if the last connection was a short one.

        Who refuses a client's certificate may do so after the handshake; there
        must not be one for each record then.
        """
        if time.monotonic() - self._connected_at < self.retryStart:
            self.retryPeriod = self.retryStart
            self.retryTime = time.time() + self.retryPeriod

    def close(self) -> None:
        """Let the collector read what was sent, then close."""
        self.acquire()
        try:
            if self.sock is not None and not self._is_inherited():
                self._say_farewell(self.sock)
            super().close()
        finally:
            self.release()

    def _is_inherited(self) -> bool:
        """Tell whether the connection is that of the process that forked this one.

        Two processes that write to one stream of TLS break it for both.
        """
        return self._process != os.getpid()

    def _has_ended(self, connected: EncryptedStream) -> bool:
        """Tell whether the collector has hung up, which a write would not notice."""
        try:
            return connected.has_ended()
        except OSError as error:
            self._say(self._reason_of_end(error))
            return True

    def _say_farewell(self, connected: EncryptedStream) -> None:
        """Tell the collector that this is the end, and wait until it has it all."""
        if self._has_ended(connected):
            return
        try:
            connected.allow(CLOSE_SECONDS)
            connected.end()
            connected.hear_farewell()
        except OSError as error:
            # It has refused us or hung up by now, or takes its time.
            self._say(self._reason_of_end(error))

    def _reason_of_end(self, error: OSError) -> str:
        """Return why it ended the connection for good; empty: as it does at a stop.

        A client whose certificate it does not accept may be told after the
        handshake, with a reset. At a stop it ends connections in peace.
        """
        if isinstance(error, ConnectionError):
            if time.monotonic() - self._connected_at < self.retryStart:
                return (
                    "it hung up right after the TLS handshake; it may not accept "
                    "this client's certificate (tls_client_names)"
                )
            return ""
        if isinstance(error, ssl.SSLError) and not isinstance(error, _HANGING_UP):
            return _words(error)
        return ""

    def _say(self, reason: str) -> None:
        """Say once that records are dropped for a reason that will not go away."""
        if not reason or reason in self._said:
            return
        if not logging.raiseExceptions or sys.stderr is None:
            return
        self._said.add(reason)
        print(
            f"{type(self).__name__}: records for {self.host}:{self.port} are dropped: "
            f"{reason}",
            file=sys.stderr,
        )


def _reason_of_handshake(error: OSError) -> str:
    """Return what a failure of the handshake means; empty: nothing to be said."""
    if isinstance(error, _HANGING_UP):
        return (
            "it hung up during the TLS handshake; it may speak no TLS at this port, "
            "or not allow this address"
        )
    if isinstance(error, TimeoutError):
        return "it does not answer the TLS handshake; it may speak no TLS at this port"
    return _words(error) if isinstance(error, ssl.SSLError) else ""


def _words(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    return (error.reason or str(error)).lower().replace("_", " ")


def client_context(
    cafile: File | None, certfile: File | None, keyfile: File | None
) -> ssl.SSLContext:
    """Make a client's context of files. Raises OSError that names the file."""
    files = [os.fsdecode(file) for file in (cafile, certfile, keyfile) if file]
    try:
        context = ssl.create_default_context(cafile=cafile)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # What can be wrong with the first one has been.
        files = files[1:] if cafile else files
        if certfile:
            context.load_cert_chain(certfile, keyfile)
    except ssl.SSLError as error:
        raise ssl.SSLError(error.errno, _fault_of_files(error, files)) from None
    except OSError as error:
        raise _naming(error, files) from None
    return context


def _naming(error: OSError, files: Sequence[str]) -> OSError:
    """Return the error with the name of the file: ssl does not say it, open does."""
    for file in files:
        try:
            with Path(file).open("rb"):
                continue
        except OSError as named:
            return named.with_traceback(None)
    return error


def _fault_of_files(error: ssl.SSLError, files: Sequence[str]) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"{files[-1]}: this key does not belong to the certificate in {files[0]}"
    if error.reason == "NO_CERTIFICATE_OR_CRL_FOUND":
        return f"{files[0]}: holds no certificate in PEM"
    if "PEM lib" in str(error):
        return f"{', '.join(files)}: holds no certificate with its key in PEM"
    return f"{', '.join(files)}: {_words(error)}"
