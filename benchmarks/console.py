"""What the benchmarks' command lines have in common."""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from processes import BenchmarkError
from report import Table


def positive(text: str) -> int:
    """Return a whole number above 0."""
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number


def parse_options(
    parser: argparse.ArgumentParser,
    arguments: Sequence[str],
    *,
    quick: Mapping[str, object],
    part: str,
    parts: Sequence[str],
) -> argparse.Namespace:
    """Return the parser's options and those that all benchmarks have.

    --quick changes the defaults, not what is given. `only` are those of the
    parts that are wanted, in the order given; `part` is what one is called.
    """
    add = parser.add_argument
    add("--seed", type=int, default=2, help="for the content of the records")
    add("--only", metavar=f"{part.upper()}S", help=f"some of {','.join(parts)}")
    add("--folder", type=Path, help="where to write (default: on a disk, /var/tmp)")
    add("--markdown", action="store_true", help="print Markdown tables as well")
    add("--quick", action="store_true", help="a short, less exact run")
    options = parser.parse_args(arguments)
    if options.quick:
        parser.set_defaults(**quick)
        options = parser.parse_args(arguments)
    options.only = options.only.split(",") if options.only else list(parts)
    if unknown := set(options.only) - set(parts):
        parser.error(f"no such {part}: {', '.join(sorted(unknown))}")
    return options


def default_folder() -> str | None:
    """Return /var/tmp, which is on a disk where /tmp may not be."""
    return "/var/tmp" if os.access("/var/tmp", os.W_OK) else None


def say(text: str, end: str = "\n") -> None:
    """Tell the progress on standard error."""
    print(text, end=end, file=sys.stderr, flush=True)


def show(
    facts: Sequence[tuple[str, str]],
    tables: Iterable[Table],
    notes: Iterable[str] = (),
    *,
    markdown: bool,
) -> None:
    """Print everything but the tables that have no rows."""
    tables = [table for table in tables if table.rows]
    listed = "".join(f"\n- {note}" for note in notes)
    width = max(len(name) for name, _ in facts)
    print("\n".join(f"{name:{width}}  {fact}" for name, fact in facts))
    for table in tables:
        print(f"\n{table.plain()}")
    if listed:
        print(listed)
    if markdown:
        print(f"\n{'; '.join(f'{name}: {fact}' for name, fact in facts)}.")
        for table in tables:
            print(f"\n{table.markdown()}")
        if listed:
            print(listed)


def run_to_end(benchmark: Callable[[], None]) -> int:
    """Run a benchmark and return the exit status."""
    # So that a terminated benchmark ends its processes and removes its files.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        benchmark()
    except (BenchmarkError, OSError, sqlite3.Error, subprocess.SubprocessError) as why:
        say(f"\nthe benchmark failed: {why}")
        return 1
    except KeyboardInterrupt:
        say("\ninterrupted")
        return 130
    return 0
