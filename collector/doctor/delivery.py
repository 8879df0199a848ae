"""One marked record, sent as a stock client does, and looked for in the database."""

from __future__ import annotations

import logging
import logging.handlers
import secrets
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from collector.doctor.collecting import Holders, look_for_holders, named
from collector.doctor.content import newest_id
from collector.doctor.conversation import Conversation, Target, converse
from collector.doctor.finding import Finding, failed, ok, warning
from collector.doctor.listening import judge_conversation, look_for_owners
from collector.doctor.locks import claimed_files, read_locks
from collector.doctor.waiting import Spooled, look_at_spool
from collector.errors import CollectorError, QueryTimeout
from collector.status import Status
from collector.store.reader import Deadline, open_reader

STEP: Final = "delivery"
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
        others=_other_databases(target, database),
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


def _other_databases(target: Target, database: Path) -> tuple[Path, ...]:
    locks = read_locks() or []
    owners = look_for_owners(target.address).pids
    files = {file for pid in owners for file in claimed_files(locks, pid)}
    return tuple(sorted(files - {database.resolve()}))


def judge_delivery(database: Path, delivery: Delivery) -> Finding:
    """Return whether the record arrived, or where on its way it got stuck."""
    to = delivery.target.address
    fault = judge_conversation(STEP, delivery.target, delivery.talk)
    if fault is not None:
        return Finding(STEP, fault.state, f"sent to {to}: {fault.seen}", fault.advice)
    spent = f"{delivery.seconds:.2f} s"
    if delivery.record_id is not None:
        return ok(STEP, f"sent to {to}, found as record {delivery.record_id:,} "
                  f"after {spent}")  # fmt: skip
    read = f"{to} took the record"
    if delivery.others:
        other = delivery.others[0]
        return failed(
            STEP,
            f"{read}, and its collector stores into {other}, not into {database}",
            f"logcollector doctor --db {shlex.quote(str(other))}   # to look there",
            "or start the collector with this database: "
            f"logcollector serve --db {shlex.quote(str(database))}",
        )
    if delivery.stored_more:
        return ok(
            STEP,
            f"{read}, and has stored something since; this user may not look what",
        )
    missing = f"{read}, and within {spent} it was not in {database}"
    holders = delivery.holders
    if holders is not None and holders.is_known and holders.collector is None:
        return failed(
            STEP,
            f"{missing}: no collector stores into this one",
            "give the settings of the collector that listens: --config FILE, or --db",
        )
    if delivery.unreadable:
        return warning(
            STEP,
            f"{read}; whether it was stored can't be seen: {delivery.unreadable}",
            "run this as root, or as the collector's user: sudo logcollector doctor",
        )
    if delivery.status is not None and delivery.status.problems:
        texts = [problem.text for problem in delivery.status.problems]
        missing += f"; the collector says: {', '.join(texts)}"
    if delivery.spooled is not None and delivery.spooled.segments:
        return failed(
            STEP, f"{missing}: it waits in the spool, as the database can't be written",
            *_how_to_unlock(database, holders),
        )  # fmt: skip
    if holders is not None and _locked_by_another(holders):
        return failed(
            STEP, f"{missing}: another program has locked the database",
            *_how_to_unlock(database, holders),
        )  # fmt: skip
    return failed(
        STEP,
        missing,
        "a busy collector may need more time: --timeout 60",
        "see what it says: journalctl -u logcollector -n 50; was it rejected? "
        f"sqlite3 -readonly {shlex.quote(str(database))} "
        "'SELECT reason, detail FROM rejects ORDER BY id DESC LIMIT 5'",
    )


def _locked_by_another(holders: Holders) -> bool:
    return holders.writer is not None and holders.writer != holders.collector


def _how_to_unlock(database: Path, holders: Holders | None) -> tuple[str, ...]:
    if holders is not None and holders.writer and _locked_by_another(holders):
        who = f"{named(holders.writer)} has it locked"
        return (
            f"{who}: let it end its transaction, or end it: kill {holders.writer}",
            "nothing is lost: the collector stores what waits after that",
        )
    return (
        f"is its disk full, or failing? df -h {shlex.quote(str(database.parent))}",
        "see what the collector says: journalctl -u logcollector -n 50",
    )
