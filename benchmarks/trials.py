"""The single measurements. Each starts its processes and ends them again."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from frames import FrameFile
from processes import HERE, BenchmarkError, Child, Daemon, usage
from sizes import count_lines, size, unindexed_bytes

# Looking costs the writer nothing but a little of a core: one seek each.
BURST_POLL_SECONDS = 0.010
LATENCY_POLL_SECONDS = 0.002
STALL_SECONDS = 30.0
SETTLE_SECONDS = 0.3
RUN_TIMEOUT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one trial measured; None is for what it can't tell."""

    records: int
    seconds: float
    cpu_seconds: float
    peak_rss_bytes: int | None = None
    stored_bytes: int | None = None
    stop_seconds: float | None = None
    # Lines in the output as a share of those that should be there, and how
    # long after the last commit the last of them was written.
    lines_share: float | None = None
    lines_late_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Latency:
    """Times from a record's creation to when a reader sees it, in seconds."""

    rate: float
    median: float
    p99: float
    worst: float


def run_floor(folder: Path, frames: FrameFile) -> Outcome:
    """Store the frames with the offline script."""
    ran = subprocess.run(
        [sys.executable, HERE / "floor.py", frames.path, folder / "floor.sqlite"],
        stdout=subprocess.PIPE,
        timeout=RUN_TIMEOUT_SECONDS,
        check=False,
    )
    if ran.returncode:
        raise BenchmarkError(f"the floor ended with status {ran.returncode}")
    outcome = Outcome(**json.loads(ran.stdout))
    if outcome.records != frames.records:
        raise BenchmarkError(f"the floor stored {outcome.records} records")
    return outcome


def run_daemon(
    folder: Path,
    frames: FrameFile,
    *,
    connections: int = 1,
    to_file: bool = False,
    source: Path | None = None,
    database: Path | None = None,
) -> Outcome:
    """Send the frames to a daemon and wait until all are committed.

    With a file to write lines to, the time ends when the last record is
    committed and the last line is written. With `database` they are added to
    what it holds, else to a new one; what is stored is then not measured.
    """
    output = folder / "lines.log"
    count = frames.records
    with ExitStack() as stack:
        daemon = stack.enter_context(
            Daemon(
                folder, str(output) if to_file else "none", source, database=database
            )
        )
        senders = start_senders(stack, daemon.port, frames, count, connections)
        with closing(open_reader(daemon.database)) as reader:
            held = last_id(reader)
            idle = usage(daemon.pid)
            before = time.perf_counter()
            for sender in senders:
                sender.say("go")
            seen = watch(
                daemon,
                reader,
                range(held, held + count),
                BURST_POLL_SECONDS,
                time.perf_counter,
            )
        committed = seen[-1][0]
        written = wait_settled(output, committed) if to_file else committed
        busy = usage(daemon.pid)
        for sender in senders:
            sender.finish()
        stop_seconds = daemon.stop()
        check_count(daemon, range(held, held + count))
        stored = None if database else unindexed_bytes(daemon.database)
    return Outcome(
        records=count,
        seconds=written - before,
        cpu_seconds=busy.cpu_seconds - idle.cpu_seconds,
        peak_rss_bytes=busy.peak_rss_bytes,
        stored_bytes=stored,
        stop_seconds=stop_seconds,
        lines_share=count_lines(output) / frames.lines if to_file else None,
        lines_late_seconds=written - committed if to_file else None,
    )


def run_latency(folder: Path, rate: float, seconds: float) -> Latency:
    """Log to a daemon at a steady rate and watch the records appear."""
    with Daemon(folder, "none", None) as daemon:
        found = watch_latency(daemon, rate, seconds)
        daemon.stop()
    return found


