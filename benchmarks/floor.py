"""The floor: what it costs to unpickle records and store them, and no more.

An offline script over frames in a file: `pickle.loads`, a tuple of the wide
table's columns, `executemany` of 1,000 rows and a commit. There is no network,
no check of what comes in, and nothing kept apart when a row fails.

    python floor.py FRAMES DATABASE

prints one JSON object. The clock runs from the first `pickle.loads` to the
last commit; reading and splitting the file come before it.
"""

from __future__ import annotations

import json
import logging
import pickle
import resource
import socket
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

import frames

BATCH = 1000
SCHEMA = """
CREATE TABLE logs (
    id INTEGER PRIMARY KEY,
    created REAL, name TEXT, levelno INTEGER, level TEXT, message TEXT,
    hostname TEXT, process INTEGER, processName TEXT, thread INTEGER,
    threadName TEXT, taskName TEXT, pathname TEXT, filename TEXT, module TEXT,
    lineno INTEGER, funcName TEXT, exc_text TEXT, stack_info TEXT, extra TEXT,
    peer TEXT, received REAL
)
"""
INSERT = f"INSERT INTO logs VALUES (NULL{', ?' * 21})"
PEER = "127.0.0.1:50000"
STANDARD = frozenset(logging.makeLogRecord({}).__dict__)


def make_row(
    attributes: dict[str, Any], hostname: str, received: float
) -> tuple[Any, ...]:
    """Return the wide table's columns, id excepted."""
    extra = None
    if len(attributes) > len(STANDARD):
        extra = json.dumps(
            {key: value for key, value in attributes.items() if key not in STANDARD}
        )
    return (
        attributes["created"],
        attributes["name"],
        attributes["levelno"],
        attributes["levelname"],
        attributes["msg"],
        hostname,
        attributes["process"],
        attributes["processName"],
        attributes["thread"],
        attributes["threadName"],
        attributes.get("taskName"),
        attributes["pathname"],
        attributes["filename"],
        attributes["module"],
        attributes["lineno"],
        attributes["funcName"],
        attributes["exc_text"],
        attributes["stack_info"],
        extra,
        PEER,
        received,
    )


def store(payloads: list[bytes], database: sqlite3.Connection) -> None:
    """Store every payload as a row, in commits of BATCH rows."""
    hostname = socket.gethostname()
    loads = pickle.loads
    for first in range(0, len(payloads), BATCH):
        received = time.time()
        rows = [
            make_row(loads(payload), hostname, received)
            for payload in payloads[first : first + BATCH]
        ]
        database.executemany(INSERT, rows)
        database.commit()


def cpu_seconds() -> float:
    """Return the processor time this process has used."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main(source: Path, target: Path) -> None:
    """Store the frames of one file in a new database and print the figures."""
    payloads = frames.bodies(source.read_bytes())
    database = sqlite3.connect(target)
    database.execute("PRAGMA journal_mode=WAL").fetchall()
    database.execute("PRAGMA synchronous=FULL")
    database.execute(SCHEMA)
    cpu_before, before = cpu_seconds(), time.perf_counter()
    store(payloads, database)
    seconds = time.perf_counter() - before
    cpu = cpu_seconds() - cpu_before
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    [(rows,)] = database.execute("SELECT count(*) FROM logs").fetchall()
    database.close()
    figures = {
        "records": rows,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "stored_bytes": target.stat().st_size,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
