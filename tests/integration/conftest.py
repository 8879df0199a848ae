"""A daemon as users start it, on either loop, and clients in other processes."""

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from integration.daemon import PATIENCE_SECONDS, Daemon

StartDaemon = Callable[..., Daemon]
RunClient = Callable[..., list[dict[str, Any]]]

# Runs in a client's process beside its SocketHandler: tells what was logged.
ORACLE = """\
import json, logging, logging.handlers, sys

class Oracle(logging.Handler):
    def emit(self, record):
        told = dict(record.__dict__)
        told["message"] = record.getMessage()
        if record.exc_info:
            told["exc_text"] = logging.Formatter().formatException(record.exc_info)
        print(json.dumps(told, default=str))

PORT = int(sys.argv[1])
"""


@pytest.fixture(params=["asyncio", "uvloop"])
def loop_name(request: pytest.FixtureRequest) -> str:
    """Each event loop in turn."""
    if request.param == "uvloop":
        pytest.importorskip("uvloop")
    name: str = request.param
    return name


@pytest.fixture
def start_daemon(tmp_path: Path) -> Iterator[StartDaemon]:
    """Start daemons; each is ready when it is returned, and never outlives the test.

    Without an address flag it listens on a free port of 127.0.0.1, but with
    `at_port` None where its settings say; without `emit` it shows nothing.
    """
    started: list[Daemon] = []

    def start(
        *flags: str,
        database: Path | None = None,
        emit: str | None = "none",
        at_port: str | None = "0",
        wait: bool = True,
        **process: Any,
    ) -> Daemon:
        database = database or tmp_path / "logs.sqlite"
        defaults = ["--db", str(database), "--flush-interval-seconds", "0.02"]
        if emit is not None:
            defaults += ["--emit", emit]
        if at_port is not None and not {"--listen", "--port"}.intersection(flags):
            defaults += ["--port", at_port]
        daemon = Daemon(
            [*defaults, *flags], folder=tmp_path, database=database, **process
        )
        started.append(daemon)
        return daemon.wait_ready() if wait else daemon

    yield start
    for daemon in started:
        daemon.kill()


@pytest.fixture
def daemon(start_daemon: StartDaemon, loop_name: str) -> Daemon:
    """A daemon that stores and emits nothing, on each loop."""
    return start_daemon("--loop", loop_name)


@pytest.fixture
def stored(start_daemon: StartDaemon) -> Callable[..., Path]:
    """Makes a database, through a daemon that has ended; returns its path."""

    def make(*frames: bytes, database: Path | None = None) -> Path:
        daemon = start_daemon(database=database)
        daemon.send(*frames)
        daemon.wait_rows(len(frames))
        daemon.stop()
        return daemon.database

    return make


@pytest.fixture
def run_client(tmp_path: Path) -> RunClient:
    """Run a client's code in an isolated Python, without this package.

    `pieces` of code are joined; they get the port as PORT. Returns the records
    that the client's Oracle handler saw.
    """

    def run(port: int, *pieces: str) -> list[dict[str, Any]]:
        code = "\n".join([ORACLE, *map(textwrap.dedent, pieces)])
        done = subprocess.run(
            [sys.executable, "-I", "-c", code, str(port)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run
