"""The receiver: what becomes of each payload, whichever connection it came by."""

from __future__ import annotations

import logging
import math
import time
from collections import Counter
from collections.abc import Callable
from typing import Final, final

from collector.emit.emitter import Emitter
from collector.emit.visible import visible
from collector.errors import DecodeError
from collector.record import Record, normalise
from collector.store.backlog import Backlog
from collector.store.rejects import make_reject
from collector.store.writer import Writer
from collector.wire.decoder import Decoder

log = logging.getLogger("logcollector")

# Peers that are counted apart; those beyond are counted together.
MAX_COUNTED_PEERS: Final = 1024
OTHER_PEERS: Final = "other"

# A transaction that takes longer than this is not waited for any more. Large
# ones of a busy, interpreted daemon may take a second and are no fault.
PATIENCE_SECONDS: Final = 3.0

# Rejects are said at most this often.
SAY_REJECT_SECONDS: Final = 10.0


@final
class Receiver:
    """Decodes payloads, hands records to the emitter and the backlog, counts.

    received_total = rejected + shed + what the backlog was given, of which the
    writer has stored or refused what does not wait any more.
    """

    def __init__(
        self,
        decoder: Decoder,
        *,
        backlog: Backlog | None,
        writer: Writer | None,
        emitter: Emitter | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.backlog: Final = backlog
        self._writer = writer
        self._clock = clock
        self._shedding = False
        self._said_reject = -math.inf
        # Replaced at a reload.
        self.decoder = decoder
        self.emitter = emitter
        self.received_total = 0
        self.rejected_total: Counter[str] = Counter()
        self.rejected_by_peer_total: Counter[str] = Counter()
        self.shed_total: Counter[str] = Counter()

    @property
    def is_full(self) -> bool:
        """Whether memory for waiting records is full."""
        return self.backlog is not None and self.backlog.is_full

    @property
    def may_expect_room(self) -> bool:
        """Whether memory is full, and room is to be expected soon.

        SocketHandler gives up a blocked connection after a second. A busy
        writer makes room in time; for a stalled one it is not worth waiting.
        """
        backlog, writer = self.backlog, self._writer
        return (
            backlog is not None
            and writer is not None
            and backlog.is_full
            and not writer.stalled
            and not writer.is_hung(PATIENCE_SECONDS)
            and not backlog.closing
        )

    def receive(self, payload: bytes, peer: str, hostname: str) -> None:
        """Take one payload: a record to emit and store, or a reject.

        While the backlog is full the record is shed and counted; see
        `may_expect_room` first.
        """
        self.received_total += 1
        try:
            record = normalise(
                self.decoder.decode(payload),
                received=self._clock(),
                peer=peer,
                hostname=hostname,
            )
        except DecodeError as error:
            self._reject(payload, peer, error.reason, error.detail)
            return
        except Exception as error:  # the one place for a bug that a payload finds
            log.exception("a payload from %s could not be decoded", peer)
            self._reject(payload, peer, "internal_error", repr(error))
            return
        size = kept_bytes(record, len(payload))
        if self.emitter is not None:
            self.emitter.add(record, size)
        backlog = self.backlog
        if backlog is None:
            return
        if backlog.is_full:
            self._shed(peer)
            return
        if self._shedding:
            self._shedding = False
            log.warning(
                "room in memory again; %d records were shed since the start",
                self.shed_total.total(),
            )
        backlog.add(record, size)

    def reject(self, payload: bytes, *, peer: str, reason: str, detail: str) -> None:
        """Count a frame that never became a payload, and keep its beginning."""
        self.received_total += 1
        self._reject(payload, peer, reason, detail)

    def _reject(self, payload: bytes, peer: str, reason: str, detail: str) -> None:
        self.rejected_total[reason] += 1
        if self._clock() - self._said_reject >= SAY_REJECT_SECONDS:
            self._said_reject = self._clock()
            log.warning(
                "rejected what %s sent: %s: %s; %d rejected since the start, kept in "
                "the table rejects",
                peer,
                reason,
                visible(detail),
                self.rejected_total.total(),
            )
        self.rejected_by_peer_total[_counted(self.rejected_by_peer_total, peer)] += 1
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

    def _shed(self, peer: str) -> None:
        self.shed_total[_counted(self.shed_total, peer)] += 1
        if not self._shedding:
            self._shedding = True
            log.warning(
                "memory is full and the database does not keep up: records are shed"
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


def _counted(counts: Counter[str], peer: str) -> str:
    if peer in counts or len(counts) < MAX_COUNTED_PEERS:
        return peer
    return OTHER_PEERS
