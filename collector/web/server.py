"""The web server: uvicorn, within the daemon's loop and within limits."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Generator, Sequence
from typing import Any, Final

from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import Server

from collector.errors import ListenError

log = logging.getLogger("logcollector")

# Descriptors for them are in the reserve that records' connections leave.
MAX_CONNECTIONS: Final = 32

# How long one request may take to come and be answered, and read.
REQUEST_SECONDS: Final = 10.0

# How long a connection may be kept for a next request.
KEEP_ALIVE_SECONDS: Final = 5

MAX_HEADER_BYTES: Final = 8 * 1024


class WebServer:
    """Serves an application on bound sockets, and never delays a stop.

    A connection that brings no request for `request_seconds`, or does not read
    the answer, is closed.
    """

    def __init__(
        self,
        app: ASGIApp,
        sockets: Sequence[socket.socket],
        *,
        request_seconds: float = REQUEST_SECONDS,
    ) -> None:
        _silence_uvicorn()
        self._sockets = list(sockets)
        self._server = _Server(
            _Config(
                app,
                request_seconds=request_seconds,
                interface="asgi3",
                http=_Connection,
                ws="none",
                lifespan="off",
                workers=1,
                # Its own logging would write among the records' lines.
                log_config=None,
                access_log=False,
                server_header=False,
                # The peer's address is not asked for, by no header either.
                proxy_headers=False,
                backlog=MAX_CONNECTIONS,
                limit_concurrency=MAX_CONNECTIONS + 1,
                h11_max_incomplete_event_size=MAX_HEADER_BYTES,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=1,
            )
        )
        self._task: asyncio.Task[None] | None = None

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._server.server_state.connections)

    async def start(self) -> None:
        """Begin to accept. Raises ListenError."""
        self._task = asyncio.create_task(self._server.serve(self._sockets))
        started = asyncio.create_task(self._server.serving.wait())
        try:
            await asyncio.wait(
                {self._task, started}, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            started.cancel()
        if self._task.done():
            error = self._task.exception()
            raise ListenError(f"cannot serve HTTP: {error}") from error
        self._task.add_done_callback(_say_failure)

    def stop(self) -> None:
        """Take no more connections; end those that are there soon."""
        self._server.should_exit = True

    async def wait_closed(self, seconds: float) -> None:
        """Wait for the end, `seconds` at most; then end what is left.

        The sockets are the caller's to close.
        """
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=seconds)
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=seconds)
        self._server.abort()


class _Config(Config):
    """uvicorn's settings, and one that it lacks."""

    def __init__(self, app: ASGIApp, *, request_seconds: float, **others: Any) -> None:
        super().__init__(app, **others)
        self.request_seconds = request_seconds

    def configure_logging(self) -> None:
        # It would name a level TRACE, for the records' lines as well.
        return


class _Server(Server):
    """Leaves signals to the daemon, and tells when it accepts."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.serving = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.serving.set()

    def abort(self) -> None:
        """Close whatever is open still, without waiting for anybody."""
        for server in getattr(self, "servers", ()):
            server.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()


class _Connection(H11Protocol):
    """Bounds what uvicorn does not: the connections, and a request's time.

    uvicorn's own limit answers what is over it, when a request has come; one
    that never sends any would stay.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(  # type: ignore[override]
        self, transport: asyncio.Transport
    ) -> None:
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
        self._renew_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        # uvicorn goes on to a next request in here.
        self._renew_deadline()
        super().on_response_complete()

    def _renew_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        # A closing transport still waits for its peer to read.
        assert isinstance(self.config, _Config)
        self._deadline = self.loop.call_later(
            self.config.request_seconds, self.transport.abort
        )


def _say_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("HTTP is not served any more", exc_info=error)


def _silence_uvicorn() -> None:
    """Keep uvicorn's messages, which any peer can provoke, out of all logs.

    With `emit = "logging"` the root logger belongs to the records. What fails
    in our application is logged there.
    """
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.CRITICAL + 1)
        logger.propagate = False
