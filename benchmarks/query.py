"""Measure how fast records are found among ten million.

    python benchmarks/query.py [--quick] [--markdown] [--keep FILE] ...

A database is filled with a week of records through the store's own inserter
and indexer. Then it is asked, warm, through what the commands use: each time
a new reader, the query parsed anew. The same texts are looked for by grep in
the same records as lines. At last stock frames are sent to a daemon on a copy
of the full database, and on an empty one, in turn. Linux only.

The exit status says whether the benchmark ran, not whether the aims are met.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

import machine
import query_report
from commands import time_command
from comparison import TEXTS, Comparison, compare
from console import default_folder, parse_options, positive, run_to_end, say, show
from filling import Filling, fill
from frames import write_frames
from messages import RARE_WORD
from processes import BenchmarkError, version
from questions import Question, answered, questions
from report import per_second
from timing import Timing
from trials import Outcome, run_daemon

PARTS = ("questions", "texts", "commands", "ingest")
QUICK = {"records": 500_000, "frames": 30_000, "rounds": 1}


def parse(arguments: list[str]) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--records", type=positive, default=10_000_000, help="how many to search in")
    add("--frames", type=positive, default=300_000, help="to send in each ingest")
    add("--rounds", type=positive, default=3, help="how often to repeat the ingest")
    add("--keep", type=Path, metavar="FILE", help="fill this database, or ask it again")
    return parse_options(parser, arguments, quick=QUICK, part="part", parts=PARTS)


def filled(folder: Path, options: argparse.Namespace) -> Filling:
    """Return the full database: the one that was kept, or a new one."""
    database = options.keep.absolute() if options.keep else folder / "full.sqlite"
    if known := Filling.known(database):
        if known.records != options.records:
            raise BenchmarkError(f"{database} has {known.records} records")
        say(f"{database} is filled already")
        return known
    if database.exists():
        raise BenchmarkError(f"{database} was not filled by this benchmark")
    return fill(database, records=options.records, seed=options.seed, say=say)


def ask(filling: Filling) -> list[tuple[Question, Timing]]:
    """Time all questions."""
    answers = []
    for question in questions(filling.database, filling.records):
        say(question.title, end=" ")
        timing = answered(filling.database, question.query, question.use)
        say(f"{timing.median * 1000:,.1f} ms")
        answers.append((question, timing))
    return answers


def find(filling: Filling) -> dict[str, Comparison]:
    """Look for all texts."""
    found = {}
    for title, (text, _) in TEXTS.items():
        say(f"text: {title}", end=" ")
        found[title] = compare(filling, text)
        say(f"{found[title].newest.median * 1000:,.1f} ms")
    return found


def run_commands(folder: Path, database: Path) -> dict[str, Timing]:
    """Time the installed command as a process."""
    named = ("--db", str(database))
    return {
        "tail -n 50": time_command(folder, "tail", "-n", "50", *named),
        f"query {RARE_WORD}": time_command(folder, "query", RARE_WORD, *named),
        "--help": time_command(folder, "--help"),
    }


def ingest(
    folder: Path, filling: Filling, options: argparse.Namespace
) -> dict[str, list[Outcome]]:
    """Send frames to daemons on an empty database and a full one, in turn."""
    frames = write_frames(folder / "frames", options.frames, options.seed)
    outcomes: dict[str, list[Outcome]] = {"empty": [], "full": []}
    for _ in range(options.rounds):
        for name, measured in outcomes.items():
            with tempfile.TemporaryDirectory(dir=folder) as place:
                copy = None
                if name == "full":
                    copy = Path(shutil.copy(filling.database, place))
                # What is left to be written is not the daemon's load.
                os.sync()
                say(f"ingest: {name}", end=" ")
                measured.append(run_daemon(Path(place), frames, database=copy))
            say(f"{per_second(measured[-1]):,.0f} records/s")
    return outcomes


def run(options: argparse.Namespace) -> None:
    """Fill, measure and print."""
    with tempfile.TemporaryDirectory(
        prefix="collector-bench-", dir=options.folder or default_folder()
    ) as name:
        folder = Path(name)
        facts = machine.describe(folder, [("collector", version(folder, None))])
        filling = filled(folder, options)
        only = options.only
        figures = query_report.Figures(
            filling=filling,
            questions=ask(filling) if "questions" in only else [],
            comparisons=find(filling) if "texts" in only else {},
            commands=run_commands(folder, filling.database)
            if "commands" in only
            else {},
            ingests=ingest(folder, filling, options) if "ingest" in only else {},
        )
    facts.append(("records", f"{filling.records:,}"))
    show(facts, query_report.tables(figures), markdown=options.markdown)


if __name__ == "__main__":
    sys.exit(run_to_end(partial(run, parse(sys.argv[1:]))))
