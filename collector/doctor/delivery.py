"""One marked record, sent as a stock client does, and looked for in the database."""

from __future__ import annotations

import logging
import logging.handlers
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from collector.doctor.collecting import Holders, look_for_holders
from collector.doctor.content import newest_id
from collector.doctor.conversation import (
    Conversation,
    Target,
    converse,
    speaks_tls,
)
from collector.doctor.listening import look_for_owners
from collector.doctor.waiting import Spooled, look_at_spool
from collector.errors import CollectorError, QueryTimeout
from collector.status import Status
from collector.store.reader import Deadline, open_reader

LOGGER: Final = "logcollector.doctor"

# Between two looks: a commit takes some 0.1 s.
LOOK_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What became of the record.

    `record_id` None: not found within `seconds`. `unreadable`: why the database
    could not be looked into. The rest is what may explain a record not found:
    what waits in the spool, who has the database, and to which others those
    who listen write. `status` is what the collector said of itself after that, if
    it did; `stored_more`: that it has stored something meanwhile.
    """

    target: Target
    talk: Conversation
    seconds: float
    record_id: int | None = None
    unreadable: str = ""
    spooled: Spooled | None = None
    holders: Holders | None = None
    others: tuple[Path, ...] = ()
    status: Status | None = None
    stored_more: bool = False


def marked_frame(marker: str) -> bytes:
    """Return what a stock SocketHandler sends for a record with a marker."""
    # It connects when it emits, and it never does.
    handler = logging.handlers.SocketHandler("", 0)
    record = logging.LogRecord(
        LOGGER, logging.INFO, __file__, 0, text_with(marker), None, None
    )
    return handler.makePickle(record)


def text_with(marker: str) -> str:
    """Return the message of a marked record."""
    return f"a marked record of logcollector doctor: {marker}"


def new_marker() -> str:
    """Return what nobody else has sent."""
    return secrets.token_hex(8)


def deliver(
    target: Target,
    database: Path,
    spool: Path,
    seconds: float,
    ask: Callable[[], Status | None],
) -> Delivery:
    """Send a record to a listener, and look for it until the time is over.

    `ask` returns what the collector says of itself, None if it does not.
    """
    marker = new_marker()
    deadline = Deadline(seconds)
    begun = time.monotonic()
    after, unreadable = _newest(database, deadline)
    before = ask() if unreadable else None
    talk = converse(target, marked_frame(marker), seconds)
    if talk.outcome == "hung_up" and speaks_tls(target, seconds):
        talk = replace(talk, outcome="wants_tls")
    found = None
    if talk.outcome == "taken" and not unreadable:
        found, unreadable = _wait_for_record(database, after, marker, deadline)
    status = None
    if talk.outcome == "taken" and found is None:
        status = _wait_for_more(before, ask, deadline)
    delivery = Delivery(
        target=target,
        talk=talk,
        seconds=time.monotonic() - begun,
        record_id=found,
        unreadable=unreadable,
        status=status,
        stored_more=_has_stored(before, status),
    )
    if found is not None or talk.outcome != "taken":
        return delivery
    return replace(
        delivery,
        spooled=_spooled(spool),
        holders=look_for_holders(database),
        others=tuple(
            file
            for file in look_for_owners(target.address).databases
            if file != database.resolve()
        ),
    )


def _spooled(spool: Path) -> Spooled | None:
    try:
        return look_at_spool(spool)
    except OSError:
        return None


def _wait_for_more(
    before: Status | None, ask: Callable[[], Status | None], deadline: Deadline
) -> Status | None:
    """Ask until more is stored than before, if that is known; return the answer."""
    while True:
        status = ask()
        is_over = deadline.seconds_left() <= 0
        if before is None or is_over or _has_stored(before, status):
            return status
        time.sleep(LOOK_SECONDS)


def _has_stored(before: Status | None, after: Status | None) -> bool:
    if before is None or after is None:
        return False
    return after.stored_total > before.stored_total


def _newest(database: Path, deadline: Deadline) -> tuple[int, str]:
    try:
        with open_reader(database, deadline) as reader:
            return newest_id(reader), ""
    except CollectorError as error:
        return 0, str(error)


def _wait_for_record(
    database: Path, after: int, marker: str, deadline: Deadline
) -> tuple[int | None, str]:
    """Look until the record is there; return its id, or why nothing can be read."""
    unreadable = ""
    while deadline.seconds_left() > 0:
        try:
            # Opened each time: a damaged one is replaced meanwhile.
            with open_reader(database, deadline) as reader:
                newest = newest_id(reader)
                rows = reader.rows(
                    "SELECT id FROM records WHERE id > ? AND id <= ? AND message = ?",
                    (after, newest, text_with(marker)),
                )
            unreadable, after = "", newest
        except QueryTimeout:
            break
        except CollectorError as error:
            unreadable, rows = str(error), []
        if rows:
            return int(rows[0][0]), ""
        time.sleep(LOOK_SECONDS)
    return None, unreadable
