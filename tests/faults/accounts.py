"""What a daemon has made of numbered records, read from its files and words."""

from __future__ import annotations

import json
import re
import sqlite3
import time
import urllib.request
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from integration.daemon import PATIENCE_SECONDS, Daemon

Sequences = Mapping[str, Iterable[int]]

# A writer that stores nothing for so long does not store any more.
STUCK_SECONDS = 15.0

# The two extra attributes as SocketHandler pickles them; frames are spilled
# as they came.
_NUMBERED = re.compile(
    rb"X\x06\0\0\0senderq.X.\0\0\0(\w+)q.X\x08\0\0\0sequenceq.J(.{4})", re.DOTALL
)

# How the message of such a record begins, for a frame that was cut.
_MESSAGE = re.compile(rb"record (\d+) of (s\d)")


@contextmanager
def reading(database: Path) -> Iterator[sqlite3.Connection]:
    """Open the database as another process that only reads."""
    uri = f"{database.as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=10)) as connection:
        yield connection


def stored(database: Path, *, after_id: int = 0) -> dict[str, array[int]]:
    """Return the sequences of each sender in the order of storing."""
    found: dict[str, array[int]] = defaultdict(lambda: array("q"))
    with reading(database) as connection:
        for sender, sequence in connection.execute(
            "SELECT extra->>'sender', extra->>'sequence' FROM records "
            "WHERE id > ? AND extra->>'sequence' IS NOT NULL ORDER BY id",
            [after_id],
        ):
            found[sender].append(sequence)
    return dict(found)


def wait_stored(daemon: Daemon, total: int) -> None:
    """Wait until there are `total` records, as long as there are more and more."""
    count, changed = 0, time.monotonic()
    while count < total:
        time.sleep(0.05)
        # Ids count up from 1, and the last is found at once.
        [(now,)] = daemon.rows("SELECT coalesce(max(id), 0) FROM records")
        if now != count:
            count, changed = now, time.monotonic()
        waited = time.monotonic() - changed
        assert waited < STUCK_SECONDS, f"{count} of {total} stored; {daemon.stderr}"


def spilled_in(*segments: Path) -> dict[str, set[int]]:
    """Return the sequences of each sender that stand in these segments."""
    found: dict[str, set[int]] = defaultdict(set)
    for segment in segments:
        for sender, number in _NUMBERED.findall(segment.read_bytes()):
            found[sender.decode()].add(int.from_bytes(number, "little"))
    return dict(found)


def segments(spool: Path) -> list[Path]:
    """Return the segments of a spool, the oldest first."""
    return sorted(spool.glob("*.frames")) if spool.is_dir() else []


def spilled(spool: Path) -> dict[str, set[int]]:
    """Return the sequences of each sender that stand in a spool.

    A segment that the daemon has read and removed meanwhile counts for nothing.
    """
    found: dict[str, set[int]] = defaultdict(set)
    for segment in segments(spool):
        with suppress(FileNotFoundError):
            for sender, numbers in spilled_in(segment).items():
                found[sender] |= numbers
    return dict(found)


def spool_of(database: Path) -> Path:
    """Return the folder that is a database's spool unless another is set."""
    return database.with_name(f"{database.name}-spool")


def numbered(payload: bytes) -> tuple[str, int] | None:
    """Return sender and sequence of a payload's beginning, if it tells them."""
    found = _MESSAGE.search(payload)
    return (found[2].decode(), int(found[1])) if found else None


def disorder(sequences: Sequences) -> str | None:
    """Tell the first place where a sender's numbers do not rise, or None."""
    for sender, numbers in sequences.items():
        last = -1
        for at, number in enumerate(numbers):
            if number <= last:
                return f"{sender}: {number} after {last}, at place {at}"
            last = number
    return None


def gaps(sequences: Iterable[int]) -> list[tuple[int, int]]:
    """Return the runs of numbers, as first and last, that are left out."""
    found = []
    last: int | None = None
    for number in sequences:
        if last is not None and number > last + 1:
            found.append((last + 1, number - 1))
        last = number
    return found


def check_database(database: Path) -> None:
    """Fail unless the file is sound and its rollups count all its records."""
    with reading(database) as connection:
        [(word,)] = connection.execute("PRAGMA integrity_check(1)")
        assert word == "ok"
        [(records, last_id)] = connection.execute(
            "SELECT count(*), coalesce(max(id), 0) FROM records"
        )
        assert records == last_id, "an id is missing"
        for table in ("rollups", "level_rollups"):
            for seconds, count in connection.execute(
                f"SELECT seconds, sum(count) FROM {table} GROUP BY seconds"
            ):
                assert count == records, f"{table} of {seconds} s count otherwise"


def counts(daemon: Daemon) -> dict[str, int]:
    """Return the numbers of its status now; counts by reason or peer as their sum.

    It must have been started with `--http-address 0`.
    """
    daemon.wait_said("health and metrics at")
    [port] = re.findall(r"health and metrics at http://\S*:(\d+)\n", daemon.stderr)
    url = f"http://127.0.0.1:{port}/status"
    with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as page:
        told = json.load(page)
    sums = {
        name: sum(n.values())
        for name, n in told.items()
        if name.endswith("_total") and isinstance(n, dict)
    }
    return {name: n for name, n in told.items() if type(n) is int} | sums
