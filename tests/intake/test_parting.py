"""The end of a connection: what the kernel has is taken, and the peer learns of it."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from collector.intake.parting import MAX_REST_BYTES, draw_held_back, take_rest

Transport = asyncio.WriteTransport


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    """Run a coroutine on each event loop in turn."""
    factory = None
    if request.param == "uvloop":
        factory = pytest.importorskip("uvloop").new_event_loop

    def to_end(work: Any) -> Any:
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(work)

    return to_end


async def with_connection(
    listener: socket.socket, use: Callable[[socket.socket, Transport], Awaitable[Any]]
) -> tuple[Any, bytes]:
    """Accept one connection that is not read, and let `use` have it.

    Returns what that returns, and the bytes that its protocol was given.
    """
    received = bytearray()
    accepted: asyncio.Future[Transport] = asyncio.get_running_loop().create_future()

    class Silent(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            accepted.set_result(transport)

        def data_received(self, data: bytes) -> None:
            received.extend(data)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(Silent, sock=listener)
    with socket.socket(listener.family) as client:
        client.settimeout(10)
        await asyncio.to_thread(client.connect, listener.getsockname())
        transport: Any = await accepted
        transport.pause_reading()
        try:
            return await use(client, transport), bytes(received)
        finally:
            transport.abort()
            server.close()


def test_the_rest(run: Any) -> None:
    """What has arrived is given to the protocol, and what is sent later fails."""

    async def use(client: socket.socket, transport: Transport) -> bool:
        client.sendall(b"one" * 1000)
        await draw_held_back(transport)
        take_rest(transport)
        try:
            for _ in range(100):
                await asyncio.to_thread(client.sendall, b"late")
                await asyncio.sleep(0.01)
        except OSError:
            return True
        return False

    listener = socket.create_server(("127.0.0.1", 0))
    assert run(with_connection(listener, use)) == (True, b"one" * 1000)


def test_a_unix_socket(run: Any, tmp_path: Path) -> None:
    """A UNIX socket's rest is taken too."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "logs.sock"))

    async def use(client: socket.socket, transport: Transport) -> None:
        client.sendall(b"one")
        await draw_held_back(transport)
        take_rest(transport)
        with pytest.raises(BrokenPipeError):
            client.sendall(b"late")

    assert run(with_connection(listener, use)) == (None, b"one")


def test_a_bound(run: Any) -> None:
    """No more is taken than a connection may buffer."""

    async def use(client: socket.socket, transport: Transport) -> None:
        client.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                client.send(bytes(65_536))
        take_rest(transport)

    listener = socket.create_server(("127.0.0.1", 0))
    _, received = run(with_connection(listener, use))
    assert len(received) == MAX_REST_BYTES


def test_a_closed_connection(run: Any) -> None:
    """Nothing is done to a descriptor that may be another's by now."""

    async def use(client: socket.socket, transport: Transport) -> None:
        client.sendall(b"one")
        transport.abort()
        await draw_held_back(transport)
        take_rest(transport)

    listener = socket.create_server(("127.0.0.1", 0))
    assert run(with_connection(listener, use)) == (None, b"")
