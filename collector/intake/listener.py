"""The listener: accepts connections within limits, and drains them at a stop."""

from __future__ import annotations

import asyncio
import functools
import logging
import socket
import struct
from collections import Counter
from collections.abc import Sequence
from typing import Final

from collector.addresses import Address
from collector.errors import ProtocolError
from collector.intake.connection import QUIET_SECONDS, Connection, LargeFrames
from collector.intake.entrance import Entrance
from collector.intake.gate import Gate, Refusal, places
from collector.intake.limits import ConnectionLimits
from collector.intake.notice import Notice
from collector.intake.peers import Hostnames, peer_address
from collector.intake.receiver import Receiver
from collector.intake.sockets import keep_alive, shown_address
from collector.intake.tls_stream import TlsStream, secure

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


class Listener:
    """Serves all connections of a set of listening sockets.

    `doors` are the sockets, each with its gate. `limits` hold for all of them
    together; each gate has its own besides.
    """

    def __init__(
        self,
        doors: Sequence[tuple[socket.socket, Gate]],
        *,
        receiver: Receiver,
        hostnames: Hostnames,
        limits: ConnectionLimits,
    ) -> None:
        self._every_gate = list(dict.fromkeys(gate for _, gate in doors))
        self._places = places([(shown_address(bound), gate) for bound, gate in doors])
        self._receiver = receiver
        self._large_frames = LargeFrames(
            max(
                LARGE_FRAMES_BYTES,
                *(2 * gate.rules.limits.max_frame_bytes for gate in self._every_gate),
            )
        )
        self._entrance = Entrance(
            [(bound, functools.partial(self._serve, gate)) for bound, gate in doors],
            max_connections=limits.max_connections,
        )
        self._connections: dict[Connection, asyncio.Task[None]] = {}
        # The gate by which each of them came in.
        self._gates: dict[Connection, Gate] = {}
        self._handshakes: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._watch: asyncio.Task[None] | None = None
        self._refusal_notices: dict[str, Notice] = {}
        self._timed_out_notice = Notice(SAY_SECONDS)
        self._vanished_notice = Notice(SAY_SECONDS)
        self._limits = limits
        # Replaced at a reload.
        self.hostnames = hostnames
        self.addresses: Final[list[Address]] = [shown_address(s) for s, _ in doors]
        self.refused_total: Counter[str] = Counter()
        # Connections that were closed as a frame took too long.
        self.timed_out_total = 0
        # Connections whose peer no longer answered.
        self.vanished_total = 0

    @property
    def limits(self) -> ConnectionLimits:
        """What holds for all gates together; replaced at a reload."""
        return self._limits

    @limits.setter
    def limits(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._entrance.max_connections = limits.max_connections

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
            if self._handshakes:
                await asyncio.wait(self._handshakes, timeout=QUIET_SECONDS)
            # Not by cancelling: asyncio would show that as an error.
            for writer in self._handshakes.values():
                writer.transport.abort()
            left = max(0.0, deadline - loop.time())
            connections = dict(self._connections)
            await asyncio.gather(*[c.drain(left) for c in connections])
            await self.wait_closed(max(QUICK_SECONDS, deadline - loop.time()))
            if not others_wait:
                return
            # Those whose connections have just been closed make room for others.
            await self._entrance.wait_open(deadline)

    async def _serve(
        self, gate: Gate, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Handle one connection: the callback of asyncio.start_server."""
        peer = peer_address(writer.get_extra_info("peername"))
        refusal = gate.refusal(peer, self._limits.max_connections)
        if refusal is not None:
            self._refuse(gate, peer, refusal)
            _reset(writer)
            return
        accepted = writer.get_extra_info("socket")
        keep_alive(accepted, gate.rules.limits.tcp_keepalive_seconds)
        gate.enter(peer)
        try:
            if gate.rules.tls is None:
                await self._listen_to(gate, peer, reader, writer)
            else:
                await self._listen_to_tls(gate, peer, reader, writer)
        except Exception:  # the boundary of a connection: a bug ends only this one
            log.exception("the connection of %s%s failed", peer, self._places[gate])
            writer.transport.abort()
        finally:
            gate.leave(peer)

    async def _listen_to(
        self,
        gate: Gate,
        peer: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter | TlsStream,
    ) -> None:
        connection = Connection(
            reader,
            writer,
            peer=peer,
            receiver=self._receiver,
            max_frame_bytes=gate.rules.limits.max_frame_bytes,
            large_frames=self._large_frames,
            rates=gate.rates,
            place=self._places[gate],
        )
        task = asyncio.current_task()
        assert task is not None
        self._connections[connection] = task
        self._gates[connection] = gate
        try:
            await connection.run(await self.hostnames.name(peer))
            if connection.has_vanished:
                self._count_vanished(gate, peer)
        finally:
            del self._connections[connection]
            del self._gates[connection]

    async def _listen_to_tls(
        self,
        gate: Gate,
        peer: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        rules = gate.rules
        assert rules.tls is not None
        task = asyncio.current_task()
        assert task is not None
        self._handshakes[task] = writer
        try:
            stream = await secure(
                reader,
                writer,
                rules.tls,
                max_frame_bytes=rules.limits.max_frame_bytes,
            )
        except ProtocolError as error:
            self._refuse(gate, peer, Refusal(error.reason, error.detail))
            _reset(writer)
            return
        finally:
            del self._handshakes[task]
        if stream is None:
            writer.close()
            return
        decrypting = asyncio.create_task(stream.run())
        try:
            await self._listen_to(gate, peer, stream.reader, stream)
        finally:
            decrypting.cancel()

    def _refuse(self, gate: Gate, peer: str, refusal: Refusal) -> None:
        """Count a refused connection, and say so now and then."""
        self.refused_total[refusal.reason] += 1
        reason = refusal.reason
        notice = self._refusal_notices.setdefault(reason, Notice(SAY_SECONDS))
        if notice.is_due(asyncio.get_running_loop().time()):
            log.warning(
                "refusing the connection of %s%s: %s; %d refused since the start",
                peer,
                self._places[gate],
                refusal.detail,
                self.refused_total.total(),
            )

    def _count_vanished(self, gate: Gate, peer: str) -> None:
        self.vanished_total += 1
        if self._vanished_notice.is_due(asyncio.get_running_loop().time()):
            log.warning(
                "closed the connection of %s%s: its host no longer answers; "
                "%d such since the start",
                peer,
                self._places[gate],
                self.vanished_total,
            )

    async def wait_closed(self, seconds: float) -> None:
        """Wait for the last connections to end, `seconds` at most."""
        if self._connections:
            await asyncio.wait(self._connections.values(), timeout=seconds)

    async def cut_off(self) -> None:
        """End connections that still have frames to read; these are shed."""
        for connection in list(self._connections):
            connection.cut_off()
        await self.wait_closed(QUICK_SECONDS)

    async def _watch_connections(self) -> None:
        while True:
            shortest = min(
                gate.rules.limits.frame_timeout_seconds for gate in self._every_gate
            )
            await asyncio.sleep(min(1.0, shortest / 4))
            await self._check_timeouts()
            for gate in self._every_gate:
                if over_rates := gate.rates.tell():
                    log.warning("%s%s", over_rates, self._places[gate])

    async def _check_timeouts(self) -> None:
        now = asyncio.get_running_loop().time()
        for n, (connection, gate) in enumerate(list(self._gates.items())):
            if n % CHECKED_AT_ONCE == CHECKED_AT_ONCE - 1:
                # Thousands of connections must not hold up the loop.
                await asyncio.sleep(0)
            seconds = gate.rules.limits.frame_timeout_seconds
            if connection in self._gates and connection.check_timeout(now, seconds):
                self._count_timed_out(gate, connection.peer, seconds)

    def _count_timed_out(self, gate: Gate, peer: str, seconds: float) -> None:
        self.timed_out_total += 1
        if self._timed_out_notice.is_due(asyncio.get_running_loop().time()):
            log.warning(
                "closing the connection of %s%s: a frame did not arrive within %g s; "
                "%d such since the start",
                peer,
                self._places[gate],
                seconds,
                self.timed_out_total,
            )


def _reset(writer: asyncio.StreamWriter) -> None:
    """Hang up with a reset: the peer must not believe that it was heard."""
    if writer.transport.is_closing():
        return
    accepted = writer.get_extra_info("socket")
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    writer.transport.abort()
