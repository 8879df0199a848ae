"""Measure what retention costs those who write meanwhile.

    python benchmarks/retention.py [--quick] [--markdown] [--keep FILE] ...

A database is filled with a week of records. Then a daemon with an age that a tenth
of them exceeds takes in records at a steady rate, and a stock client's records are
timed from their creation to their commit: once while it removes that tenth, and
once when nothing is left to be removed. Linux only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import machine
from console import default_folder, parse_options, positive, run_to_end, say, show
from filling import Filling, fill
from processes import BenchmarkError, Daemon, version
from report import Table, judge, text
from trials import Latency, open_reader, watch_latency

from collector.store.fetching import fetching
from collector.store.file_space import measure as measure_space

PARTS = ("idle", "removing")
QUICK = {"records": 500_000, "rounds": 1, "seconds": 10.0}
POLL_SECONDS = 0.05
LONGEST_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Removal:
    """How long removing took, also with the index, the interned rows and the space.

    The sizes are those of the file before and after.
    """

    records: int
    seconds: float
    all_seconds: float
    bytes_before: int
    bytes_after: int


@dataclass(frozen=True, slots=True)
class Round:
    """The latency of one round, and what was removed in it."""

    latency: Latency
    removal: Removal | None


class Watcher:
    """Notes when records are gone, and when their space is given back, in a thread."""

    def __init__(self, database: Path, below: int) -> None:
        self._database = database
        self._below = below
        self._began = time.perf_counter()
        self._gone: float | None = None
        self._given_back: float | None = None
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        with closing(open_reader(self._database)) as reader:
            while self._given_back is None and self._seconds() < LONGEST_SECONDS:
                if self._gone is None:
                    if first_id(reader) >= self._below:
                        self._gone = self._seconds()
                elif not surplus_pages(reader):
                    self._given_back = self._seconds()
                time.sleep(POLL_SECONDS)

    def _seconds(self) -> float:
        return time.perf_counter() - self._began

    def wait(self) -> tuple[float, float]:
        """Return after how many seconds they were gone, and all was done."""
        self._thread.join()
        if self._gone is None or self._given_back is None:
            raise BenchmarkError(f"not removed within {LONGEST_SECONDS:.0f} s")
        return self._gone, self._given_back


def parse(arguments: list[str]) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--records", type=positive, default=10_000_000, help="of the database")
    add("--rate", type=float, default=5_000.0, help="records/s that come meanwhile")
    add("--seconds", type=float, default=45.0, help="how long they come")
    add("--rounds", type=positive, default=3, help="how often to repeat it")
    add("--keep", type=Path, metavar="FILE", help="fill this database, or take it")
    return parse_options(parser, arguments, quick=QUICK, part="part", parts=PARTS)


def first_id(reader: sqlite3.Connection) -> int:
    """Return the id of the first record."""
    [(found,)] = reader.execute("SELECT min(id) FROM records").fetchall()
    return int(found or 0)


def surplus_pages(reader: sqlite3.Connection) -> int:
    """Return how many pages are still to be freed, or given back."""
    [(tables,)] = reader.execute(
        "SELECT count(*) FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE%' "
        "AND name NOT IN (SELECT name FROM search_parts)"
    ).fetchall()
    return int(tables) or measure_space(fetching(reader)).surplus_pages(None)


def age_of(database: Path, record_id: int) -> float:
    """Return how many seconds ago a record was received."""
    with closing(open_reader(database)) as reader:
        [(received,)] = reader.execute(
            "SELECT received FROM logs WHERE id = ?", [record_id]
        ).fetchall()
    return time.time() - float(received)


def measure(folder: Path, full: Path, part: str, options: argparse.Namespace) -> Round:
    """Time a client's records while the daemon removes a tenth, or nothing."""
    database = Path(shutil.copy(full, folder / "logs.sqlite"))
    below = options.records // 10
    age = age_of(database, below) if part == "removing" else 1e9
    # What is left to be written is not the daemon's load.
    os.sync()
    flags = ("--retention-max-age", f"{age:.3f}s", "--synchronous", "full")
    before = database.stat().st_size
    with Daemon(folder, "none", None, database=database, flags=flags) as daemon:
        watcher = Watcher(database, below) if part == "removing" else None
        latency = watch_latency(daemon, options.rate, options.seconds)
        seconds, all_seconds = watcher.wait() if watcher else (0.0, 0.0)
        daemon.stop()
    if watcher is None:
        return Round(latency, None)
    after = database.stat().st_size
    return Round(latency, Removal(below, seconds, all_seconds, before, after))


def tables(rounds: dict[str, list[Round]]) -> list[Table]:
    """Return what was measured, and whether the aim is met."""
    rows = []
    for part, title in (("idle", "nothing to remove"), ("removing", "removing")):
        found = [each.latency for each in rounds.get(part, ())]
        if found:
            rows.append(
                (
                    title,
                    f"{median(each.rate for each in found):,.0f}",
                    text(median(each.median for each in found) * 1000, 1),
                    text(median(each.p99 for each in found) * 1000, 1),
                    text(max(each.worst for each in found) * 1000, 1),
                )
            )
    waits = Table(
        ("emit to committed", "records/s", "p50 ms", "p99 ms", "worst ms"), rows
    )
    removals = [each.removal for each in rounds.get("removing", ()) if each.removal]
    rows = [
        (
            f"{each.records:,}",
            f"{each.seconds:.1f}",
            f"{each.records / each.seconds:,.0f}",
            f"{each.all_seconds:.1f}",
            f"{each.bytes_before / 1e6:,.0f}",
            f"{each.bytes_after / 1e6:,.0f}",
        )
        for each in removals
    ]
    removed = Table(
        ("removed", "seconds", "records/s", "all done s", "MB before", "MB after"), rows
    )
    aims = []
    if removals:
        worst = max(each.latency.worst for each in rounds["removing"])
        # The records of a batch wait for their transaction in any case.
        aims = [
            judge("longest wait while removing", worst * 1000, most=250, unit=" ms")
        ]
    aim = Table(("aim", "wanted", "measured", ""), [each for each in aims if each])
    return [waits, removed, aim]


def run(options: argparse.Namespace) -> None:
    """Fill, measure and print."""
    with tempfile.TemporaryDirectory(
        prefix="collector-bench-", dir=options.folder or default_folder()
    ) as name:
        folder = Path(name)
        facts = machine.describe(folder, [("collector", version(folder, None))])
        full = options.keep.absolute() if options.keep else folder / "full.sqlite"
        known = Filling.known(full)
        if known is None:
            known = fill(full, records=options.records, seed=options.seed, say=say)
        if known.records != options.records:
            raise BenchmarkError(f"{full} has {known.records} records")
        rounds: dict[str, list[Round]] = {}
        for _ in range(options.rounds):
            for part in options.only:
                with tempfile.TemporaryDirectory(dir=folder) as place:
                    say(part, end=" ")
                    found = measure(Path(place), full, part, options)
                rounds.setdefault(part, []).append(found)
                say(f"worst {found.latency.worst * 1000:.0f} ms")
    facts.append(("records", f"{options.records:,}"))
    show(facts, tables(rounds), markdown=options.markdown)


if __name__ == "__main__":
    sys.exit(run_to_end(partial(run, parse(sys.argv[1:]))))
