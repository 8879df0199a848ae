"""TLS over the streams of a connection, from the server's side.

`asyncio.start_server(ssl=...)` tells of a connection only once its handshake is
done: until then it can't be counted, refused for its address or named when it
fails. So listeners accept plain connections, and this decrypts what they read:
records go from the socket's StreamReader through OpenSSL's memory buffers into
a second StreamReader. It is the same for every event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import Final

from collector.emit.visible import visible
from collector.errors import ProtocolError
from collector.intake.connection import BUFFER_BYTES
from collector.intake.tls import ServerTls, names_of, shown
from collector.wire.frames import HEADER_BYTES, guess

READ_BYTES: Final = 64 * 1024

# Each record of TLS begins with its kind, which is this in a handshake.
_HANDSHAKE_RECORD: Final = 0x16

# Answers to a peer's key updates that it has not read. A peer that has more
# makes us write and does not read.
MAX_UNREAD_BYTES: Final = 64 * 1024

# How long a peer may take to read the farewell.
CLOSE_SECONDS: Final = 3.0

# What is shown of the names in a certificate.
_SHOWN_NAMES_CHARS: Final = 200


class _Valve(asyncio.Transport):
    """What a StreamReader sees of a transport: it can be paused."""

    def __init__(self) -> None:
        super().__init__()
        self.is_open = asyncio.Event()
        self.is_open.set()

    def pause_reading(self) -> None:
        self.is_open.clear()

    def resume_reading(self) -> None:
        self.is_open.set()


class TlsStream:
    """A connection's TLS. `reader` gives what the peer sent, in the clear."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        context: ssl.SSLContext,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._valve = _Valve()
        self._ended = False
        self.reader: Final = asyncio.StreamReader(limit=BUFFER_BYTES)
        self.reader.set_transport(self._valve)

    @property
    def transport(self) -> asyncio.WriteTransport:
        """The transport below the TLS."""
        return self._writer.transport

    async def shake_hands(self, max_frame_bytes: int) -> bool:
        """Agree on keys and check the peer's certificate.

        Returns False when the peer hung up before it sent anything. Raises
        ProtocolError when it can't be talked to.
        """
        began = False
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as error:
                # What OpenSSL has written by now tells the peer why.
                self._send()
                self._writer.close()
                raise ProtocolError("tls_handshake", shown(error)) from None
            else:
                self._send()
                return True
            self._send()
            try:
                data = await self._reader.read(READ_BYTES)
            except OSError:
                data = b""
            if not data:
                if began:
                    raise ProtocolError("tls_handshake", "it hung up")
                return False
            if not began and data[0] != _HANDSHAKE_RECORD:
                raise ProtocolError(
                    "tls_plain_text", _plain_text(data, max_frame_bytes)
                )
            began = True
            self._incoming.write(data)

    def check_names(self, allowed: frozenset[str]) -> None:
        """Raise ProtocolError if the peer's certificate has none of these names."""
        names = names_of(self._tls.getpeercert() or {})
        if allowed and not names & allowed:
            listed = visible(", ".join(sorted(names)))[:_SHOWN_NAMES_CHARS]
            raise ProtocolError(
                "tls_client_name",
                f"its certificate is for {listed or 'no name'}, which is not in "
                "tls_client_names",
            )

    async def run(self) -> None:
        """Decrypt until the peer ends; its end or error then is the reader's."""
        try:
            # What came together with the end of the handshake.
            self._decrypt()
            while not self._ended:
                await self._valve.is_open.wait()
                data = await self._reader.read(READ_BYTES)
                if not data:
                    break
                self._incoming.write(data)
                self._decrypt()
        except ssl.SSLError as error:
            with contextlib.suppress(OSError):
                self._send()
            await self._fail(ConnectionError(f"TLS: {shown(error)}"))
        except OSError as error:
            # The reader raises a reset's error before it gives what it has.
            self._incoming.write(bytes(vars(self._reader)["_buffer"]))
            with contextlib.suppress(OSError):
                self._decrypt()
            await self._fail(error)
        except Exception as error:  # noqa: BLE001 - raised where it is read
            self.reader.set_exception(error)
        else:
            # Without a farewell, too: frames have lengths, so nobody can pass
            # half of one for a whole.
            self.reader.feed_eof()

    async def _fail(self, error: OSError) -> None:
        # A StreamReader whose waiter has just been woken by data would wait
        # again without looking at the error: let it see the data first.
        await asyncio.sleep(0)
        self.reader.set_exception(error)

    def _decrypt(self) -> None:
        """Give the reader what can be decrypted. Raises OSError."""
        if self.reader.at_eof():
            # It was cut off: nobody wants the rest.
            self._ended = True
            return
        read, feed = self._tls.read, self.reader.feed_data
        while True:
            try:
                data = read(READ_BYTES)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLZeroReturnError:
                data = b""
            if not data:
                self._ended = True
                break
            feed(data)
        self._send()

    def _send(self) -> None:
        data = self._outgoing.read()
        transport = self._writer.transport
        if not data or transport.is_closing():
            return
        self._writer.write(data)
        if transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            transport.abort()
            raise ConnectionAbortedError("it did not read what it had asked for")

    def close(self) -> None:
        """Tell the peer that what it sent was read, and hang up."""
        with contextlib.suppress(OSError):
            self._tls.unwrap()
        with contextlib.suppress(OSError):
            self._send()
        self._writer.close()
        # A peer that does not read must not keep it open.
        asyncio.get_running_loop().call_later(
            CLOSE_SECONDS, self._writer.transport.abort
        )


async def secure(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    tls: ServerTls,
    *,
    max_frame_bytes: int,
) -> TlsStream | None:
    """Return a connection's TLS after the handshake, its peer being welcome.

    None: the peer hung up before it sent anything. Raises ProtocolError for a
    peer that must not be listened to.
    """
    stream = TlsStream(reader, writer, tls.context)
    try:
        async with asyncio.timeout(tls.handshake_timeout_seconds):
            if not await stream.shake_hands(max_frame_bytes):
                return None
    except TimeoutError:
        raise ProtocolError(
            "tls_timeout",
            f"no TLS handshake within {tls.handshake_timeout_seconds:g} s",
        ) from None
    stream.check_names(tls.client_names)
    return stream


def _plain_text(data: bytes, max_frame_bytes: int) -> str:
    """Say what a peer sent that did not begin TLS."""
    header = data[:HEADER_BYTES]
    if int.from_bytes(header.ljust(HEADER_BYTES, b"\0"), "big") <= max_frame_bytes:
        what = "a frame of plain text"
    else:
        what = guess(header, max_frame_bytes)
    return f"this listener speaks TLS, and it sent what looks like {what}"
