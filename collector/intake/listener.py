"""The listener: accepts connections within limits, and drains them at a stop."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from collector.addresses import Address
from collector.intake.connection import Connection, LargeFrames
from collector.intake.entrance import Entrance
from collector.intake.notice import Notice
from collector.intake.peers import Hostnames, peer_address
from collector.intake.rates import PeerRates
from collector.intake.receiver import Receiver
from collector.intake.sockets import keep_alive, shown_address

log = logging.getLogger("logcollector")

# Memory for frames larger than a connection's buffer, of all peers together.
LARGE_FRAMES_BYTES: Final = 64 * 1024 * 1024

# Closing with this sends a reset.
_NO_LINGER: Final = struct.pack("ii", 1, 0)

# How long the closing of connections may take when all time has been used up.
QUICK_SECONDS: Final = 0.1

# How many connections are looked at before the loop may do something else.
CHECKED_AT_ONCE: Final = 500

# Refused connections, late frames and vanished peers are each said at most
# this often.
SAY_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """What peers may do."""

    max_frame_bytes: int
    max_connections: int
    max_connections_per_peer: int
    frame_timeout_seconds: float
    # 0: no limit.
    max_records_per_second: int = 0
    max_bytes_per_second: int = 0
    tcp_keepalive_seconds: int = 90


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
        self._receiver = receiver
        self._large_frames = LargeFrames(
            max(LARGE_FRAMES_BYTES, 2 * limits.max_frame_bytes)
        )
        self._entrance = Entrance(
            [(bound, self._serve) for bound in sockets],
            max_connections=limits.max_connections,
        )
        self._rates = PeerRates(
            max_records_per_second=limits.max_records_per_second,
            max_bytes_per_second=limits.max_bytes_per_second,
        )
        self._connections: dict[Connection, asyncio.Task[None]] = {}
        self._by_peer: Counter[str] = Counter()
        self._watch: asyncio.Task[None] | None = None
        self._refusal_notice = Notice(SAY_SECONDS)
        self._timed_out_notice = Notice(SAY_SECONDS)
        self._vanished_notice = Notice(SAY_SECONDS)
        self._limits = limits
        # Replaced at a reload.
        self.hostnames = hostnames
        self.addresses: Final[list[Address]] = [shown_address(s) for s in sockets]
        self.refused_total = 0
        # Connections that were closed as a frame took too long.
        self.timed_out_total = 0
        # Connections whose peer no longer answered.
        self.vanished_total = 0

    @property
    def limits(self) -> ConnectionLimits:
        """What peers may do; replaced at a reload."""
        return self._limits

    @limits.setter
    def limits(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._entrance.max_connections = limits.max_connections
        self._rates.change(limits.max_records_per_second, limits.max_bytes_per_second)

    @property
    def is_full(self) -> bool:
        """Whether no more connections are accepted, as none has room."""
        return self._entrance.is_full

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    async def start(self) -> None:
        """Begin to accept. Raises ListenError."""
        await self._entrance.start()
        self._watch = asyncio.create_task(self._watch_connections())

    async def stop(self, seconds: float) -> None:
        """Stop accepting, take the frames that have arrived, close everything."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            # Let the loop accept what waits in the sockets' queues: those clients
            # believe they are connected and may have sent records.
            await self._entrance.settle(deadline)
            others_wait = self._entrance.is_full and loop.time() < deadline
            if not others_wait:
                await self._entrance.close()
                if self._watch is not None:
                    self._watch.cancel()
            left = max(0.0, deadline - loop.time())
            connections = dict(self._connections)
            await asyncio.gather(*[c.drain(left) for c in connections])
            await self.wait_closed(max(QUICK_SECONDS, deadline - loop.time()))
            if not others_wait:
                return
            # Those whose connections have just been closed make room for others.
            await self._entrance.wait_open(deadline)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Handle one connection: the callback of asyncio.start_server."""
        peer = peer_address(writer.get_extra_info("peername"))
        reason = self._refusal(peer)
        if reason:
            self._refuse(peer, reason)
            # A reset, not an end: the peer must not believe that it was heard.
            accepted = writer.get_extra_info("socket")
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            writer.transport.abort()
            return
        accepted = writer.get_extra_info("socket")
        keep_alive(accepted, self._limits.tcp_keepalive_seconds)
        connection = Connection(
            reader,
            writer,
            peer=peer,
            receiver=self._receiver,
            max_frame_bytes=self._limits.max_frame_bytes,
            large_frames=self._large_frames,
            rates=self._rates,
        )
        task = asyncio.current_task()
        assert task is not None
        self._connections[connection] = task
        self._by_peer[peer] += 1
        try:
            await connection.run(await self.hostnames.name(peer))
            if connection.has_vanished:
                self._count_vanished(peer)
        except Exception:  # the boundary of a connection: a bug ends only this one
            log.exception("the connection of %s failed", peer)
            writer.transport.abort()
        finally:
            del self._connections[connection]
            self._by_peer[peer] -= 1
            if not self._by_peer[peer]:
                del self._by_peer[peer]

    def _refusal(self, peer: str) -> str:
        most = self._limits.max_connections_per_peer
        if self._by_peer[peer] >= most:
            return f"it has {most} connections open (max_connections_per_peer)"
        return ""

    def _refuse(self, peer: str, reason: str) -> None:
        self.refused_total += 1
        if self._refusal_notice.is_due(asyncio.get_running_loop().time()):
            log.warning(
                "refusing the connection of %s: %s; %d refused since the start",
                peer,
                reason,
                self.refused_total,
            )

    def _count_vanished(self, peer: str) -> None:
        self.vanished_total += 1
        if self._vanished_notice.is_due(asyncio.get_running_loop().time()):
            log.warning(
                "closed the connection of %s: its host no longer answers; "
                "%d such since the start",
                peer,
                self.vanished_total,
            )

    async def wait_closed(self, seconds: float) -> None:
        """Wait for the last connections to end, `seconds` at most."""
        if self._connections:
            await asyncio.wait(self._connections.values(), timeout=seconds)

    async def _watch_connections(self) -> None:
        while True:
            seconds = self._limits.frame_timeout_seconds
            await asyncio.sleep(min(1.0, seconds / 4))
            await self._check_timeouts(seconds)
            if over_rates := self._rates.tell():
                log.warning("%s", over_rates)

    async def _check_timeouts(self, seconds: float) -> None:
        now = asyncio.get_running_loop().time()
        for n, connection in enumerate(list(self._connections)):
            if n % CHECKED_AT_ONCE == CHECKED_AT_ONCE - 1:
                # Thousands of connections must not hold up the loop.
                await asyncio.sleep(0)
            if connection in self._connections and connection.check_timeout(
                now, seconds
            ):
                self._count_timed_out(connection.peer, seconds)

    def _count_timed_out(self, peer: str, seconds: float) -> None:
        self.timed_out_total += 1
        if self._timed_out_notice.is_due(asyncio.get_running_loop().time()):
            log.warning(
                "closing the connection of %s: a frame did not arrive within %g s; "
                "%d such since the start",
                peer,
                seconds,
                self.timed_out_total,
            )
