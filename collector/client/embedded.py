"""A whole collector inside a program: for tests, notebooks, small tools."""

from __future__ import annotations

import contextlib
import os
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import asyncio

    from collector.service import Service


class ServerContext:
    """Runs a collector in a thread of its own while the context is open.

        with ServerContext("logs.sqlite", port=0) as server:
            client_attach_socket_handler(port=server.port)
            logging.warning("hello")

    Without `sqlite_filepath` records are only shown. `emit` says where: as
    the setting of that name, stdout by default. On leaving, all records that
    have arrived are stored and shown. Raises CollectorError where the server
    can't start, or where records could not be stored.
    """

    def __init__(
        self,
        sqlite_filepath: str | os.PathLike[str] | None = None,
        host: str = "localhost",
        port: int = 9020,
        *,
        emit: str = "stdout",
    ) -> None:
        self._db = "" if sqlite_filepath is None else os.fspath(sqlite_filepath)
        self._host = host
        self._port = port
        self._emit = emit
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._service: Service | None = None
        self._failure: BaseException | None = None
        self.port = port
        """The port it listens on, once entered."""

    def __enter__(self) -> Self:
        self._ready.clear()
        self._failure = None
        self._thread = threading.Thread(target=self._run, name="logcollector-server")
        self._thread.start()
        try:
            self._ready.wait()
        except BaseException:
            # Ctrl-C: leave no thread behind.
            self._ready.wait()
            self.__exit__(None, None, None)
            raise
        self._raise_failure()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._thread is not None
        loop, service = self._loop, self._service
        if loop is not None and service is not None:
            # RuntimeError: the loop has ended by itself just now.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(service.stop)
        self._thread.join()
        if error is None:
            self._raise_failure()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        # Server code is imported here, so that clients don't pay for it.
        import asyncio

        from collector.addresses import TcpAddress
        from collector.config import load_settings
        from collector.loops import loop_factory
        from collector.service import Service

        async def serve() -> None:
            settings = load_settings(
                flags={
                    "db": self._db,
                    "host": self._host,
                    "port": self._port,
                    "emit": self._emit,
                }
            )
            self._loop = asyncio.get_running_loop()
            # No environment: the service manager's sockets are not for us.
            self._service = Service(settings, environment={})
            await self._service.run(on_ready)

        def on_ready() -> None:
            assert self._service is not None
            address = self._service.addresses[0]
            if isinstance(address, TcpAddress):
                self.port = address.port
            self._ready.set()

        try:
            with asyncio.Runner(loop_factory=loop_factory("auto")) as runner:
                runner.run(serve())
        except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
            self._failure = error
        finally:
            self._loop = None
            self._ready.set()
