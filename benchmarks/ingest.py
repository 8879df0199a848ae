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
from console import default_folder, positive, run_to_end, say
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
    """Return the options; --quick changes the defaults, not what is given."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--records", type=positive, default=300_000, help="frames for each trial")
    add("--rounds", type=positive, default=3, help="how often to repeat all trials")
    add("--rate", type=float, default=5_000.0, help="records/s for the latency")
    add("--seconds", type=float, default=10.0, help="how long to measure latency")
    add("--format-records", type=positive, default=100_000, metavar="N")
    add("--commit-records", type=positive, default=5_000, metavar="N")
    add("--seed", type=int, default=2, help="for the content of the frames")
    add("--only", metavar="TRIALS", help=f"some of {','.join(TRIALS)}")
    add("--source", type=Path, default=ROOT, help="checkout to run interpreted")
    add("--folder", type=Path, help="where to write (default: on a disk, /var/tmp)")
    add("--markdown", action="store_true", help="print Markdown tables as well")
    add("--quick", action="store_true", help="a short, less exact run")
    options = parser.parse_args(arguments)
    if options.quick:
        parser.set_defaults(**QUICK)
        options = parser.parse_args(arguments)
    options.only = options.only.split(",") if options.only else list(TRIALS)
    if unknown := set(options.only) - set(TRIALS):
        parser.error(f"no such trial: {', '.join(sorted(unknown))}")
    return options


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


def show(
    facts: list[tuple[str, str]], figures: report.Figures, *, markdown: bool
) -> None:
    """Print everything."""
    tables = [report.throughput(figures), report.latency(figures), report.aims(figures)]
    tables = [table for table in tables if table.rows]
    notes = report.notes(figures)
    width = max(len(name) for name, _ in facts)
    print("\n".join(f"{name:{width}}  {fact}" for name, fact in facts))
    for table in tables:
        print(f"\n{table.plain()}")
    print("".join(f"\n- {note}" for note in notes))
    if markdown:
        print(f"\n{'; '.join(f'{name}: {fact}' for name, fact in facts)}.")
        for table in tables:
            print(f"\n{table.markdown()}")
        print("".join(f"\n- {note}" for note in notes))


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
    show(facts, figures, markdown=options.markdown)


if __name__ == "__main__":
    sys.exit(run_to_end(partial(run, parse(sys.argv[1:]))))
