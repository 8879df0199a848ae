"""What peers' pickles name, counted and told: the sign of an intruder."""

from __future__ import annotations

import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Final, final

from collector.emit.visible import visible
from collector.intake.peer_counts import MAX_COUNTED_PEERS, count_peer
from collector.wire.refused_names import RefusedNames

log = logging.getLogger("logcollector")

# Names that are told of one peer, of either kind.
MAX_TOLD_NAMES: Final = 20

# Lines in a period, of either kind and of all peers: who comes from many
# addresses must not fill the disk with what we say.
MAX_LINES: Final = 100
PERIOD_SECONDS: Final = 60.0

# A longer name is cut.
MAX_SHOWN_CHARS: Final = 200


@final
class RefusedGlobals:
    """Counts by peer what pickles name, and tells each name of a peer once.

    refused_total: names that were not imported, by peer; a name counts once a
        payload, and of one payload at most 32 are looked at.
    dangerous_total: those of them that look like an attack.
    Names that look like an attack are warnings. Of the others, such as the
    class of an instance in an extra attribute, it tells for information.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.refused_total: Counter[str] = Counter()
        self.dangerous_total: Counter[str] = Counter()
        self._warnings = _Teller(
            logging.WARNING,
            "%s sent a pickle that names %s, which looks like an attack: it was "
            "read as data, nothing was called",
            clock=clock,
        )
        self._notes = _Teller(
            logging.INFO,
            "%s sent a pickle that names %s: it was read as data, nothing was imported",
            clock=clock,
        )

    def add(self, peer: str, names: RefusedNames) -> None:
        """Take what one payload of `peer` named."""
        total, dangerous = self.refused_total, len(names.dangerous)
        count_peer(total, peer, dangerous + len(names.harmless))
        if dangerous:
            total = self.dangerous_total
            count_peer(total, peer, dangerous)
            self._warnings.tell(peer, names.dangerous)
        self._notes.tell(peer, names.harmless)


class _Teller:
    """Tells each name of a peer once, within bounds.

    Of the peers, those that have sent a name last are remembered; a name is
    remembered by its hash, as names are as long as a peer likes.
    """

    def __init__(self, level: int, words: str, *, clock: Callable[[], float]) -> None:
        self._level = level
        self._words = words
        self._clock = clock
        self._told: OrderedDict[str, set[int]] = OrderedDict()
        self._period_ends = 0.0
        self._lines = 0

    def tell(self, peer: str, names: list[str]) -> None:
        if not names:
            return
        told = self._told.setdefault(peer, set())
        self._told.move_to_end(peer)
        if len(self._told) > MAX_COUNTED_PEERS:
            self._told.popitem(last=False)
        for name in names:
            if len(told) > MAX_TOLD_NAMES:
                return
            if hash(name) in told or not self._may_speak():
                continue
            told.add(hash(name))
            if len(told) > MAX_TOLD_NAMES:
                log.log(
                    self._level,
                    "%s has sent pickles with %d such names: further ones are "
                    "counted, not told",
                    peer,
                    MAX_TOLD_NAMES,
                )
            else:
                log.log(self._level, self._words, peer, shown(name))

    def _may_speak(self) -> bool:
        now = self._clock()
        if now >= self._period_ends:
            self._period_ends = now + PERIOD_SECONDS
            self._lines = 0
        self._lines += 1
        if self._lines == MAX_LINES + 1:
            log.log(
                self._level,
                "pickles with more than %d such names came within %g s: others are "
                "counted, and told when they come again later",
                MAX_LINES,
                PERIOD_SECONDS,
            )
        return self._lines <= MAX_LINES


def shown(name: str) -> str:
    """Return a name that a peer chose, as it may stand in a line of ours."""
    # A lone surrogate is no text for a file or a service manager.
    text = name.encode("utf-8", "backslashreplace").decode()
    text = visible(text.replace("\n", "\\n").replace("\t", "\\t"))
    return text if len(text) <= MAX_SHOWN_CHARS else text[: MAX_SHOWN_CHARS - 1] + "…"
