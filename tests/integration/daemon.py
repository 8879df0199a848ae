"""A `logcollector serve` process under test, and how to wait for what it does."""

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

# How long something may take that normally takes milliseconds: a loaded
# machine must not fail a test.
PATIENCE_SECONDS = 30.0
POLL_SECONDS = 0.01

# What the test run's own surroundings must not tell the daemon.
HIDDEN_VARIABLES = (
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
    "CONFIGURATION_DIRECTORY",
    # Of the terminal that the tests run on.
    "COLUMNS",
    "LINES",
)

COMMAND = (sys.executable, "-m", "collector")

# Users don't set it, and it hides what is still to be written at the end.
BUFFERED = {"PYTHONUNBUFFERED": ""}


def until(
    condition: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS
) -> Any:
    """Poll until `condition()` is true and return its value; else fail."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain: {what}"
        time.sleep(POLL_SECONDS)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment for a child process in another folder."""
    variables = {
        name: value
        for name, value in os.environ.items()
        if name not in HIDDEN_VARIABLES and not name.startswith("LOGCOLLECTOR_")
    }
    if "PYTHONPATH" in variables:
        parts = variables["PYTHONPATH"].split(os.pathsep)
        variables["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, parts))
    variables.update(extra or {})
    return variables


def run_command(
    *arguments: str | Path,
    folder: Path,
    variables: Mapping[str, str] | None = None,
    stdin: bytes = b"",
) -> subprocess.CompletedProcess[str]:
    """Run a `logcollector` command to its end, in `folder`."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=folder,
        env=environment(variables),
        input=stdin,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


class Daemon:
    """A running daemon; `folder` is its working directory.

    `stdout` is a descriptor or file to be its standard output; else its lines
    are gathered in a file, see `lines`.
    """

    def __init__(
        self,
        flags: Sequence[str],
        *,
        folder: Path,
        database: Path,
        variables: Mapping[str, str] | None = None,
        stdout: Any = None,
        command: Sequence[str] = COMMAND,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.database = database
        self.port = 0
        self._said: list[str] = []
        self._output = folder / f"stdout-{time.monotonic_ns()}"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [*command, "serve", *flags],
                cwd=folder,
                env=environment(variables),
                stdin=subprocess.DEVNULL,
                stdout=output if stdout is None else stdout,
                stderr=subprocess.PIPE,
                pass_fds=pass_fds,
            )
        self._reader = threading.Thread(target=self._read_stderr, daemon=True)
        self._reader.start()

    def _read_stderr(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._said.append(line.decode())

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def stderr(self) -> str:
        """What it has said so far."""
        return "".join(self._said)

    @property
    def lines(self) -> list[str]:
        """What it has emitted to stdout so far, without an unfinished line."""
        return self._output.read_text(encoding="utf-8").split("\n")[:-1]

    def wait_ready(self) -> "Daemon":
        """Wait until it takes records, and learn its port."""

        def ready() -> bool:
            assert self.process.poll() is None or self._reader.is_alive(), self.stderr
            return "listening on" in self.stderr and "emitting to" in self.stderr

        until(ready, "the ready line")
        ports = re.findall(r"^listening on [^/]*:(\d+)$", self.stderr, re.MULTILINE)
        if ports:
            self.port = int(ports[0])
        return self

    def wait_said(self, text: str, count: int = 1) -> None:
        """Wait until `text` stands in its messages `count` times."""
        until(lambda: self.stderr.count(text) >= count, f"{text!r} in {self._said}")

    def wait_lines(self, count: int) -> list[str]:
        """Wait for `count` emitted lines and return them."""
        until(lambda: len(self.lines) >= count, f"{count} lines in {self._output}")
        return self.lines

    def rows(self, sql: str = "SELECT * FROM logs ORDER BY id") -> list[sqlite3.Row]:
        """Return rows of its database, as another process reads them."""
        uri = f"{self.database.as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=10)) as reader:
            reader.row_factory = sqlite3.Row
            return reader.execute(sql).fetchall()

    def count(self, table: str = "records") -> int:
        """Return how many rows a table has."""
        return int(self.rows(f"SELECT count(*) FROM {table}")[0][0])

    def wait_rows(self, count: int, table: str = "records") -> list[sqlite3.Row]:
        """Wait for `count` rows and return them: of `logs`, or of `table`."""
        until(
            lambda: self.count(table) >= count,
            f"{count} rows in {table}; the daemon said {self.stderr!r}",
        )
        source = "logs" if table == "records" else table
        return self.rows(f"SELECT * FROM {source} ORDER BY id")

    @contextmanager
    def locked(self) -> Iterator[sqlite3.Connection]:
        """Hold the database's write lock, as another program may."""
        with closing(sqlite3.connect(self.database, timeout=10)) as holder:
            holder.isolation_level = None
            holder.execute("BEGIN IMMEDIATE")
            yield holder

    def connect(self) -> socket.socket:
        """Return a new connection to its TCP port."""
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE_SECONDS)

    def send(self, *frames: bytes) -> None:
        """Send frames over a connection of their own."""
        with self.connect() as client:
            client.sendall(b"".join(frames))

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def wait_end(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Wait until it has ended by itself; return its exit status."""
        status = self.process.wait(seconds)
        self._reader.join(PATIENCE_SECONDS)
        return status

    def stop(self, number: int = signal.SIGTERM, *, status: int = 0) -> None:
        """Stop it with a signal; it must end in time, silently but for its words."""
        self.send_signal(number)
        assert self.wait_end() == status, self.stderr
        assert "Traceback" not in self.stderr, self.stderr

    def kill(self) -> None:
        """End it whatever state it is in."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        if self.process.stderr is not None:
            self.process.stderr.close()
