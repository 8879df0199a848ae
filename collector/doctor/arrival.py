"""Whether the marked record arrived, or where on its way it got stuck."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Final

from collector.doctor.collecting import Holders, named
from collector.doctor.commands import Commands
from collector.doctor.delivery import Delivery
from collector.doctor.finding import Finding, failed, ok, warning
from collector.doctor.replies import judge_conversation

STEP: Final = "delivery"


def judge_delivery(database: Path, delivery: Delivery, commands: Commands) -> Finding:
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
            f"run this as root, or as the collector's user: {commands.again}",
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
