"""Measure how fast records get from a socket into SQLite.

    python benchmarks/ingest.py [--quick] [--markdown] [--rounds N] ...

Stock frames are sent over loopback to the installed collector, timed until
the last record is committed, and compared with a floor measured in the same
run (an offline script that unpickles and stores), with the same collector
interpreted, and with the receivers that users have today. The trials take
turns, round after round, and the medians are reported beside the aims. Linux
only: what a process has used is read from /proc.

The exit status says whether the benchmark ran, not whether the aims are met.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import machine
import report
from console import default_folder, parse_options, positive, run_to_end, say, show
from frames import FrameFile, write_frames
from processes import version
from trials import Latency, Outcome, run_daemon, run_floor, run_latency, run_rival

ROOT = Path(__file__).resolve().parent.parent
TRIALS = (*report.TITLES, "latency")
COLLECTOR_TRIALS = {*report.collectors(), "latency"}
QUICK = {
    "records": 30_000,
    "rounds": 1,
    "seconds": 3.0,
    "format_records": 20_000,
    "commit_records": 1_000,
}


def parse(arguments: list[str]) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--records", type=positive, default=300_000, help="frames for each trial")
    add("--rounds", type=positive, default=3, help="how often to repeat all trials")
    add("--rate", type=float, default=5_000.0, help="records/s for the latency")
    add("--seconds", type=float, default=10.0, help="how long to measure latency")
    add("--format-records", type=positive, default=100_000, metavar="N")
    add("--commit-records", type=positive, default=5_000, metavar="N")
    add("--source", type=Path, default=ROOT, help="checkout to run interpreted")
    return parse_options(parser, arguments, quick=QUICK, part="trial", parts=TRIALS)


def find_versions(folder: Path, options: argparse.Namespace) -> list[tuple[str, str]]:
    """Return what the package says of itself, and warn if that is unexpected."""
    wanted = set(options.only)
    found = []
    if wanted & COLLECTOR_TRIALS:
        found.append(("collector", version(folder, None)))
        warn_unless("compiled", found[-1][1], "the installed package")
    if "interpreted" in wanted:
        found.append(("collector from source", version(folder, options.source)))
        warn_unless("interpreted", found[-1][1], f"the package in {options.source}")
    return found


def warn_unless(word: str, text: str, what: str) -> None:
    """Warn when the version's text lacks the word."""
    if not re.search(rf"\b{word}\b", text):
        say(f"warning: {what} should be {word}, but says: {text}")


def measure(
    folder: Path, frames: FrameFile, options: argparse.Namespace
) -> report.Figures:
    """Run all rounds of the trials that are wanted."""
    few = min(options.format_records, frames.records)
    fewer = min(options.commit_records, frames.records)
    trials: dict[str, Callable[[Path], Outcome]] = {
        "floor": partial(run_floor, frames=frames),
        "none-1": partial(run_daemon, frames=frames),
        "none-8": partial(run_daemon, frames=frames, connections=8),
        "file-1": partial(run_daemon, frames=frames, to_file=True),
        "interpreted": partial(run_daemon, frames=frames, source=options.source),
        "format": partial(run_rival, frames=frames, kind="format", count=few),
        "commit": partial(run_rival, frames=frames, kind="commit", count=fewer),
    }
    outcomes: dict[str, list[Outcome]] = {}
    latencies: list[Latency] = []
    for number in range(options.rounds):
        for name in options.only:
            # What earlier trials left to be written is not this one's load.
            os.sync()
            say(f"round {number + 1} of {options.rounds}: {name}", end=" ")
            with tempfile.TemporaryDirectory(dir=folder) as place:
                if name == "latency":
                    waits = run_latency(Path(place), options.rate, options.seconds)
                    latencies.append(waits)
                    say(f"p99 {waits.p99 * 1000:.1f} ms")
                else:
                    outcome = trials[name](Path(place))
                    outcomes.setdefault(name, []).append(outcome)
                    say(f"{report.per_second(outcome):,.0f} records/s")
    return report.Figures(outcomes, latencies)


def run(options: argparse.Namespace) -> None:
    """Make the frames, measure and print."""
    with tempfile.TemporaryDirectory(
        prefix="collector-bench-", dir=options.folder or default_folder()
    ) as name:
        folder = Path(name)
        versions = find_versions(folder, options)
        say(f"making {options.records:,} frames ...", end=" ")
        before = time.perf_counter()
        frames = write_frames(folder / "frames", options.records, options.seed)
        took = time.perf_counter() - before
        say(f"{frames.mean_bytes:.0f} bytes each, in {took:.1f} s")
        facts = machine.describe(folder, versions)
        facts.append(("frames", f"{frames.records:,} of {frames.mean_bytes:.0f} bytes"))
        figures = measure(folder, frames, options)
    tables = [report.throughput(figures), report.latency(figures), report.aims(figures)]
    show(facts, tables, report.notes(figures), markdown=options.markdown)


if __name__ == "__main__":
    sys.exit(run_to_end(partial(run, parse(sys.argv[1:]))))
