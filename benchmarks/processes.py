"""The processes a benchmark starts, and what /proc says of them.

Every class here is a context manager that ends its process, if it still runs,
when the block is left. No other process is ever signalled.
"""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

HERE = Path(__file__).resolve().parent
START_TIMEOUT_SECONDS = 30.0
STOP_TIMEOUT_SECONDS = 30.0
LISTENING = re.compile(rb"listening on \S+:(\d+)\b")
# What could change what the daemon does besides its command line.
MEDDLING = ("LOGCOLLECTOR_", "LISTEN_", "NOTIFY_", "WATCHDOG_", "PYTHONPATH")


class BenchmarkError(Exception):
    """The benchmark could not be run; the text says why."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used since its start."""

    cpu_seconds: float
    peak_rss_bytes: int


def usage(pid: int) -> Usage:
    """Return what the running process has used."""
    status = Path(f"/proc/{pid}/status").read_text()
    [peak] = re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    # The second field is the program's name in brackets; utime and stime are
    # the fields 14 and 15.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return Usage(ticks / os.sysconf("SC_CLK_TCK"), int(peak) * 1024)


class Child:
    """One of this folder's scripts, talked to by lines."""

    def __init__(self, script: str, *arguments: object) -> None:
        """Start the script."""
        self.name = f"{script} {arguments[0]}"
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / script), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )

    def __enter__(self) -> Self:
        """Return self."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        end(self.process)

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    def say(self, line: str) -> None:
        """Send a line to its standard input."""
        assert self.process.stdin
        self.process.stdin.write(line.encode() + b"\n")

    def hear(self, timeout: float = START_TIMEOUT_SECONDS) -> str:
        """Return the next line of its standard output.

        Raises BenchmarkError when none comes in time or ever.
        """
        assert self.process.stdout
        if not select.select([self.process.stdout], [], [], timeout)[0]:
            raise BenchmarkError(f"{self.name} said nothing for {timeout:.0f} s")
        line = self.process.stdout.readline()
        if not line:
            raise BenchmarkError(f"{self.name} ended before it was done")
        return line.decode().strip()

    def finish(self) -> None:
        """Wait for its end, which has to be a good one."""
        try:
            status = self.process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            raise BenchmarkError(f"{self.name} does not end") from None
        if status:
            raise BenchmarkError(f"{self.name} ended with status {status}")


class Daemon:
    """`collector serve` in a folder of its own, on a free port."""

    def __init__(
        self,
        folder: Path,
        emit: str,
        source: Path | None = None,
        *,
        database: Path | None = None,
        flags: Sequence[str] = (),
    ) -> None:
        """Prepare; with `source`, the package is imported from there.

        Without `database` it makes one in the folder. `flags` are more of `serve`.
        """
        self._flags = flags
        self.folder = folder
        self.database = database or folder / "logs.sqlite"
        self.port = 0
        self._emit = emit
        self._source = source
        self._stderr = folder / "stderr"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it and wait until it listens."""
        command = [*collector(), "serve", "--port", "0", "--db", str(self.database)]
        with self._stderr.open("wb") as stderr:
            self._process = subprocess.Popen(
                [*command, "--emit", self._emit, *self._flags],
                cwd=self.folder,
                env=environment(self._source),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
        try:
            self.port = self._wait_ready(self._process)
        except BaseException:
            end(self._process)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        if self._process:
            end(self._process)

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> float:
        """Ask it to stop and return the seconds this took.

        Raises BenchmarkError unless it ends with status 0.
        """
        assert self._process
        before = time.perf_counter()
        self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            raise self.error("does not stop on SIGTERM") from None
        if status:
            raise self.error(f"ended with status {status} on SIGTERM")
        return time.perf_counter() - before

    def error(self, what: str) -> BenchmarkError:
        """Return an error with the last lines of the daemon's messages."""
        said = self._stderr.read_text(errors="replace").splitlines()[-20:]
        return BenchmarkError("\n  ".join([f"the daemon {what}; it said:", *said]))

    def _wait_ready(self, process: subprocess.Popen[bytes]) -> int:
        """Return the port once the daemon says that it listens."""
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            ended = process.poll() is not None
            if found := LISTENING.search(self._stderr.read_bytes()):
                return int(found[1])
            if ended:
                raise self.error(f"ended with status {process.returncode} at start")
            time.sleep(0.02)
        raise self.error(f"was not ready within {START_TIMEOUT_SECONDS:.0f} s")


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process if it still runs, and release what belongs to it."""
    if process.poll() is None:
        process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()


def collector() -> list[str]:
    """Return the command that runs the package."""
    return [sys.executable, "-m", "collector"]


def environment(source: Path | None) -> dict[str, str]:
    """Return the daemon's environment: the package from `source` if given."""
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(MEDDLING)
    }
    if source:
        kept["PYTHONPATH"] = str(source)
    return kept


def version(folder: Path, source: Path | None) -> str:
    """Return what the package says of its version.

    It runs in `folder`, because `-m` would find a package in the working
    directory first. Raises BenchmarkError when it can't be run.
    """
    command = [*collector(), "--version"]
    ran = subprocess.run(
        command,
        cwd=folder,
        env=environment(source),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=START_TIMEOUT_SECONDS,
        check=False,
    )
    if ran.returncode:
        raise BenchmarkError(f"{' '.join(command)} failed:\n{ran.stderr.strip()}")
    return " ".join(ran.stdout.split())
