"""The receiver: what becomes of each payload, whichever connection it came by."""

from __future__ import annotations

import logging
import socket
import time
from collections import Counter
from collections.abc import Callable
from typing import Final, final

from collector.emit.emitter import Emitter
from collector.emit.visible import visible
from collector.errors import DecodeError
from collector.intake.notice import Notice
from collector.intake.overflow import Overflow
from collector.intake.peer_counts import count_peer
from collector.intake.refused_globals import RefusedGlobals
from collector.intake.shedding import Episode
from collector.record import Record, normalise
from collector.store.backlog import Backlog
from collector.store.rejects import make_reject
from collector.store.writer import Writer
from collector.wire.decoder import Decoder

log = logging.getLogger("logcollector")

# A transaction that takes longer than this is not waited for any more: the spool
# takes what comes meanwhile.
PATIENCE_SECONDS: Final = 0.5

# Who sends the records of the daemon itself.
OWN_PEER: Final = "logcollector"

# Rejects are said at most this often.
SAY_REJECT_SECONDS: Final = 10.0


@final
class Receiver:
    """Decodes payloads, hands records to the emitter and the store, counts.

    received_total + recovered_total = rejected + shed + what the backlog and
    the spool were given, of which the writer has stored or refused what does
    not wait any more.
    """

    def __init__(
        self,
        decoder: Decoder,
        *,
        backlog: Backlog | None,
        writer: Writer | None,
        emitter: Emitter | None,
        overflow: Overflow | None = None,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self.backlog: Final = backlog
        self._writer = writer
        self._overflow = overflow
        self._clock = clock
        self._timer = timer
        self._episode: Episode | None = None
        self._reject_notice = Notice(SAY_REJECT_SECONDS)
        # Set at a stop: nobody waits any more; then, that nothing is stored.
        self.stopping = False
        self.closed = False
        # Replaced at a reload.
        self.decoder = decoder
        self.emitter = emitter
        self.received_total = 0
        # Frames of an earlier run that were found in the spool.
        self.recovered_total = 0
        self.rejected_total: Counter[str] = Counter()
        self.rejected_by_peer_total: Counter[str] = Counter()
        self.shed_total: Counter[str] = Counter()
        self.shed_by_peer_total: Counter[str] = Counter()
        self.refused_globals: Final = RefusedGlobals()

    @property
    def is_full(self) -> bool:
        """Whether memory for records on their way to the disk is full."""
        overflow = self._overflow
        if overflow is not None and overflow.active:
            return overflow.is_behind
        return self.backlog is not None and self.backlog.is_full

    @property
    def may_expect_room(self) -> bool:
        """Whether it `is_full`, and there is room soon.

        SocketHandler gives up a blocked connection after a second. A busy
        writer makes room in time; for a stalled one it is not worth waiting.
        """
        backlog, writer, overflow = self.backlog, self._writer, self._overflow
        if backlog is None or writer is None or self.stopping or not self.is_full:
            return False
        if overflow is not None and overflow.active:
            return not overflow.is_stuck()
        return not writer.stalled and not writer.is_hung(PATIENCE_SECONDS)

    def receive(self, payload: bytes, peer: str, hostname: str) -> None:
        """Take one payload: a record to emit and store, or a reject.

        What the backlog can't take goes to the spool, and what that can't take
        is shed and counted; see `may_expect_room` first.
        """
        if self.closed:
            self.shed(peer, "stopped")
            return
        self.received_total += 1
        received = self._clock()
        record = self._decoded(payload, received, peer, hostname)
        if self.decoder.refused.found:
            self.refused_globals.add(peer, self.decoder.refused)
        if record is None:
            return
        size = kept_bytes(record, len(payload))
        if self.emitter is not None:
            self.emitter.add(record, size)
        backlog = self.backlog
        if backlog is None:
            return
        overflow = self._overflow
        if overflow is None:
            if backlog.is_full:
                self._shed(peer, "memory_full")
                return
        elif overflow.active or backlog.is_full:
            if not overflow.active:
                overflow.start("memory is full")
            if not overflow.put(payload, received, peer, hostname):
                self._shed(peer, "spool_full")
                return
            if self._episode is not None:
                self.end_shedding()
            return
        if self._episode is not None:
            self.end_shedding()
        backlog.add(record, size)

    def take_back(
        self, payload: bytes, received: float, peer: str, hostname: str
    ) -> None:
        """Take a payload that was in the spool; it has been emitted before."""
        assert self.backlog is not None
        record = self._decoded(payload, received, peer, hostname)
        if record is not None:
            self.backlog.add(record, kept_bytes(record, len(payload)))

    def _decoded(
        self, payload: bytes, received: float, peer: str, hostname: str
    ) -> Record | None:
        """Return the record of a payload; None if it has become a reject."""
        try:
            return normalise(
                self.decoder.decode(payload),
                received=received,
                peer=peer,
                hostname=hostname,
            )
        except DecodeError as error:
            self._reject(payload, peer, error.reason, error.detail)
        except Exception as error:  # the one place for a bug that a payload finds
            log.exception("a payload from %s could not be decoded", peer)
            self._reject(payload, peer, "internal_error", repr(error))
        return None

    def shed(self, peer: str, reason: str, count: int = 1) -> None:
        """Count frames that came, and were dropped unread."""
        self.received_total += count
        self.shed_total[reason] += count
        count_peer(self.shed_by_peer_total, peer, count)

    def lose(self, reason: str, count: int) -> None:
        """Count frames that had been taken, and can't be stored any more."""
        self.shed_total[reason] += count

    def _shed(self, peer: str, reason: str) -> None:
        self.shed_total[reason] += 1
        count_peer(self.shed_by_peer_total, peer)
        if self._episode is None:
            self._episode = Episode(self._timer())
        self._episode.count(peer)

    @property
    def is_shedding(self) -> bool:
        """Whether the last record was shed for want of room."""
        return self._episode is not None

    def end_shedding(self) -> None:
        """Tell, by a record too, what was shed now that there is room again."""
        if self._episode is not None:
            episode, self._episode = self._episode, None
            own = socket.gethostname()
            told = episode.ended(self._timer(), created=self._clock())
            self.receive(told, OWN_PEER, own)

    def reject(self, payload: bytes, *, peer: str, reason: str, detail: str) -> None:
        """Count a frame that never became a payload, and keep its beginning."""
        self.received_total += 1
        self._reject(payload, peer, reason, detail)

    def _reject(self, payload: bytes, peer: str, reason: str, detail: str) -> None:
        self.rejected_total[reason] += 1
        if self._reject_notice.is_due(self._timer()):
            log.warning(
                "rejected what %s sent: %s: %s; %d rejected since the start, kept in "
                "the table rejects",
                peer,
                reason,
                visible(detail),
                self.rejected_total.total(),
            )
        count_peer(self.rejected_by_peer_total, peer)
        if self.backlog is not None:
            self.backlog.add_reject(
                make_reject(
                    payload,
                    received=self._clock(),
                    peer=peer,
                    reason=reason,
                    detail=detail,
                )
            )


def kept_bytes(record: Record, payload_bytes: int) -> int:
    """Return about how much memory a record takes, from its payload's length.

    Shared values and escapes can make extra attributes much longer as JSON
    than they were in the payload.
    """
    size = payload_bytes
    if record.extra is not None:
        size += 4 * len(record.extra)
    if len(record.message) > size:
        size += 4 * len(record.message)
    return size
