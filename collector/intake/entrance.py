"""The entrance: listening sockets that accept as long as there is room.

When descriptors run out, uvloop accepts connections and closes them, silently.
So before that, and at the settings' cap, accepting ends: the servers are
closed. But they have only duplicates of the listening sockets, which stay open,
so that peers wait in the kernel's queues, and what they send waits there too.
Once connections have ended, new servers are started.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final
from weakref import WeakValueDictionary

from collector.errors import ListenError
from collector.intake.connection import BUFFER_BYTES
from collector.intake.descriptors import descriptors_for_peers, open_descriptors
from collector.intake.duplicate import Duplicate
from collector.intake.notice import Notice
from collector.intake.sockets import BACKLOG, shown_address

log = logging.getLogger("logcollector")

# What serves a connection: the callback of asyncio.start_server.
Serve = Callable[
    [asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]
]

# How long the servers stay closed at least, lest a crowd at the cap make them
# open and close all the time.
CLOSED_SECONDS: Final = 0.05

# How long to wait for descriptors that something else than a peer gives back.
RETRY_SECONDS: Final = 1.0

# At a stop: how long no connection may have come in for all to be accepted.
SETTLED_SECONDS: Final = 0.02

# How often that is waited for, as newcomers may come for ever.
SETTLING_ROUNDS: Final = 25

# That it is full, and that it is no more, is each said at most this often.
SAY_SECONDS: Final = 1.0

# Iterations of the loop in which what was accepted reaches its task.
STEPS: Final = 4


class Entrance:
    """Accepts from listening sockets while there is room.

    Each socket comes with what serves its connections. Under uvloop those that
    several sockets accept at the same time may be more than the cap allows.
    """

    def __init__(
        self,
        doors: Sequence[tuple[socket.socket, Serve]],
        *,
        max_connections: int,
    ) -> None:
        self._doors = list(doors)
        self._max_connections = max_connections
        self._max_descriptors = descriptors_for_peers(len(self._doors))
        # As many as descriptors had room for when the servers were started.
        self._affordable = sys.maxsize
        self._servers: list[asyncio.Server] = []
        self._listening: list[Duplicate] = []
        # Accepted by asyncio and not yet a connection, by descriptor. Weak, as one
        # that never becomes a connection must not take room for ever.
        self._coming: WeakValueDictionary[int, socket.socket] = WeakValueDictionary()
        self._open = asyncio.Event()
        self._full = asyncio.Event()
        self._left = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._notice = Notice(SAY_SECONDS)
        self._cause = ""
        self._was_said = False
        self.accepted_total = 0
        self.inside = 0

    @property
    def is_full(self) -> bool:
        """Whether it has stopped accepting for want of room."""
        return self._full.is_set()

    @property
    def max_connections(self) -> int:
        """How many may be inside; may be changed."""
        return self._max_connections

    @max_connections.setter
    def max_connections(self, most: int) -> None:
        self._max_connections = most
        self._left.set()
        self._close_if_full()

    async def start(self) -> None:
        """Begin to accept. Raises ListenError."""
        await self._start_servers()
        self._keeper = asyncio.create_task(self._keep())

    async def settle(self, deadline: float) -> None:
        """Wait until those who waited are in, or none can be let in.

        `deadline` is in the loop's time.
        """
        loop = asyncio.get_running_loop()
        for _ in range(SETTLING_ROUNDS):
            seen = self.accepted_total
            await asyncio.sleep(SETTLED_SECONDS)
            if seen == self.accepted_total or self.is_full or loop.time() >= deadline:
                return

    async def wait_open(self, deadline: float) -> None:
        """Wait until it accepts again. `deadline` is in the loop's time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await self._open.wait()

    async def close(self) -> None:
        """Stop accepting for good, and close the sockets."""
        if self._keeper is not None:
            self._keeper.cancel()
        self._pause()
        await _steps()
        self._close_servers()
        for bound, _ in self._doors:
            bound.close()

    async def _start_servers(self) -> None:
        loop = asyncio.get_running_loop()
        # asyncio's own loop takes this as the number it accepts at a time; few,
        # that it can be told to stop. For uvloop's it is one anyway.
        backlog = 1 if isinstance(loop, asyncio.BaseEventLoop) else BACKLOG
        self._affordable = self._count_affordable()
        for bound, serve in self._doors:
            try:
                listening = Duplicate(bound, self._may_accept, self._coming)
                self._listening.append(listening)
                server = await asyncio.start_server(
                    self._counting(serve),
                    sock=listening,
                    limit=BUFFER_BYTES,
                    backlog=backlog,
                )
            except OSError as error:
                address = shown_address(bound)
                raise ListenError(f"cannot listen on {address}: {error}") from None
            self._servers.append(server)
            if self._full.is_set():
                # Those who came by the first socket took all the room.
                break
        else:
            self._open.set()

    def _may_accept(self) -> bool:
        taken = self.inside + len(self._coming)
        return taken < min(self._max_connections, self._affordable)

    def _counting(self, serve: Serve) -> Serve:
        # Not a coroutine function: it is to run when the connection is made,
        # not when its task has its turn.
        def enter(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> Coroutine[Any, Any, None]:
            self.accepted_total += 1
            self.inside += 1
            accepted = writer.get_extra_info("socket")
            descriptor = -1 if accepted is None else accepted.fileno()
            self._coming.pop(descriptor, None)
            self._close_if_full(descriptor)
            return self._until_left(serve(reader, writer))

        return enter

    async def _until_left(self, serving: Coroutine[Any, Any, None]) -> None:
        try:
            await serving
        finally:
            self.inside -= 1
            self._left.set()

    def _close_if_full(self, descriptor: int = -1) -> None:
        """Stop accepting at once when no other connection has room.

        The lowest free number is given to each descriptor, so a high one tells
        that all below it are in use, whoever has opened them.
        """
        if self._full.is_set():
            return
        if self.inside >= self._max_connections:
            self._cause = f"{self._max_connections} are open (max_connections)"
        elif self.inside >= self._affordable or descriptor >= self._max_descriptors:
            self._cause = (
                f"{self.inside} are open, and more would use up the descriptors "
                "(ulimit -n, LimitNOFILE=)"
            )
        else:
            return
        self._pause()
        self._full.set()
        self._was_said = False
        self._say_full()

    def _say_full(self) -> None:
        """Say once that it is full, now or when enough time has passed."""
        now = asyncio.get_running_loop().time()
        if not self._was_said and self._notice.is_due(now):
            self._was_said = True
            log.warning(
                "no more connections are accepted: %s; others wait until one ends",
                self._cause,
            )

    def _pause(self) -> None:
        self._open.clear()
        loop = asyncio.get_running_loop()
        if isinstance(loop, asyncio.BaseEventLoop):
            # It must not lose its server while a connection that it has
            # accepted is on its way to become a transport.
            for listening in self._listening:
                if listening.fileno() >= 0:
                    loop.remove_reader(listening.fileno())
        else:
            self._close_servers()

    def _close_servers(self) -> None:
        for server in self._servers:
            server.close()
        # Those whose server could not be started.
        for listening in self._listening[len(self._servers) :]:
            listening.close()
        self._servers.clear()
        self._listening.clear()

    async def _keep(self) -> None:
        """Close the servers when it is full; start them when there is room."""
        while True:
            await self._full.wait()
            await _steps()
            self._close_servers()
            await asyncio.sleep(CLOSED_SECONDS)
            while not self._has_room():
                self._left.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(RETRY_SECONDS):
                        await self._left.wait()
                self._say_full()
                # A crowd that leaves makes one start, not one each.
                await asyncio.sleep(CLOSED_SECONDS)
            self._full.clear()
            try:
                await self._start_servers()
            except ListenError as error:
                log.error("%s; trying again", error)
                self._pause()
                self._full.set()
                await asyncio.sleep(RETRY_SECONDS)
            else:
                if self._was_said:
                    log.info("connections are accepted again")

    def _has_room(self) -> bool:
        return self.inside < min(self._max_connections, self._count_affordable())

    def _count_affordable(self) -> int:
        """Return how many connections descriptors have room for, one at least."""
        if self._max_descriptors == sys.maxsize:
            return sys.maxsize
        try:
            taken = open_descriptors()
        except OSError:
            taken = self.inside
        return max(1, self.inside + self._max_descriptors - taken)


async def _steps() -> None:
    for _ in range(STEPS):
        await asyncio.sleep(0)
