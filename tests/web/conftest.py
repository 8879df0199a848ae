"""A web server in the test's own loop, and clients that speak bytes to it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from collector.addresses import TcpAddress
from collector.intake.sockets import bind, shown_address
from collector.status import Status
from collector.web.access import make_access
from collector.web.app import make_app
from collector.web.server import WebServer

PATIENCE_SECONDS = 20


class Answer:
    """An HTTP response, taken apart."""

    def __init__(self, data: bytes) -> None:
        head, _, self.body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        self.code = int(first.split()[1])
        pairs = [line.split(": ", 1) for line in lines]
        self.headers = {name.lower(): value for name, value in pairs}


class Served:
    """A server, and the Status that it shows."""

    def __init__(self) -> None:
        self.status = Status(state="ready", version="1.2.3")
        self.port = 0
        self.server: WebServer

    def snapshot(self) -> Status:
        return self.status

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def send(self, data: bytes) -> bytes:
        """Send bytes and return all that comes until the server closes."""
        reader, writer = await self.connect()
        writer.write(data)
        async with asyncio.timeout(PATIENCE_SECONDS):
            answer = await reader.read()
        writer.close()
        return answer

    async def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        lines = {"host": f"localhost:{self.port}", "connection": "close", **headers}
        told = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        request = f"{method} {path} HTTP/1.1\r\n{told}\r\n"
        return Answer(await self.send(request.encode()))


Serve = Callable[..., Awaitable[Served]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts servers on free ports of loopback."""
    started: list[Served] = []
    bound: list[socket.socket] = []

    async def start(token: str = "", allowed_hosts: Any = (), **limits: Any) -> Served:
        served = Served()
        sockets = bind(TcpAddress("127.0.0.1", 0))
        addresses = [shown_address(one) for one in sockets]
        assert isinstance(addresses[0], TcpAddress)
        served.port = addresses[0].port
        access = make_access(
            token=token, addresses=addresses, allowed_hosts=allowed_hosts
        )
        app = make_app(served.snapshot, access)
        served.server = WebServer(app, sockets, **limits)
        bound.extend(sockets)
        await served.server.start()
        started.append(served)
        return served

    yield start
    for served in started:
        served.server.stop()
        await served.server.wait_closed(1)
    for one in bound:
        one.close()


@asynccontextmanager
async def connections(served: Served, count: int) -> AsyncIterator[list[Any]]:
    """Open connections that are closed at the end."""
    opened = [await served.connect() for _ in range(count)]
    yield opened
    for _, writer in opened:
        writer.close()
