"""Measure how fast records are exported, imported and replayed.

    python benchmarks/moving.py [--quick] [--markdown] [--records N] ...

A database is filled with a week of records. The installed command exports and
imports it as a process, beside `query` and a floor: a script of a few lines
that does as little as can be. Each import into a new database is done again
into the same one, where all is there already. Replayed records go to a daemon.
Linux only.

The exit status says whether the benchmark ran, not whether the aims are met.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median

import machine
from console import default_folder, parse_options, positive, run_to_end, say, show
from filling import fill
from processes import HERE, BenchmarkError, Daemon, collector, environment, version
from report import Table, judge, text

QUICK = {"records": 50_000, "rounds": 1}
PARTS = ("export", "import", "replay")

# What each trial is called, in the order they take turns.
TITLES = {
    "floor out": "floor: SELECT and json.dumps",
    "query": "query -o jsonl -n 0",
    "jsonl": "export, jsonl",
    "jsonl.gz": "export, jsonl.gz",
    "csv": "export, csv",
    "parquet": "export, parquet",
    "floor in": "floor: json.loads and executemany",
    "lines": "import, jsonl",
    "lines again": "import, jsonl, all there already",
    "database": "import, a database",
    "database again": "import, a database, all there already",
    "floor send": "floor: SELECT and a stock SocketHandler",
    "replay": "replay to a daemon",
}


@dataclass(frozen=True, slots=True)
class Trial:
    """What a process took, and the size of what it made."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    made_bytes: int


def parse(arguments: list[str]) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--records", type=positive, default=1_000_000, help="how many to move")
    add("--rounds", type=positive, default=3, help="how often to repeat all trials")
    return parse_options(parser, arguments, quick=QUICK, part="part", parts=PARTS)


def tried(folder: Path, made: Path, command: list[str], **streams: object) -> Trial:
    """Run a command to its end and return what it took."""
    before = time.perf_counter()
    with (folder / "stderr").open("w+b") as stderr:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(None),
            stdin=subprocess.DEVNULL,
            stderr=stderr,
            **streams,
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - before
        stderr.seek(0)
        if process.returncode:
            said = stderr.read().decode(errors="replace").strip()
            raise BenchmarkError(f"{' '.join(command)} failed:\n{said}")
    cpu = used.ru_utime + used.ru_stime
    return Trial(seconds, cpu, used.ru_maxrss * 1024, made.stat().st_size)


def floor(folder: Path, way: str, source: Path, target: Path) -> Trial:
    """Move records with the script of a few lines."""
    script = [sys.executable, str(HERE / "moving_floor.py"), way]
    return tried(folder, target, [*script, str(source), str(target)])


def query(folder: Path, database: Path) -> Trial:
    """Have `query` write all records."""
    file = folder / "query.jsonl"
    asked = ["query", "-n", "0", "-o", "jsonl", "--order", "oldest", "--timeout", "600"]
    with file.open("wb") as stdout:
        command = [*collector(), *asked, "--db", str(database)]
        return tried(folder, file, command, stdout=stdout)


def export(folder: Path, database: Path, ending: str) -> Trial:
    """Export all records into a new file."""
    file = folder / f"out.{ending}"
    command = ["export", "--overwrite", "--db", str(database), "--to", str(file)]
    return tried(folder, file, [*collector(), *command])


def bring(folder: Path, source: Path, target: Path) -> Trial:
    """Import all records into a database."""
    command = ["import", str(source), "--db", str(target)]
    return tried(folder, target, [*collector(), *command])


