"""What the benchmarks' command lines have in common."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable

from processes import BenchmarkError


def positive(text: str) -> int:
    """Return a whole number above 0."""
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number


def default_folder() -> str | None:
    """Return /var/tmp, which is on a disk where /tmp may not be."""
    return "/var/tmp" if os.access("/var/tmp", os.W_OK) else None


def say(text: str, end: str = "\n") -> None:
    """Tell the progress on standard error."""
    print(text, end=end, file=sys.stderr, flush=True)


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
