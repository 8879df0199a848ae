"""Nobody reads what the daemon says of itself: it serves and ends as ever."""

import contextlib
import fcntl
import os
import re
import select
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from integration.daemon import COMMAND, PATIENCE_SECONDS, Daemon
from integration.wire import numbered_frames, stock_frame

# What the daemon promises; measured line by line it takes several times as long.
STOP_SECONDS = 20.0 if "coverage" in sys.modules else 5.0

# More than may wait and a pipe holds.
MANY = 1_500

# A length over the limit: it and those after it number the messages.
TOO_LONG = 2_000_000_000
SAID = re.compile(
    r"warning: closing the connection of .* a length of (?P<number>\d+) bytes .*\n|"
    r"warning: (?P<missing>\d+) messages are missing here.*\n"
)
# What else the daemon may say between two of those: that it rejected something,
# that lines are dropped and that its output keeps up again.
OTHERS = 10


class Output:
    """A pipe with the daemon's stdout and stderr, read when the test says so."""

    def __init__(self) -> None:
        self._reader, self.writer = os.pipe()
        # As little as it can hold: it is full soon.
        fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, 4096)
        self.text = ""

    def fill(self) -> None:
        """Write to it until it is full."""
        os.set_blocking(self.writer, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.writer, b"." * 4096)
        os.set_blocking(self.writer, True)

    def read_until(self, text: str) -> None:
        """Read until `text` has been shown."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while text not in self.text:
            left = deadline - time.monotonic()
            assert select.select([self._reader], [], [], max(0.0, left))[0], self.text
            piece = os.read(self._reader, 65_536)
            assert piece, self.text
            self.text += piece.decode()

    def close_reader(self) -> None:
        """Go away, as a reader that exits."""
        os.close(self._reader)
        self._reader = -1

    def close(self) -> None:
        for descriptor in (self._reader, self.writer):
            if descriptor >= 0:
                os.close(descriptor)


@pytest.fixture
def output() -> Iterator[Output]:
    one = Output()
    yield one
    one.close()


@pytest.fixture
def daemon(
    start_daemon: Any, loop_name: str, output: Output, request: pytest.FixtureRequest
) -> Daemon:
    """A daemon with both outputs in one pipe, read no further than it is ready."""
    emit = getattr(request, "param", "none")
    daemon: Daemon = start_daemon(
        *("--loop", loop_name, "--emit-queue-records", "100"),
        *("--stop-timeout-seconds", "1"),
        emit=emit,
        stdout=output.writer,
        command=("sh", "-c", 'exec "$0" "$@" 2>&1', *COMMAND),
        wait=False,
    )
    output.read_until("emitting to")
    output.read_until("listening on 127.0.0.1:")
    if "\n" not in output.text.partition("listening on")[2]:
        output.read_until("\n")
    (port,) = re.findall(r"^listening on .*:(\d+)$", output.text, re.MULTILINE)
    daemon.port = int(port)
    return daemon


def provoke(daemon: Daemon, count: int = MANY) -> None:
    """Have the daemon say numbered messages, in order."""
    for n in range(count):
        with daemon.connect() as client:
            client.sendall((TOO_LONG + n).to_bytes(4, "big"))
            # It closes the connection after the message.
            assert client.recv(1) == b""


def end(daemon: Daemon, *signals: int) -> tuple[int, float]:
    """Send signals; return the exit status, and how long the end took."""
    began = time.monotonic()
    for number in signals:
        daemon.send_signal(number)
    return daemon.wait_end(), time.monotonic() - began


@pytest.mark.parametrize("daemon", ["stdout"], indirect=True)
def test_a_reader_that_comes_back(daemon: Daemon, output: Output) -> None:
    """Records are stored as ever; later each message is there in order, or counted."""
    daemon.send(*numbered_frames("app", 1_000))
    daemon.wait_rows(1_000)
    provoke(daemon)
    daemon.send(*numbered_frames("app", 1_000, 1_000))
    rows = daemon.wait_rows(2_000)
    assert [int(row["message"]) for row in rows] == list(range(2_000))

    output.read_until("messages are missing here")
    with daemon.connect() as client:
        client.sendall((TOO_LONG + MANY).to_bytes(4, "big"))
        output.read_until(f"a length of {TOO_LONG + MANY} bytes")
    assert end(daemon, signal.SIGTERM)[0] == 0

    assert output.text.count("too slow") == 1
    expected, missing, all_missing = TOO_LONG, 0, 0
    # They may stand within a line of a record: stdout is written in large pieces.
    for found in SAID.finditer(output.text):
        if found["missing"]:
            missing += int(found["missing"])
        else:
            gap = int(found["number"]) - expected
            assert gap <= missing <= gap + OTHERS
            expected, missing = int(found["number"]) + 1, 0
            all_missing += gap
    assert expected == TOO_LONG + MANY + 1
    assert all_missing > 0


@pytest.mark.parametrize("daemon", ["none", "stdout"], indirect=True)
def test_a_stop_while_nobody_reads(daemon: Daemon) -> None:
    """SIGTERM ends the daemon with status 0, in time, and all records are stored."""
    provoke(daemon, 100)
    daemon.send(*numbered_frames("app", 1_000))
    status, seconds = end(daemon, signal.SIGTERM)

    assert status == 0
    assert daemon.count() == 1_000
    assert seconds < STOP_SECONDS


def test_a_forced_stop_while_nobody_reads(daemon: Daemon) -> None:
    """A second signal ends it at once with status 143."""
    provoke(daemon, 100)
    with daemon.locked():
        daemon.send(stock_frame("not stored"))
        status, _ = end(daemon, signal.SIGTERM, signal.SIGINT)

    assert status == 143


def test_a_failure_while_nobody_reads(
    start_daemon: Any, output: Output, tmp_path: Path
) -> None:
    """What ends the daemon early ends it with its status, shown or not."""
    path = tmp_path / "notes.txt"
    path.write_text("Buy milk.\n" * 1_000)
    output.fill()
    daemon = start_daemon(
        database=path,
        stdout=output.writer,
        command=("sh", "-c", 'exec "$0" "$@" 2>&1', *COMMAND),
        wait=False,
    )

    assert daemon.wait_end() == 74


def test_a_reader_that_exits(daemon: Daemon, output: Output) -> None:
    """With `serve 2>&1 | head` over, records are stored and a stop is a stop."""
    output.close_reader()
    provoke(daemon, 100)
    daemon.send(*numbered_frames("app", 1_000))
    daemon.wait_rows(1_000)

    assert end(daemon, signal.SIGTERM)[0] == 0
