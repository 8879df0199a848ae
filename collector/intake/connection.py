"""One connection: frames in, payloads to the receiver."""

from __future__ import annotations

import asyncio
import errno
import logging
from typing import Final, Protocol

from collector.errors import ProtocolError
from collector.intake.parting import draw_held_back, take_rest
from collector.intake.rates import PeerRates
from collector.intake.receiver import Receiver
from collector.store.waiting import wait_for_room as wait_for_backlog
from collector.wire.frames import HEADER_BYTES, frame_too_large, split_frames

log = logging.getLogger("logcollector")

# At a stop, a connection that brought nothing for so long has nothing more.
QUIET_SECONDS: Final = 0.1

# How much a connection may buffer before its peer has to wait: twice this.
BUFFER_BYTES: Final = 256 * 1024

# Frames that a connection may bring before others have their turn: while its
# buffer holds whole ones, reading them waits for nothing.
FRAMES_A_TURN: Final = 128

# How long a connection waits for room before it asks whether the writer stalls.
STALL_CHECK_SECONDS: Final = 0.1

# How the system says that nobody answered its keepalive probes.
VANISHED: Final = (errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH)


class LargeFrames:
    """Bounds the memory that frames larger than a buffer take, of all peers."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._taken_bytes = 0
        self._released = asyncio.Condition()

    async def reserve(self, length: int) -> None:
        """Wait until a frame of this length may be read."""
        async with self._released:
            await self._released.wait_for(
                lambda: (
                    not self._taken_bytes
                    or self._taken_bytes + length <= self._max_bytes
                )
            )
            self._taken_bytes += length

    async def release(self, length: int) -> None:
        """Give back what was reserved."""
        async with self._released:
            self._taken_bytes -= length
            self._released.notify_all()


class Writer(Protocol):
    """What a connection needs of its StreamWriter, or of what stands for it."""

    @property
    def transport(self) -> asyncio.WriteTransport:
        """The transport, to end at once by."""

    def close(self) -> None:
        """Hang up when all is written."""


class Connection:
    """Reads the frames of one peer until it ends, errs, or is told to stop.

    `place` is added to what is said of it, where there are several listeners.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: Writer,
        *,
        peer: str,
        receiver: Receiver,
        max_frame_bytes: int,
        large_frames: LargeFrames,
        rates: PeerRates,
        place: str = "",
    ) -> None:
        self._place = place
        self._reader = reader
        self._writer = writer
        self._receiver = receiver
        self._max_frame_bytes = max_frame_bytes
        self._large_frames = large_frames
        self._rates = rates
        # The header of the frame whose payload is awaited; empty between frames.
        self._header = b""
        self._waiting = False
        self._frames = 0
        self._seen_frames = -1
        self._seen_at = 0.0
        self._timed_out = False
        self._draining = False
        self.peer: Final = peer
        # Whether it ended because the peer's host no longer answered.
        self.has_vanished = False

    async def run(self, hostname: str) -> None:
        """Take all frames, then close. A protocol error becomes a reject."""
        try:
            await self._read_frames(hostname)
        except asyncio.IncompleteReadError as error:
            # Nothing between two frames: the peer has closed, as it should.
            if error.partial or self._header:
                self._reject_partial(error.partial)
        except ProtocolError as error:
            log.warning(
                "closing the connection of %s%s: %s", self.peer, self._place, error
            )
            self._reject(self._header, error.reason, error.detail)
        except OSError as error:
            # A reset; what was sent before it may not have arrived.
            self.has_vanished = error.errno in VANISHED
            self._take_rest(hostname, error)
        finally:
            self._writer.close()

    async def _read_frames(self, hostname: str) -> None:
        read_exactly = self._reader.readexactly
        receiver = self._receiver
        receive = receiver.receive
        from_bytes = int.from_bytes
        max_frame_bytes = self._max_frame_bytes
        rates = self._rates
        peer = self.peer
        while True:
            header = self._header = await read_exactly(HEADER_BYTES)
            length = from_bytes(header, "big")
            if length > max_frame_bytes:
                raise frame_too_large(header, max_frame_bytes)
            if length > BUFFER_BYTES:
                payload = await self._read_large(length)
            else:
                payload = await read_exactly(length)
            self._header = b""
            if rates.buckets is not None and not rates.admits(
                peer, HEADER_BYTES + length
            ):
                receiver.shed(peer, "rate_limit")
            else:
                if receiver.is_full:
                    # Not the peer's fault, whatever else it has sent meanwhile.
                    self._waiting = True
                    await wait_for_room(receiver)
                    self._waiting = False
                receive(payload, peer, hostname)
            self._frames += 1
            if not self._frames % FRAMES_A_TURN:
                await asyncio.sleep(0)

    async def _read_large(self, length: int) -> bytes:
        """Read a payload that does not fit into the buffer, within the budget."""
        self._waiting = True
        await self._large_frames.reserve(length)
        self._waiting = False
        try:
            return await self._reader.readexactly(length)
        finally:
            await self._large_frames.release(length)

    def _take_rest(self, hostname: str, error: OSError) -> None:
        """Take the whole frames that had arrived before a reset, count the rest."""
        # The reader raises a reset's error before it gives what it has.
        frames, rest = split_frames(self._header + bytes(vars(self._reader)["_buffer"]))
        for payload in frames:
            if self._rates.admits(self.peer, HEADER_BYTES + len(payload)):
                self._receiver.receive(payload, self.peer, hostname)
            else:
                self._receiver.shed(self.peer, "rate_limit")
        if rest:
            self._reject(rest, "connection_lost", str(error))

    def check_timeout(self, now: float, frame_timeout_seconds: float) -> bool:
        """Close the connection when its present frame takes too long.

        Called now and then with the loop's time; returns whether it did so.
        Measuring from the call that first saw the frame keeps clocks out of the
        hot path.
        """
        if not self.is_mid_frame or self._frames != self._seen_frames:
            self._seen_frames = self._frames if self.is_mid_frame else -1
            self._seen_at = now
            return False
        if self._timed_out or now - self._seen_at < frame_timeout_seconds:
            return False
        self._timed_out = True
        self._writer.transport.abort()
        return True

    @property
    def is_mid_frame(self) -> bool:
        """Whether a frame has begun to arrive and has not ended."""
        # A header's first bytes can only be seen in the reader's own buffer.
        buffered: bytearray = vars(self._reader)["_buffer"]
        return not self._waiting and (bool(self._header) or bool(buffered))

    async def drain(self, seconds: float) -> None:
        """Read on until nothing more comes, `seconds` at most, then hang up.

        `run` still takes the complete frames that had arrived by then.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        seen = -1
        while (self._waiting or seen != self._frames) and loop.time() < deadline:
            seen = self._frames
            await asyncio.sleep(min(QUIET_SECONDS, max(0.0, deadline - loop.time())))
        await draw_held_back(self._writer.transport)
        self._draining = True
        take_rest(self._writer.transport)
        self._writer.transport.abort()

    def cut_off(self) -> None:
        """End it though whole frames wait to be read, which are shed; after `drain`."""
        buffer: bytearray = vars(self._reader)["_buffer"]
        frames, rest = split_frames(self._header + bytes(buffer))
        # `run` finds nothing but the end.
        self._header = b""
        buffer.clear()
        self._reader.feed_eof()
        if frames:
            self._receiver.shed(self.peer, "stopped", len(frames))
        if rest:
            self._reject_partial(rest)

    def _reject_partial(self, partial: bytes) -> None:
        if self._timed_out:
            reason, detail = "frame_timeout", "it did not arrive in time"
        elif self._draining:
            reason, detail = "stopped", "the daemon stopped before its end arrived"
        else:
            reason, detail = "truncated", "the connection ended in the middle of it"
        self._reject(partial, reason, detail)

    def _reject(self, payload: bytes, reason: str, detail: str) -> None:
        self._receiver.reject(
            payload, peer=self.peer, reason=reason, detail=detail + self._place
        )


async def wait_for_room(receiver: Receiver) -> None:
    """Wait while memory is full, as long as room is to be expected soon."""
    while receiver.may_expect_room:
        assert receiver.backlog is not None
        # There is none, whoever said so before.
        receiver.backlog.room.clear()
        await wait_for_backlog(receiver.backlog, STALL_CHECK_SECONDS)