def watch_latency(daemon: Daemon, rate: float, seconds: float) -> Latency:
    """Log to a running daemon at a steady rate and watch the records appear."""
    count = round(rate * seconds)
    with ExitStack() as stack:
        sender = stack.enter_context(
            Child("sender.py", "paced", daemon.port, rate, seconds)
        )
        expect_ready(sender)
        reader = stack.enter_context(closing(open_reader(daemon.database)))
        held = last_id(reader)
        ids = range(held, held + count)
        sender.say("go")
        seen = watch(daemon, reader, ids, LATENCY_POLL_SECONDS, time.time)
        sender.finish()
        check_count(daemon, ids)
        rows = reader.execute(
            "SELECT id, created FROM logs WHERE id > ? ORDER BY id", [held]
        ).fetchall()
    waits = []
    visible = iter(seen)
    moment, last = next(visible)
    for number, created in rows:
        while number > last:
            moment, last = next(visible)
        waits.append(moment - created)
    waits.sort()
    return Latency(
        rate=(count - 1) / (rows[-1][1] - rows[0][1]),
        median=waits[count // 2],
        p99=waits[count * 99 // 100],
        worst=waits[-1],
    )


def run_rival(folder: Path, frames: FrameFile, kind: str, count: int) -> Outcome:
    """Send the first `count` frames to another kind of receiver."""
    output = folder / "lines.log"
    with ExitStack() as stack:
        rival = stack.enter_context(Child("rivals.py", kind, output))
        port = int(rival.hear())
        [sender] = start_senders(stack, port, frames, count, 1)
        idle = usage(rival.pid)
        before = time.perf_counter()
        sender.say("go")
        handled = int(rival.hear(RUN_TIMEOUT_SECONDS))
        seconds = time.perf_counter() - before
        busy = usage(rival.pid)
        rival.say("end")
        sender.finish()
        rival.finish()
    if handled != count:
        raise BenchmarkError(f"the receiver {kind} took {handled} of {count} records")
    database = output.with_suffix(".sqlite")
    return Outcome(
        records=count,
        seconds=seconds,
        cpu_seconds=busy.cpu_seconds - idle.cpu_seconds,
        peak_rss_bytes=busy.peak_rss_bytes,
        stored_bytes=database.stat().st_size if database.exists() else None,
    )


def start_senders(
    stack: ExitStack, port: int, frames: FrameFile, count: int, connections: int
) -> list[Child]:
    """Start a connected sender for each equal part of the first frames."""
    bounds = [
        frames.offsets[count * part // connections] for part in range(connections + 1)
    ]
    senders = [
        stack.enter_context(Child("sender.py", "burst", port, frames.path, *part))
        for part in pairwise(bounds)
    ]
    for sender in senders:
        expect_ready(sender)
    return senders


def expect_ready(sender: Child) -> None:
    """Wait until the sender has connected and holds what it will send."""
    if (said := sender.hear()) != "ready":
        raise BenchmarkError(f"the sender said {said!r}")


def open_reader(database: Path) -> sqlite3.Connection:
    """Open the daemon's database for reading only."""
    return sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)


def watch(
    daemon: Daemon,
    reader: sqlite3.Connection,
    ids: range,
    interval: float,
    clock: Callable[[], float],
) -> list[tuple[float, int]]:
    """Look until the last id has gone from the range's start to its stop.

    Return when each new last id was first seen, with the id.
    """
    seen: list[tuple[float, int]] = []
    last = ids.start
    moved = time.monotonic()
    while last < ids.stop:
        found = last_id(reader)
        if found > last:
            last = found
            seen.append((clock(), last))
            moved = time.monotonic()
        elif not daemon.running:
            raise daemon.error(f"is gone after record {last} of {ids.stop}")
        elif time.monotonic() - moved > STALL_SECONDS:
            raise daemon.error(f"has stalled after record {last} of {ids.stop}")
        time.sleep(interval)
    return seen


def last_id(reader: sqlite3.Connection) -> int:
    """Return the id of the last record, 0 without any."""
    [(found,)] = reader.execute("SELECT max(id) FROM records").fetchall()
    return found or 0


def wait_settled(output: Path, since: float) -> float:
    """Wait until the file has stopped growing; return when it last grew.

    If it did not grow at all, that is `since`.
    """
    grown, length = since, size(output)
    now = time.perf_counter()
    while now - grown < SETTLE_SECONDS and now - since < STALL_SECONDS:
        time.sleep(BURST_POLL_SECONDS / 2)
        now = time.perf_counter()
        if (longer := size(output)) != length:
            grown, length = now, longer
    return grown


def check_count(daemon: Daemon, ids: range) -> None:
    """Raise BenchmarkError unless as many records were stored, without gaps.

    The range is from the last id before the trial to the last one after it.
    With gaps between the ids, the last id would not have told when all were
    committed.
    """
    with closing(open_reader(daemon.database)) as reader:
        [(stored, last)] = reader.execute(
            "SELECT count(*), max(id) FROM records WHERE id > ?", [ids.start]
        ).fetchall()
    if stored != len(ids) or last != ids.stop:
        raise daemon.error(f"stored {stored} of {len(ids)} records, up to id {last}")
