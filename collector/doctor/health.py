"""What a running collector says of itself over HTTP, if it is asked to."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from collector.doctor.finding import Finding, failed, ok, warning
from collector.status import Status

STEP: Final = "health"

# A collector has a few, and whoever else answers may claim thousands.
MOST_ADDRESSES: Final = 10

# What keeps records out of the database, or loses them.
SEVERE: Final = frozenset({"writer_stalled", "disk_full", "degraded", "shedding"})

ADVICE: Final = {
    "writer_stalled": "see the write-ahead log and permissions above, and the disk: "
    "journalctl -k -n 20",
    "disk_full": "df -h   # make room",
    "spooling": "the database can't be written, or not as fast as records come; it "
    "catches up by itself",
    "degraded": "see the folder of the spool: is its disk full, and may the collector "
    "write there?",
    "shedding": "records are being lost: make room on the disk, or set "
    "spool_max_bytes higher",
    "crowded": "set max_connections, or LimitNOFILE=, higher",
}


def judge_status(database: Path | None, status: Status) -> Finding:
    """Return whether the collector is well, and stores where it is looked for."""
    if database is not None and Path(status.database or "/").resolve() != database:
        where = status.database or "nowhere"
        return failed(
            STEP,
            f"the collector that answers stores into {where}, not into {database}",
            "give the settings that it has: --config FILE, or --db",
        )
    if status.is_well:
        stored = f"{status.stored_total:,} stored" if status.database else "no database"
        where = ", ".join(status.addresses[:MOST_ADDRESSES])
        return ok(
            STEP, f"ready on {where}; {status.received_total:,} received, {stored}"
        )
    if not status.problems:
        return warning(STEP, f"the collector is {status.state}", "ask again in a while")
    seen = "; ".join(problem.text for problem in status.problems)
    advice = [ADVICE[p.name] for p in status.problems if p.name in ADVICE]
    if SEVERE.intersection(problem.name for problem in status.problems):
        return failed(STEP, seen, *advice)
    return warning(STEP, seen, *advice)


def judge_no_status(error: str) -> Finding:
    """Return that the collector did not tell how it does."""
    what, _, hint = error.rpartition("; ")
    return failed(STEP, what or error, *([hint] if what else []))
