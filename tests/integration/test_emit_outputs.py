"""Other outputs: files, rotation, the local logging policy, pipes that fail."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from integration.daemon import until
from integration.wire import numbered_frames, stock_frame

PLAIN = ("--format", "%(message)s")


def test_a_file(start_daemon: Any, tmp_path: Path) -> None:
    """--emit PATH appends lines in UTF-8 to the file, and nothing to stdout."""
    path = tmp_path / "lines.log"
    path.write_text("from before\n")
    daemon = start_daemon(*PLAIN, emit=str(path))
    daemon.send(stock_frame("grün ✓"))
    daemon.wait_rows(1)
    daemon.stop()

    assert path.read_text(encoding="utf-8") == "from before\ngrün ✓\n"
    assert daemon.lines == []


def test_a_file_moved_by_logrotate(start_daemon: Any, tmp_path: Path) -> None:
    """After a move and SIGHUP lines go to a new file; none is lost or doubled."""
    path, moved = tmp_path / "lines.log", tmp_path / "lines.log.1"
    daemon = start_daemon(*PLAIN, emit=str(path))
    daemon.send(*numbered_frames("app", 100))
    until(lambda: path.read_text().count("\n") == 100, "a hundred lines")

    path.rename(moved)
    daemon.send(stock_frame("still to the old file"))
    until(lambda: "still" in moved.read_text(), "a line in the moved file")
    daemon.send_signal(signal.SIGHUP)
    until(path.exists, "a new file")
    daemon.wait_said("settings reloaded")
    daemon.send(*numbered_frames("app", 100, 100))
    daemon.wait_rows(201)
    daemon.stop()

    assert moved.read_text().splitlines() == [
        *(str(n) for n in range(100)),
        "still to the old file",
    ]
    assert path.read_text().splitlines() == [str(n) for n in range(100, 200)]


def test_rotation_by_size(start_daemon: Any, tmp_path: Path) -> None:
    """Files are rotated at their size, and the oldest beyond the number go."""
    path = tmp_path / "lines.log"
    daemon = start_daemon(
        *PLAIN,
        *("--emit-rotate-bytes", "1000", "--emit-rotate-keep", "2"),
        emit=str(path),
    )
    with daemon.connect() as client:
        for n in range(30):
            client.sendall(stock_frame(f"{n:03d} " + "x" * 95))
            daemon.wait_rows(n + 1)
    daemon.stop()

    files = sorted(tmp_path.glob("lines.log*"))
    assert [file.name for file in files] == ["lines.log", "lines.log.1", "lines.log.2"]
    assert all(0 < file.stat().st_size <= 1000 for file in files)
    lines = [line for file in reversed(files) for line in file.read_text().split("\n")]
    numbers = [int(line[:3]) for line in lines if line]
    assert numbers == list(range(numbers[0], 30))


def test_the_local_logging_policy(start_daemon: Any, tmp_path: Path) -> None:
    """--emit logging hands records to the loggers and handlers of [logging]."""
    config = tmp_path / "config.toml"
    config.write_text(
        """
        emit = "logging"
        [logging]
        version = 1
        [logging.formatters.short]
        format = "%(levelname)s:%(name)s:%(hostname)s:%(message)s:%(user)s"
        [logging.handlers.all]
        class = "logging.FileHandler"
        filename = "all.log"
        formatter = "short"
        [logging.handlers.errors]
        class = "logging.FileHandler"
        filename = "shop.log"
        level = "ERROR"
        [logging.root]
        level = "INFO"
        handlers = ["all"]
        [logging.loggers.shop]
        handlers = ["errors"]
        """
    )
    daemon = start_daemon("--config", str(config), emit=None)
    daemon.send(
        stock_frame("one", name="shop.cart", user="ada", hostname="h"),
        stock_frame("two %s", name="shop", user=1, hostname="h", levelno=40),
        stock_frame("three", name="other", user=None, hostname="h"),
    )
    daemon.wait_rows(3)
    daemon.stop()

    assert (tmp_path / "all.log").read_text().splitlines() == [
        "INFO:shop.cart:h:one:ada",
        "ERROR:shop:h:two %s:1",
        "INFO:other:h:three:None",
    ]
    assert (tmp_path / "shop.log").read_text() == "two %s\n"


def test_a_policy_that_logging_refuses(start_daemon: Any, tmp_path: Path) -> None:
    """A mistake in [logging] ends the start with the reason, status 2."""
    config = tmp_path / "config.toml"
    config.write_text('emit = "logging"\n[logging.handlers.x]\nclass = "no.Such"')
    daemon = start_daemon("--config", str(config), emit=None, wait=False)

    assert daemon.wait_end() == 2
    assert "no.Such" in daemon.stderr or "'x'" in daemon.stderr
    assert "Traceback" not in daemon.stderr


def test_stderr(start_daemon: Any) -> None:
    """--emit stderr shows lines there."""
    daemon = start_daemon(*PLAIN, emit="stderr")
    daemon.send(stock_frame("to stderr"))
    daemon.wait_said("to stderr\n")


def test_nothing_stored(start_daemon: Any, tmp_path: Path) -> None:
    """With an empty --db lines are shown and no file is made."""
    daemon = start_daemon("--db", "", *PLAIN, emit="stdout")
    daemon.send(*numbered_frames("app", 100))

    assert daemon.wait_lines(100) == [str(n) for n in range(100)]
    daemon.stop()
    assert list(tmp_path.glob("*.sqlite*")) == []
    assert "storing nothing" in daemon.stderr


@pytest.fixture
def closed_pipe() -> Any:
    """The writing end of a pipe whose reader has exited."""
    reader, writer = os.pipe()
    program = subprocess.Popen([sys.executable, "-c", ""], stdin=reader)
    os.close(reader)
    assert program.wait() == 0
    yield writer
    os.close(writer)


def test_a_reader_that_exits(
    start_daemon: Any, loop_name: str, closed_pipe: int
) -> None:
    """With `serve | head` over, all is stored; that lines are lost is said once."""
    daemon = start_daemon("--loop", loop_name, emit="stdout", stdout=closed_pipe)
    for start in range(0, 1_000, 100):
        daemon.send(*numbered_frames("app", 100, start))
    daemon.wait_rows(1_000)
    daemon.stop()

    warnings = [x for x in daemon.stderr.splitlines() if x.startswith("warning")]
    assert len(warnings) == 1, daemon.stderr
    assert "Broken pipe" in warnings[0]
    assert daemon.count() == 1_000


@pytest.fixture
def full_pipe() -> Any:
    """The writing end of a pipe that is full and that nobody reads."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    yield writer
    os.close(writer)
    os.close(reader)


