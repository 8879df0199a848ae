"""Nobody reads the lines any more: records are stored as ever, nothing waits."""

import contextlib
import fcntl
import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from faults.stream import Stream, disorder, numbers, so_far
from integration.daemon import (
    COMMAND,
    PATIENCE_SECONDS,
    Daemon,
    environment,
    until,
)
from integration.wire import numbered_frames

pytestmark = pytest.mark.fault

Figure = Callable[[str, float, str], None]

RATE = 2_000
RECORDS = 10_000

# The longest that the event loop may do anything else than serve.
LONGEST_GAP_SECONDS = 0.1

# An address of the loopback whose connections are refused once it has one.
PROBE_ADDRESS = "127.0.0.2"
PROBE_FLAGS = ("--max-connections-per-peer", "1")
PROBE_SECONDS = 0.005


class Probe:
    """Measures how soon the daemon's loop answers, from outside.

    A connection beyond the limit of its peer is reset by the loop as soon as
    that comes round: from its opening to its reset is the loop's gap. Used as
    a context.
    """

    def __init__(self, daemon: Daemon) -> None:
        self._port = daemon.port
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.seconds: list[float] = []
        self.error: Exception | None = None

    def __enter__(self) -> Self:
        self._first = self._connect()
        until(self._is_refused, "the limit of connections to be in force")
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join()
        self._first.close()
        assert self.error is None, self.error

    @property
    def longest(self) -> float:
        return max(self.seconds)

    def _connect(self) -> socket.socket:
        return socket.create_connection(
            ("127.0.0.1", self._port), 30, source_address=(PROBE_ADDRESS, 0)
        )

    def _is_refused(self) -> bool:
        try:
            with self._connect() as probe:
                probe.settimeout(0.5)
                return probe.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False

    def _run(self) -> None:
        while not self._stopping.wait(PROBE_SECONDS):
            began = time.monotonic()
            try:
                # It may already have been reset when it is opened.
                with contextlib.suppress(ConnectionResetError), self._connect() as one:
                    one.settimeout(PATIENCE_SECONDS)
                    one.recv(1)
            except OSError as error:
                self.error = error
                return
            self.seconds.append(time.monotonic() - began)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe, its descriptors to read and to write, closed in the end."""
    reader, writer = os.pipe()
    # As little as it can hold: it is full at once.
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    yield reader, writer
    for descriptor in (reader, writer):
        # A test may have closed it.
        with contextlib.suppress(OSError):
            os.close(descriptor)


def dropped_lines(daemon: Daemon) -> int:
    """Return the number of lines that it said it has dropped."""
    found = re.findall(r"(\d+) lines were (?:dropped|not written)", daemon.stderr)
    return max(map(int, found), default=0)


def test_a_stopped_reader(
    start_daemon: Any, loop_name: str, pipe: tuple[int, int], figure: Figure
) -> None:
    """A full pipe delays nobody: one message, lines counted, every record stored."""
    reader, writer = pipe
    daemon = start_daemon(
        *("--loop", loop_name, "--emit-queue-records", "1000", *PROBE_FLAGS),
        emit="stdout",
        stdout=writer,
    )
    with Probe(daemon) as probe, Stream(daemon, rate=RATE) as stream:
        until(lambda: stream.sent >= RECORDS, f"{RECORDS} records sent")
        sent = stream.stop()
        until(lambda: daemon.count() >= sent, "all records")
    figure(f"longest gap of the loop, pipe full ({loop_name})", probe.longest, "s")
    assert daemon.stderr.count("too slow") == 1

    # Read again: what had waited comes, and the number of what is missing.
    shown = bytearray()
    os.set_blocking(reader, False)

    def kept_up() -> bool:
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(reader, 65_536):
                shown.extend(piece)
        return "keeps up again" in daemon.stderr

    until(kept_up, "the output to keep up again")
    daemon.stop()
    os.close(writer)
    kept_up()

    assert disorder(numbers(daemon.database)) == ""
    assert len(numbers(daemon.database)) == sent
    assert dropped_lines(daemon) + shown.count(b"\n") == sent
    assert daemon.stderr.count("too slow") == 1
    assert probe.longest < LONGEST_GAP_SECONDS


def test_a_closed_reader(
    start_daemon: Any, loop_name: str, pipe: tuple[int, int], figure: Figure
) -> None:
    """A pipe without a reader delays nobody: one message, every record stored."""
    reader, writer = pipe
    daemon = start_daemon(
        *("--loop", loop_name, *PROBE_FLAGS), emit="stdout", stdout=writer
    )
    with Probe(daemon) as probe, Stream(daemon, rate=RATE) as stream:
        assert os.read(reader, 1)
        os.close(reader)
        until(lambda: stream.sent >= RECORDS, f"{RECORDS} records sent")
        sent = stream.stop()
        until(lambda: daemon.count() >= sent, "all records")
    figure(f"longest gap of the loop, pipe closed ({loop_name})", probe.longest, "s")
    daemon.stop()

    assert disorder(numbers(daemon.database)) == ""
    assert daemon.stderr.count("cannot write lines") == 1
    assert probe.longest < LONGEST_GAP_SECONDS


def test_one_stopped_pipe_for_lines_and_messages(
    loop_name: str, pipe: tuple[int, int], tmp_path: Path
) -> None:
    """With stderr in the same full pipe (2>&1 | less) records are stored as ever."""
    _, writer = pipe
    address, database = str(tmp_path / "logs.sock"), tmp_path / "logs.sqlite"
    process = subprocess.Popen(
        [
            *(*COMMAND, "serve", "--listen", address, "--loop", loop_name),
            *("--emit-queue-records", "100", "--db", str(database)),
        ],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=writer,
        stderr=writer,
    )

    def send(*frames: bytes) -> None:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE_SECONDS)
            client.connect(address)
            client.sendall(b"".join(frames))

    def listens() -> bool:
        try:
            send()
        except OSError:
            return False
        return True

    try:
        until(listens, "a listener")
        # Lines fill the pipe; that they are dropped is worth a message.
        send(*numbered_frames("stream.0", 2_000))
        until(lambda: len(so_far(database)) == 2_000, "the first records")
        # So is each of these.
        for _ in range(100):
            send(b"GET / HTTP/1.1\r\n\r\n")
        send(*numbered_frames("stream.0", 2_000, 2_000))
        until(lambda: len(so_far(database)) == 4_000, "all records")
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0
    finally:
        process.kill()
        process.wait()
