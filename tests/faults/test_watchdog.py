"""Fault: a loop that hangs, and a writer without progress.

systemd ends a service whose signs of life stay out for longer than it allows.
So they must stop when, and only when, records are not taken or stored any more
and nothing but an end would help. The supervisor here does what systemd does.
"""

import http.client
import re
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from integration.daemon import PATIENCE_SECONDS, Daemon
from integration.wire import numbered_frames

pytestmark = pytest.mark.fault

# WatchdogSec= of the unit: signs come three times as often.
ALLOWED_SECONDS = 2.0

# The daemon, with a signal that makes its loop hang.
HANGING = """\
import asyncio, signal, time
from collector.cli.main import main
from collector.service import Service

handle_signals = Service.handle_signals

def also_hang(service):
    handle_signals(service)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, time.sleep, 600)

Service.handle_signals = also_hang
main()
"""

StartDaemon = Callable[..., Daemon]
Figure = Callable[[str, float, str], None]


class Supervisor:
    """Hears signs of life, and aborts who gives none for too long, as systemd does."""

    def __init__(self, heard: socket.socket, path: Path) -> None:
        self._heard = heard
        self._heard.settimeout(ALLOWED_SECONDS)
        self.statuses: list[str] = []
        self.variables = {
            "NOTIFY_SOCKET": str(path),
            "WATCHDOG_USEC": str(int(ALLOWED_SECONDS * 1_000_000)),
            "PYTHONFAULTHANDLER": "1",
        }

    def hear(self) -> bool:
        """Wait for a sign of life; tell whether one came in time."""
        deadline = time.monotonic() + ALLOWED_SECONDS
        while (left := deadline - time.monotonic()) > 0:
            self._heard.settimeout(left)
            try:
                state = self._heard.recv(65536).decode()
            except TimeoutError:
                break
            self.statuses += re.findall(r"^STATUS=(.*)$", state, re.MULTILINE)
            if "WATCHDOG=1" in state.splitlines():
                return True
        return False

    def hear_for(self, seconds: float) -> int:
        """Expect signs of life for so long; return how many came."""
        signs = 0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.hear(), f"silent after {signs} signs of life"
            signs += 1
        return signs

    def abort_when_silent(self, daemon: Daemon, seconds: float) -> None:
        """Wait until signs of life stay out, for `seconds` at most; then abort."""
        deadline = time.monotonic() + seconds
        while self.hear():
            assert time.monotonic() < deadline, "it still gives signs of life"
        daemon.send_signal(signal.SIGABRT)


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    """A supervisor at a path."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(path))
        yield Supervisor(heard, path)


@contextmanager
def delayed_syncs(daemon: Daemon, seconds: float) -> Iterator[None]:
    """Make each sync of the daemon's take so much longer, by strace."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    syncs = "fsync,fdatasync"
    tracer = subprocess.Popen(
        [
            *("strace", "--follow-forks", "--output=/dev/null", f"--trace={syncs}"),
            f"--inject={syncs}:delay_enter={int(seconds * 1_000_000)}",
            f"--attach={daemon.pid}",
        ],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert tracer.stderr is not None
    try:
        said = ""
        while "attached" not in said:
            line = tracer.stderr.readline()
            if not line:
                pytest.skip(f"strace may not trace here: {said}")
            said += line
        yield
    finally:
        # It holds a thread until its delay is over, whatever it is asked. The
        # kernel lets all go when it is killed.
        tracer.kill()
        tracer.wait(PATIENCE_SECONDS)
        tracer.stderr.close()


def answers(port: int) -> bool:
    """Tell whether the daemon's loop still serves."""
    connection = http.client.HTTPConnection("127.0.0.1", port, PATIENCE_SECONDS)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().status == 200
    finally:
        connection.close()


def test_signs_of_life_under_load(
    start_daemon: StartDaemon, loop_name: str, supervisor: Supervisor, figure: Figure
) -> None:
    """A healthy daemon at work is never late with a sign, and tells how it does."""
    daemon = start_daemon("--loop", loop_name, variables=supervisor.variables)
    signs = sent = 0
    while len(supervisor.statuses) < 2:
        daemon.send(*numbered_frames("app", 2000))
        sent += 2000
        assert supervisor.hear(), f"silent after {signs} signs of life"
        signs += 1
    daemon.wait_rows(sent)
    daemon.stop()
    figure("signs of life in some 10 s of load", signs, "")

    assert re.fullmatch(r"0 connections, 0 received, 0 stored", supervisor.statuses[0])
    assert re.search(r"\d{4,} received, \d{4,} stored", supervisor.statuses[1])


def test_a_loop_that_hangs(
    start_daemon: StartDaemon,
    loop_name: str,
    supervisor: Supervisor,
    tmp_path: Path,
    figure: Figure,
) -> None:
    """No more signs come: the supervisor aborts it, and its stack is in the log."""
    script = tmp_path / "hanging.py"
    script.write_text(textwrap.dedent(HANGING))
    daemon = start_daemon(
        *("--loop", loop_name),
        variables=supervisor.variables,
        command=(sys.executable, str(script)),
    )
    supervisor.hear_for(ALLOWED_SECONDS)
    begun = time.monotonic()
    daemon.send_signal(signal.SIGUSR1)
    supervisor.abort_when_silent(daemon, 4 * ALLOWED_SECONDS)
    figure("a hung loop is aborted after", time.monotonic() - begun, "s")

    assert daemon.wait_end() == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in daemon.stderr


def test_a_writer_without_progress(
    start_daemon: StartDaemon, supervisor: Supervisor, figure: Figure
) -> None:
    """A transaction that does not end stops the signs, while the loop still serves."""
    daemon = start_daemon("--http-address", "0", variables=supervisor.variables)
    daemon.wait_said("health and metrics at")
    port = int(re.findall(r"health and metrics at \S+:(\d+)\n", daemon.stderr)[0])
    daemon.send(*numbered_frames("before", 10))
    daemon.wait_rows(10)
    with delayed_syncs(daemon, 600):
        begun = time.monotonic()
        daemon.send(*numbered_frames("app", 10))
        while supervisor.hear():
            assert answers(port)
            assert time.monotonic() < begun + 6 * ALLOWED_SECONDS
        assert answers(port)
        silent = time.monotonic()
    # As a supervisor does; not before, as strace may swallow it at its end.
    daemon.send_signal(signal.SIGABRT)
    assert daemon.wait_end() == -signal.SIGABRT
    figure("a writer that hangs is aborted after", silent - begun, "s")

    assert daemon.count() >= 10


def test_a_slow_disk(start_daemon: StartDaemon, supervisor: Supervisor) -> None:
    """A writer whose transactions are slow, but end, is no reason to be ended."""
    daemon = start_daemon(variables=supervisor.variables)
    with delayed_syncs(daemon, ALLOWED_SECONDS / 4):
        daemon.send(*numbered_frames("app", 100))
        supervisor.hear_for(2 * ALLOWED_SECONDS)
        daemon.wait_rows(100)
    supervisor.hear_for(ALLOWED_SECONDS / 2)
    daemon.stop()


def test_a_locked_database(
    start_daemon: StartDaemon, supervisor: Supervisor, figure: Figure
) -> None:
    """While another program holds the lock, the writer tries on and is let live."""
    daemon = start_daemon(variables=supervisor.variables)
    with daemon.locked():
        daemon.send(*numbered_frames("app", 100))
        daemon.wait_said("cannot write")
        signs = supervisor.hear_for(3 * ALLOWED_SECONDS)
    daemon.wait_rows(100)
    supervisor.hear_for(ALLOWED_SECONDS / 2)
    daemon.stop()
    figure("signs of life while locked for 6 s", signs, "")