def test_a_pipe_that_nobody_reads(
    start_daemon: Any, loop_name: str, full_pipe: int
) -> None:
    """A stopped reader costs lines, said once: no records, and no time to stop."""
    daemon = start_daemon(
        *("--loop", loop_name, "--emit-queue-records", "100"),
        *("--stop-timeout-seconds", "1"),
        emit="stdout",
        stdout=full_pipe,
    )
    for start in range(0, 3_000, 100):
        daemon.send(*numbered_frames("app", 100, start))
    daemon.wait_rows(3_000)
    daemon.wait_said("too slow")
    began = time.monotonic()
    daemon.stop()

    assert time.monotonic() - began < 5
    assert daemon.count() == 3_000
    assert daemon.stderr.count("too slow") == 1
    assert "lines were not written before the stop" in daemon.stderr


def test_a_full_pipe_hides_no_failure(start_daemon: Any, full_pipe: int) -> None:
    """Records that could not be stored end with status 74, stuck output or not."""
    daemon = start_daemon(
        *("--stop-timeout-seconds", "1", "--spool-max-bytes", "0"),
        emit="stdout",
        stdout=full_pipe,
    )
    daemon.send(stock_frame("stored"))
    daemon.wait_rows(1)
    with daemon.locked():
        daemon.send(stock_frame("lost"))
        daemon.wait_said("cannot write")
        daemon.stop(status=74)

    assert "1 records could not be kept" in daemon.stderr


def test_a_slow_reader_that_comes_back(start_daemon: Any) -> None:
    """When the reader goes on, lines do too, and how many are missing is said."""
    reader, writer = os.pipe()
    daemon = start_daemon(
        *("--emit-queue-records", "100"), *PLAIN, emit="stdout", stdout=writer
    )
    os.close(writer)
    for start in range(0, 1_000, 100):
        daemon.send(*(stock_frame("x" * 1_000) for _ in range(100)))
        daemon.wait_rows(start + 100)
    daemon.wait_said("too slow")
    read: list[bytes] = []
    with open(reader, "rb") as pipe:
        thread = threading.Thread(target=lambda: read.extend(pipe))
        thread.start()
        daemon.wait_said("keeps up again")
        daemon.send(stock_frame("back"))
        until(lambda: b"back\n" in read, "the new line")
        daemon.stop()
        thread.join()

    dropped = 1_001 - len(read)
    assert f"{dropped} lines were dropped" in daemon.stderr
