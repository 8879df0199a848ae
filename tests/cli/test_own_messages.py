"""What the daemon says of itself, on real descriptors that don't take it."""

import contextlib
import fcntl
import logging
import os
import re
import subprocess
import sys

import pytest

from collector.cli.own_messages import OwnMessages

PATIENCE_SECONDS = 30.0
MISSING = re.compile(
    r"warning: (\d+) messages are missing here: stderr did not take them"
)


class Pipe:
    """A pipe that holds 4 KiB: `stream` is its end to write, `lines` to read."""

    def __init__(self) -> None:
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        self.stream = os.fdopen(writer, "w", encoding="utf-8")
        self.lines = os.fdopen(reader, encoding="utf-8")

    def fill(self) -> None:
        """Write to it until it is full."""
        os.set_blocking(self.stream.fileno(), False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.stream.fileno(), b"." * 4095 + b"\n")
        os.set_blocking(self.stream.fileno(), True)

    def read_until(self, end: str) -> list[str]:
        """Read until a line says `end`; return the lines without the filling."""
        lines = []
        for line in self.lines:
            if not line.startswith("."):
                lines.append(line.rstrip("\n"))
            if lines and lines[-1] == end:
                return lines
        raise AssertionError(f"no {end!r} in {lines}")

    def close(self) -> None:
        self.stream.close()
        self.lines.close()


@pytest.fixture
def pipe():
    one = Pipe()
    yield one
    one.close()


def missing_in(line):
    """Return how many messages a line stands for; 0 for a message."""
    found = MISSING.fullmatch(line.rstrip("\n"))
    return int(found[1]) if found else 0


def test_order(pipe):
    """Messages come in the order in which they were said."""
    messages = OwnMessages(pipe.stream)
    for n in range(500):
        messages.say(str(n))

    assert pipe.read_until("499") == [str(n) for n in range(500)]


def test_levels(pipe):
    """Warnings and worse are marked, a traceback follows its message."""
    messages = OwnMessages(pipe.stream)
    for level, text in ((20, "information"), (30, "odd"), (40, "bad")):
        messages.handle(logging.LogRecord("x", level, "", 0, text, None, None))
    try:
        raise ValueError("why")
    except ValueError:
        record = logging.LogRecord("x", 40, "", 0, "worse", None, sys.exc_info())
    messages.handle(record)

    shown = pipe.read_until("ValueError: why")
    assert shown[:4] == ["information", "warning: odd", "error: bad", "error: worse"]
    assert shown[4].startswith("Traceback")


def test_a_stuck_reader_that_comes_back(pipe):
    """What found no room is counted by a line that stands where it is missing."""
    messages = OwnMessages(pipe.stream, max_waiting=10)
    pipe.fill()
    for n in range(1_000):
        messages.say(str(n))

    expected, missing = 0, 0
    while expected < 1_000:
        line = pipe.lines.readline()
        if line.startswith("."):
            continue
        if not missing_in(line):
            assert line == f"{expected}\n"
            expected += 1
        missing += missing_in(line)
        expected += missing_in(line)
    assert expected == 1_000
    # As many as may wait, while as many as had waited were being written.
    assert 980 <= missing <= 990
    messages.say("end")
    assert pipe.read_until("end") == ["end"]


def test_flush_gives_up(pipe):
    """A flush of what nobody reads ends, so that the process can."""
    messages = OwnMessages(pipe.stream)
    pipe.fill()
    messages.say("last words")
    messages.flush()

    assert pipe.read_until("last words") == ["last words"]


def test_a_flush_writes_everything(pipe):
    """After a flush all is written, where somebody reads."""
    messages = OwnMessages(pipe.stream)
    for n in range(100):
        messages.say(str(n))
    messages.flush()
    pipe.stream.close()

    assert pipe.lines.read().splitlines() == [str(n) for n in range(100)]


@pytest.fixture(params=["full disk", "no reader"])
def refusing(request):
    """A stream to which nothing can be written."""
    if request.param == "full disk":
        writer = os.open("/dev/full", os.O_WRONLY)
    else:
        reader, writer = os.pipe()
        os.close(reader)
    with os.fdopen(writer, "w") as stream:
        yield stream


def test_a_stream_that_refuses(pipe, refusing):
    """Messages that could not be written are counted as soon as one can be."""
    messages = OwnMessages(refusing)
    for _ in range(3):
        messages.say("lost")
        messages.flush()
    os.dup2(pipe.stream.fileno(), refusing.fileno())
    messages.say("found")
    shown = pipe.read_until("found")

    assert missing_in(shown[0]) == 3
    assert shown[1:] == ["found"]


def test_a_descriptor_that_does_not_block(pipe):
    """Made non-blocking by another program, it still takes every message."""
    pipe.fill()
    os.set_blocking(pipe.stream.fileno(), False)
    messages = OwnMessages(pipe.stream)
    for n in range(500):
        messages.say(f"{n} {'x' * 100}")
    messages.say("end")

    shown = pipe.read_until("end")
    assert [line.split(" ")[0] for line in shown[:-1]] == [str(n) for n in range(500)]


def test_characters_that_stderr_cannot_show(pipe):
    """They are escaped, a lone surrogate too."""
    pipe.stream.reconfigure(encoding="ascii")
    messages = OwnMessages(pipe.stream)
    messages.say("grün \ud800")

    assert pipe.read_until("gr\\xfcn \\ud800") == ["gr\\xfcn \\ud800"]


def test_what_libraries_say(pipe):
    """A stuck stderr does not hold up asyncio's messages, nor the process's end."""
    pipe.fill()
    program = """if True:
        import logging, sys
        from collector.cli.own_messages import log_to
        log_to(sys.stderr)
        logging.getLogger("asyncio").info("not for stderr")
        for n in range(3):
            logging.getLogger("asyncio").error("failed %d", n)
        logging.getLogger("logcollector").info("end")
        print("said")
    """
    done = subprocess.run(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=pipe.stream,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    assert done.stdout == b"said\n"
    # With a reader, all is shown.
    with subprocess.Popen([sys.executable, "-c", program], stderr=pipe.stream):
        assert pipe.read_until("end") == [
            *(f"error: failed {n}" for n in range(3)),
            "end",
        ]
