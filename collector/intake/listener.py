"""The listener: accepts connections within limits, and drains them at a stop."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import struct
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from collector.addresses import Address
from collector.errors import ListenError
from collector.intake.connection import BUFFER_BYTES, Connection, LargeFrames
from collector.intake.peers import Hostnames, peer_address
from collector.intake.receiver import Receiver
from collector.intake.sockets import BACKLOG, shown_address

log = logging.getLogger("logcollector")

# Memory for frames larger than a connection's buffer, of all peers together.
LARGE_FRAMES_BYTES: Final = 64 * 1024 * 1024

# At a stop: how long no connection may have come in for all to be accepted.
SETTLED_SECONDS: Final = 0.02

# Descriptors that are kept for the database, files and look-ups.
RESERVED_DESCRIPTORS: Final = 64

# Closing with this sends a reset.
_NO_LINGER: Final = struct.pack("ii", 1, 0)

# Refused connections are said at most this often.
REFUSAL_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """What peers may do."""

    max_frame_bytes: int
    max_connections: int
    max_connections_per_peer: int
    frame_timeout_seconds: float


class Listener:
    """Serves all connections of a set of listening sockets."""

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        *,
        receiver: Receiver,
        hostnames: Hostnames,
        limits: ConnectionLimits,
    ) -> None:
        self._sockets = list(sockets)
        self._receiver = receiver
        self._most_connections = most_connections()
        self._large_frames = LargeFrames(
            max(LARGE_FRAMES_BYTES, 2 * limits.max_frame_bytes)
        )
        self._accepted = 0
        self._servers: list[asyncio.Server] = []
        self._connections: dict[Connection, asyncio.Task[None]] = {}
        self._by_peer: Counter[str] = Counter()
        self._watch: asyncio.Task[None] | None = None
        self._said_refusal = -REFUSAL_SECONDS
        # Replaced at a reload.
        self.limits = limits
        self.hostnames = hostnames
        self.addresses: Final[list[Address]] = [shown_address(s) for s in sockets]
        self.refused_total = 0

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    async def start(self) -> None:
        """Begin to accept."""
        for bound in self._sockets:
            try:
                server = await asyncio.start_server(
                    self._serve, sock=bound, limit=BUFFER_BYTES, backlog=BACKLOG
                )
            except OSError as error:
                address = shown_address(bound)
                raise ListenError(f"cannot listen on {address}: {error}") from None
            self._servers.append(server)
        self._watch = asyncio.create_task(self._watch_timeouts())

    async def stop(self, seconds: float) -> None:
        """Stop accepting, take the frames that have arrived, close everything."""
        # Let the loop accept what waits in the sockets' queues: those clients
        # believe they are connected and may have sent records.
        deadline = asyncio.get_running_loop().time() + seconds
        seen = -1
        while seen != self._accepted and asyncio.get_running_loop().time() < deadline:
            seen = self._accepted
            await asyncio.sleep(SETTLED_SECONDS)
        for server in self._servers:
            server.close()
        if self._watch is not None:
            self._watch.cancel()
        connections = dict(self._connections)
        await asyncio.gather(*[c.drain(seconds) for c in connections])
        await self.wait_closed(seconds)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Handle one connection: the callback of asyncio.start_server."""
        self._accepted += 1
        peer = peer_address(writer.get_extra_info("peername"))
        reason = self._refusal(peer)
        if reason:
            self._refuse(peer, reason)
            # A reset, not an end: the peer must not believe that it was heard.
            accepted = writer.get_extra_info("socket")
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            writer.transport.abort()
            return
        connection = Connection(
            reader,
            writer,
            peer=peer,
            receiver=self._receiver,
            max_frame_bytes=self.limits.max_frame_bytes,
            large_frames=self._large_frames,
        )
        task = asyncio.current_task()
        assert task is not None
        self._connections[connection] = task
        self._by_peer[peer] += 1
        try:
            await connection.run(await self.hostnames.name(peer))
        except Exception:  # the boundary of a connection: a bug ends only this one
            log.exception("the connection of %s failed", peer)
            writer.transport.abort()
        finally:
            del self._connections[connection]
            self._by_peer[peer] -= 1
            if not self._by_peer[peer]:
                del self._by_peer[peer]

    def _refusal(self, peer: str) -> str:
        most = min(self.limits.max_connections, self._most_connections)
        if len(self._connections) >= most:
            return f"{most} connections are open (max_connections)"
        most = self.limits.max_connections_per_peer
        if self._by_peer[peer] >= most:
            return f"it has {most} connections open (max_connections_per_peer)"
        return ""

    def _refuse(self, peer: str, reason: str) -> None:
        self.refused_total += 1
        now = asyncio.get_running_loop().time()
        if now - self._said_refusal >= REFUSAL_SECONDS:
            self._said_refusal = now
            log.warning(
                "refusing the connection of %s: %s; %d refused since the start",
                peer,
                reason,
                self.refused_total,
            )

    async def wait_closed(self, seconds: float) -> None:
        """Wait for the last connections to end, `seconds` at most."""
        if self._connections:
            await asyncio.wait(self._connections.values(), timeout=seconds)

    async def _watch_timeouts(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            seconds = self.limits.frame_timeout_seconds
            await asyncio.sleep(min(1.0, seconds / 4))
            for connection in list(self._connections):
                connection.check_timeout(loop.time(), seconds)


def most_connections() -> int:
    """Return how many connections the limit of descriptors leaves room for."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return sys.maxsize
    return max(1, soft - RESERVED_DESCRIPTORS)
