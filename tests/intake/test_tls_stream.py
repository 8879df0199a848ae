"""The server's side of TLS, fed with bytes as they may come."""

import asyncio
import contextlib
import ssl
from collections.abc import Iterator

import pytest
from certificates import Authority

from collector.errors import ProtocolError
from collector.intake.connection import BUFFER_BYTES
from collector.intake.tls import ServerTls, load_tls
from collector.intake.tls_stream import MAX_UNREAD_BYTES, TlsStream, secure
from collector.listen_settings import TlsSettings


class Client:
    """A client's side of TLS over streams of a real connection."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(
            self.incoming, self.outgoing, server_hostname="127.0.0.1"
        )

    async def connect(self, port: int) -> None:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                self.writer.write(self.outgoing.read())
                self.incoming.write(await self.reader.read(1000))
            else:
                break
        self.writer.write(self.outgoing.read())

    def send(self, data: bytes) -> None:
        self.tls.write(data)
        self.writer.write(self.outgoing.read())

    async def close(self) -> None:
        self.writer.transport.abort()
        await asyncio.sleep(0)


class Accepted:
    """A server that keeps the streams of TLS it has accepted."""

    def __init__(self, tls: ServerTls) -> None:
        self.tls = tls
        self.streams: asyncio.Queue[TlsStream | ProtocolError | None] = asyncio.Queue()

    async def serve(self, reader, writer) -> None:
        try:
            made = await secure(reader, writer, self.tls, max_frame_bytes=1000)
        except ProtocolError as error:
            await self.streams.put(error)
            writer.transport.abort()
            return
        if made is None:
            await self.streams.put(None)
            writer.close()
            return
        await self.streams.put(made)
        await made.run()

    async def next(self) -> TlsStream:
        async with asyncio.timeout(10):
            made = await self.streams.get()
        assert isinstance(made, TlsStream), made
        return made


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture(params=["asyncio", "uvloop"])
def runner(request) -> Iterator[asyncio.Runner]:
    factory = None
    if request.param == "uvloop":
        factory = pytest.importorskip("uvloop").new_event_loop
    with asyncio.Runner(loop_factory=factory) as made:
        yield made


@pytest.fixture
def run(runner, authority):
    """Runs a coroutine function with a connected client and the server's stream."""
    cert, key = map(str, authority.issue("server", "127.0.0.1"))
    settings = TlsSettings(
        cert=cert,
        key=key,
        client_ca="",
        client_names=frozenset(),
        handshake_timeout_seconds=10,
    )

    async def connected(test) -> None:
        accepted = Accepted(load_tls(settings, ""))
        server = await asyncio.start_server(accepted.serve, "127.0.0.1", 0)
        client = Client(authority.client_context())
        await client.connect(server.sockets[0].getsockname()[1])
        stream = await accepted.next()
        try:
            async with asyncio.timeout(5):
                await test(client, stream)
        finally:
            await client.close()
            server.close()
            stream.transport.abort()

    return lambda test: runner.run(connected(test))


def test_the_text_comes_as_it_was(run):
    """What the client wrote is read, in pieces of any size, to its end."""

    async def test(client, stream):
        sent = bytes(range(256)) * 4_000
        for start in range(0, len(sent), 77_777):
            client.send(sent[start : start + 77_777])
        assert await stream.reader.readexactly(len(sent)) == sent
        client.writer.close()
        assert await stream.reader.read() == b""

    run(test)


def test_a_reader_that_does_not_read(run):
    """What waits to be read is bounded; the client has to wait."""

    async def test(client, stream):
        for _ in range(200):
            client.send(b"x" * 65_536)
        transport = client.writer.transport
        seen = -1
        while seen != transport.get_write_buffer_size():
            seen = transport.get_write_buffer_size()
            await asyncio.sleep(0.05)
        # Kernel's buffers and two readers' take their part; the rest stays there.
        assert seen > 0
        assert len(vars(stream.reader)["_buffer"]) <= 2 * BUFFER_BYTES + 70_000
        assert await stream.reader.readexactly(200 * 65_536) == b"x" * 200 * 65_536

    run(test)


def test_a_farewell_ends_it(run):
    """After the client's farewell the reader is at its end, and ours is answered."""

    async def test(client, stream):
        client.send(b"last words")
        with pytest.raises(ssl.SSLWantReadError):
            client.tls.unwrap()
        client.writer.write(client.outgoing.read())
        assert await stream.reader.read() == b"last words"
        stream.close()
        client.incoming.write(await client.reader.read(-1))
        client.tls.unwrap()

    run(test)


def test_a_reader_that_is_cut_off(run):
    """What comes after the reader was told its end is no error, and not kept."""

    async def test(client, stream):
        client.send(b"before")
        assert await stream.reader.readexactly(6) == b"before"
        stream.reader.feed_eof()
        client.send(b"after")
        while not vars(stream)["_ended"]:
            await asyncio.sleep(0)
        assert await stream.reader.read() == b""

    run(test)


def test_nonsense_is_an_error_after_what_was_good(run):
    """A broken record raises once all that came before it was read."""

    async def test(client, stream):
        client.send(b"good")
        client.writer.write(b"\x17\x03\x03\x00\x20" + b"nonsense" * 4)
        with pytest.raises(ConnectionError, match="TLS: "):
            await stream.reader.readexactly(100)
        assert bytes(vars(stream.reader)["_buffer"]) == b"good"

    run(test)


def test_a_reset_gives_what_had_come(runner, authority):
    """Whole text that was there before a reset can still be had from the buffer."""
    cert, key = map(str, authority.issue("server", "127.0.0.1"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    async def test() -> None:
        client = Client(authority.client_context())
        reader = asyncio.StreamReader()

        class Written:
            transport = None

            def is_closing(self) -> bool:
                return False

            def write(self, data: bytes) -> None:
                client.incoming.write(data)

            def get_write_buffer_size(self) -> int:
                return 0

        written = Written()
        written.transport = written
        stream = TlsStream(reader, written, context)
        shaking = asyncio.create_task(stream.shake_hands(1000))
        while not shaking.done():
            with contextlib.suppress(ssl.SSLWantReadError):
                client.tls.do_handshake()
            data = client.outgoing.read()
            if data:
                reader.feed_data(data)
            await asyncio.sleep(0)
        assert await shaking
        client.tls.write(b"just in time")
        reader.feed_data(client.outgoing.read())
        reader.set_exception(ConnectionResetError("reset"))
        await stream.run()
        with pytest.raises(ConnectionResetError):
            await stream.reader.readexactly(5)
        assert bytes(vars(stream.reader)["_buffer"]) == b"just in time"

    runner.run(test())


def test_a_peer_that_makes_us_write_and_does_not_read(runner, authority):
    """Answers that pile up unread end the connection, instead of filling memory."""
    cert, key = map(str, authority.issue("server", "127.0.0.1"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    class Stuck:
        aborted = False
        waiting = 0

        @property
        def transport(self) -> "Stuck":
            return self

        def is_closing(self) -> bool:
            return self.aborted

        def write(self, data: bytes) -> None:
            self.waiting += len(data)

        def get_write_buffer_size(self) -> int:
            return self.waiting

        def abort(self) -> None:
            self.aborted = True

    async def test() -> None:
        stuck = Stuck()
        stream = TlsStream(asyncio.StreamReader(), stuck, context)
        vars(stream)["_outgoing"].write(b"x" * MAX_UNREAD_BYTES)
        stream._send()
        assert not stuck.aborted
        vars(stream)["_outgoing"].write(b"x")
        with pytest.raises(ConnectionAbortedError):
            stream._send()
        assert stuck.aborted

    runner.run(test())