def send(folder: Path, command: Callable[[int], list[str]]) -> Trial:
    """Run a command that sends to a daemon on a port of its own."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        with Daemon(Path(place), "none", None) as daemon:
            trial = tried(folder, daemon.database, command(daemon.port))
            daemon.stop()
        return replace(trial, made_bytes=daemon.database.stat().st_size)


def trials(folder: Path, database: Path, parts: list[str]) -> dict[str, list[Trial]]:
    """Do everything once, in an order in which what is imported is there."""
    lines = folder / "out.jsonl"
    outward: dict[str, Callable[[], Trial]] = {
        "floor out": partial(floor, folder, "out", database, folder / "floor.jsonl"),
        "query": partial(query, folder, database),
        "jsonl": partial(export, folder, database, "jsonl"),
        "jsonl.gz": partial(export, folder, database, "jsonl.gz"),
        "csv": partial(export, folder, database, "csv"),
    }
    if importlib.util.find_spec("pyarrow"):
        outward["parquet"] = partial(export, folder, database, "parquet")
    into = {name: folder / f"{name}.sqlite" for name in ("floor", "lines", "database")}
    inward: dict[str, Callable[[], Trial]] = {
        "floor in": partial(floor, folder, "in", lines, into["floor"]),
        "lines": partial(bring, folder, lines, into["lines"]),
        "lines again": partial(bring, folder, lines, into["lines"]),
        "database": partial(bring, folder, database, into["database"]),
        "database again": partial(bring, folder, database, into["database"]),
    }
    script = [sys.executable, str(HERE / "moving_floor.py"), "send", str(database)]
    replay = [*collector(), "replay", "--db", str(database), "--timeout", "600"]
    sent: dict[str, Callable[[], Trial]] = {
        "floor send": partial(send, folder, lambda port: [*script, str(port)]),
        "replay": partial(
            send, folder, lambda port: [*replay, "--to", f"127.0.0.1:{port}"]
        ),
    }
    wanted = outward if "export" in parts else {"jsonl": outward["jsonl"]}
    if "import" in parts:
        wanted = wanted | inward
    if "replay" in parts:
        wanted = wanted | sent
    found = {}
    for name, trial in wanted.items():
        os.sync()
        say(TITLES[name], end=" ")
        found[name] = trial()
        say(f"{found[name].seconds:.1f} s")
    return {name: [trial] for name, trial in found.items()}


def middle(measured: list[Trial] | None) -> float | None:
    """Return the median of the seconds."""
    return median(each.seconds for each in measured) if measured else None


def row(name: str, records: int, measured: list[Trial]) -> tuple[str, ...]:
    """Return what a trial took as a row."""
    cpu = median(each.cpu_seconds for each in measured)
    return (
        TITLES[name],
        text(middle(measured), 1),
        text(records / median(each.seconds for each in measured), 0),
        text(cpu / records * 1e6, 1),
        text(max(each.peak_bytes for each in measured) / 1e6, 0),
        text(measured[-1].made_bytes / 1e6, 0),
    )


def ratio(figures: dict[str, list[Trial]], base: str, name: str) -> float | None:
    """Return how many times as fast as another trial one is."""
    slow, fast = middle(figures.get(base)), middle(figures.get(name))
    return slow / fast if slow and fast else None


def aims(figures: dict[str, list[Trial]]) -> Table:
    """Return the aims that could be measured, and whether they are met."""
    peaks = [
        each.peak_bytes / 1e6
        for name in set(figures)
        - {"floor out", "floor in", "floor send", "query", "parquet"}
        for each in figures[name]
    ]
    rows = [
        judge("export jsonl, against query", ratio(figures, "query", "jsonl"), least=2),
        judge(
            "export jsonl, of the floor", ratio(figures, "floor out", "jsonl"), least=1
        ),
        judge(
            "import jsonl, of the floor", ratio(figures, "floor in", "lines"), least=0.5
        ),
        judge(
            "import again, against the first",
            ratio(figures, "lines", "lines again"),
            least=0.5,
        ),
        judge("replay, of the floor", ratio(figures, "floor send", "replay"), least=1),
        judge("memory", max(peaks, default=None), most=200, unit=" MB"),
    ]
    return Table(("aim", "wanted", "measured", ""), [each for each in rows if each])


def run(options: argparse.Namespace) -> None:
    """Fill, measure and print."""
    with tempfile.TemporaryDirectory(
        prefix="collector-bench-", dir=options.folder or default_folder()
    ) as name:
        folder = Path(name)
        facts = machine.describe(folder, [("collector", version(folder, None))])
        facts.append(("records", f"{options.records:,}"))
        database = folder / "logs.sqlite"
        fill(database, records=options.records, seed=options.seed, say=say)
        figures: dict[str, list[Trial]] = {}
        for number in range(options.rounds):
            say(f"round {number + 1} of {options.rounds}")
            with tempfile.TemporaryDirectory(dir=folder) as place:
                for each, measured in trials(
                    Path(place), database, options.only
                ).items():
                    figures.setdefault(each, []).extend(measured)
    headers = ("", "seconds", "records/s", "CPU us/record", "peak MB", "MB made")
    rows = [row(each, options.records, found) for each, found in figures.items()]
    show(facts, [Table(headers, rows), aims(figures)], markdown=options.markdown)


if __name__ == "__main__":
    sys.exit(run_to_end(partial(run, parse(sys.argv[1:]))))
