"""Whole processes: the installed command, and grep."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from processes import BenchmarkError, environment
from timing import Timing, timed

TIMEOUT_SECONDS = 600.0


def installed() -> str:
    """Return the path of the installed command."""
    return str(Path(sys.executable).with_name("logcollector"))


def output_of(
    command: list[str], folder: Path, *, statuses: tuple[int, ...] = (0,)
) -> bytes:
    """Run a command and return what it prints.

    Raises BenchmarkError when it ends with another status.
    """
    ran = subprocess.run(
        command,
        cwd=folder,
        env={**environment(None), "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    if ran.returncode not in statuses:
        said = ran.stderr.decode(errors="replace").strip()
        raise BenchmarkError(f"{' '.join(command)} failed:\n{said}")
    return ran.stdout


def time_command(folder: Path, *arguments: str) -> Timing:
    """Time the installed command; what it finds are its lines of output."""
    command = [installed(), *arguments]
    return timed(lambda: output_of(command, folder).count(b"\n"))


def time_grep(lines: Path, text: str, *options: str) -> Timing:
    """Time how long grep takes to count the lines with a text."""
    command = ["grep", "-c", *options, "-F", "-e", text, str(lines)]
    # It ends with status 1 when it finds nothing.
    return timed(lambda: int(output_of(command, lines.parent, statuses=(0, 1))))
