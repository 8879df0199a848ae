"""How the service is watched: health and metrics over HTTP, as the settings say."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from collector.addresses import Address, is_loopback
from collector.errors import ConfigError
from collector.http_token import read_token
from collector.intake.sockets import bind, shown_address, unlink
from collector.settings import Settings
from collector.status import Status

if TYPE_CHECKING:
    from collector.web.server import WebServer


class Watching:
    """Serves HTTP at an address of its own.

    `take_status` is called for each request. When `open` has raised, `stop` and
    `close` clear away what it had made.
    """

    def __init__(self, address: Address, take_status: Callable[[], Status]) -> None:
        self._address = address
        self._take_status = take_status
        self._bound: list[socket.socket] = []
        self._server: WebServer | None = None
        self.addresses: list[Address] = []
        """The addresses it really serves on."""

    async def open(self, settings: Settings) -> None:
        """Begin to serve. Raises ConfigError, ListenError."""
        # Heavy, and off unless wanted.
        from collector.web.access import make_access
        from collector.web.app import make_app
        from collector.web.server import WebServer

        token = read_token(settings.http_token, settings.http_token_file)
        self._bound = bind(self._address)
        self.addresses = [shown_address(bound) for bound in self._bound]
        # A name such as localhost may be another address than one would think.
        if not token and not all(map(is_loopback, self.addresses)):
            raise ConfigError(
                "http_address",
                f"{self._address} can be reached from other hosts, "
                "and there is no token",
            )
        access = make_access(
            token=token,
            addresses=[self._address, *self.addresses],
            allowed_hosts=settings.http_allowed_hosts,
        )
        self._server = WebServer(make_app(self._take_status, access), self._bound)
        await self._server.start()

    def stop(self) -> None:
        """Take no more requests."""
        for bound in self._bound:
            unlink(bound)
        if self._server is not None:
            self._server.stop()

    async def close(self, seconds: float) -> None:
        """Answer what has come, for so long at most, and close the sockets."""
        if self._server is not None:
            await self._server.wait_closed(seconds)
        for bound in self._bound:
            bound.close()
