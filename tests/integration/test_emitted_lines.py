"""Lines on standard output: what the formatter makes of real records."""

import json
import logging
import re
import socket
import time
from typing import Any

import pytest
from integration.conftest import RunClient, StartDaemon
from integration.daemon import Daemon
from integration.wire import stock_frame

DAGRUNNER_FORMAT = (
    "%(relativeCreated)5d %(name)-15s %(levelname)-8s %(hostname)s %(process)d "
    "%(asctime)s %(message)s"
)
DAGRUNNER_DATEFMT = "%Y-%m-%dT%H:%M:%S"
COOKBOOK_FORMAT = "%(relativeCreated)5d %(name)-15s %(levelname)-8s %(message)s"

JACKDAWS = """
root = logging.getLogger("")
root.setLevel(logging.DEBUG)
root.addHandler(Oracle())
root.addHandler(logging.handlers.SocketHandler("127.0.0.1", PORT))
logging.info("Jackdaws love my big sphinx of quartz.")
logger1 = logging.getLogger("myapp.area1")
logger2 = logging.getLogger("myapp.area2")
logger1.debug("Quick zephyrs blow, vexing daft Jim.")
logger1.info("How quickly daft jumping zebras vex.")
logger2.warning("Jail zesty vixen who grabbed pay from quack.")
logger2.error("The five boxing wizards jump quickly.")
"""

# How a line of a record begins in the default format, and no other line may.
RECORD_START = re.compile(r" {0,4}\d+ \S+ +[A-Z]+ ")


def formatted(
    logged: list[dict[str, Any]], fmt: str, datefmt: str | None = None
) -> list[str]:
    """Return what logging's own Formatter makes of the client's records."""
    formatter = logging.Formatter(fmt, datefmt)
    return [
        formatter.format(
            logging.makeLogRecord({**record, "hostname": socket.gethostname()})
        )
        for record in logged
    ]


def test_jackdaws_in_the_default_format(
    start_daemon: StartDaemon, loop_name: str, run_client: RunClient
) -> None:
    """The cookbook's example looks as logging would format it in the client."""
    daemon = start_daemon("--loop", loop_name, emit="stdout")
    logged = run_client(daemon.port, JACKDAWS)

    lines = daemon.wait_lines(5)

    assert lines == formatted(logged, DAGRUNNER_FORMAT, DAGRUNNER_DATEFMT)
    assert all(RECORD_START.match(line) for line in lines)
    assert len(daemon.wait_rows(5)) == 5


def test_jackdaws_in_the_cookbooks_format(
    start_daemon: StartDaemon, run_client: RunClient
) -> None:
    """--format gives exactly the cookbook's lines."""
    daemon = start_daemon("--format", COOKBOOK_FORMAT, emit="stdout")
    logged = run_client(daemon.port, JACKDAWS)

    lines = daemon.wait_lines(5)

    assert lines == formatted(logged, COOKBOOK_FORMAT)
    assert re.fullmatch(
        r" *\d+ root            INFO     Jackdaws love my big sphinx of quartz\.",
        lines[0],
    )


@pytest.mark.parametrize("datefmt", ["", "%d.%m.%y %H:%M"])
def test_time_format(
    start_daemon: StartDaemon, run_client: RunClient, datefmt: str
) -> None:
    """--datefmt is time.strftime's; an empty one is logging's own, with ms."""
    fmt = "%(asctime)s|%(msecs)03d|%(message)s"
    daemon = start_daemon("--format", fmt, "--datefmt", datefmt, emit="stdout")
    logged = run_client(daemon.port, JACKDAWS)

    assert daemon.wait_lines(5) == formatted(logged, fmt, datefmt or None)


def test_every_field(start_daemon: StartDaemon, run_client: RunClient) -> None:
    """Any attribute of LogRecord may stand in a format."""
    fmt = (
        "%(created)f %(filename)s %(funcName)s %(levelno)s %(lineno)d %(module)s "
        "%(msecs)d %(pathname)s %(process)d %(processName)s %(thread)d "
        "%(threadName)s %(name)s 100%% %(message)r"
    )
    daemon = start_daemon("--format", fmt, emit="stdout")
    logged = run_client(daemon.port, JACKDAWS)

    assert daemon.wait_lines(5) == formatted(logged, fmt)


def test_extra_in_a_format(start_daemon: StartDaemon) -> None:
    """A format may name an extra attribute; records without it show a dash."""
    daemon = start_daemon(
        *("--format", "%(message)s %(user)s", "--no-emit-extra"), emit="stdout"
    )
    daemon.send(stock_frame("with", user="ada"), stock_frame("without"))

    assert daemon.wait_lines(2) == ["with ada", "without -"]


def test_extra_attributes_are_shown(start_daemon: StartDaemon) -> None:
    """Extra attributes end the line as JSON."""
    daemon = start_daemon("--format", "%(message)s", emit="stdout")
    daemon.send(stock_frame("order", item={"id": 7}, user="grün"))

    (line,) = daemon.wait_lines(1)

    message, _, extra = line.partition(" ")
    assert message == "order"
    assert json.loads(extra) == {"item": {"id": 7}, "user": "grün"}


def test_logname(start_daemon: StartDaemon) -> None:
    """--logname replaces the name that is shown, not the one that is stored."""
    daemon = start_daemon(
        *("--logname", "everything", "--format", "%(name)s %(message)s"),
        emit="stdout",
    )
    daemon.send(stock_frame("m", name="mine"))

    assert daemon.wait_lines(1) == ["everything m"]
    assert daemon.wait_rows(1)[0]["name"] == "mine"


@pytest.mark.parametrize("level", ["WARNING", "warning", "30"])
def test_emit_level(start_daemon: StartDaemon, level: str) -> None:
    """Records below --emit-level are stored and not shown."""
    daemon = start_daemon(
        *("--emit-level", level, "--format", "%(message)s"), emit="stdout"
    )
    daemon.send(
        *(stock_frame(str(n), levelno=n, levelname="X") for n in (0, 29, 30, 50))
    )

    assert len(daemon.wait_rows(4)) == 4
    daemon.stop()
    assert daemon.lines == ["30", "50"]


def test_traceback_and_stack(start_daemon: StartDaemon, run_client: RunClient) -> None:
    """Below the line of a record stand its traceback and its stack."""
    daemon = start_daemon("--format", "%(message)s", emit="stdout")
    logged = run_client(
        daemon.port,
        JACKDAWS,
        """
        try:
            1 / 0
        except ZeroDivisionError:
            logging.exception("failed", stack_info=True)
        logging.info("end")
        """,
    )

    until_end = daemon.wait_lines(9)
    while until_end[-1] != "end":
        until_end = daemon.wait_lines(len(until_end) + 1)

    text = [line.strip() for line in until_end]
    start = text.index("failed")
    shown = text[start + 1 : -1]
    expected = f"{logged[5]['exc_text']}\n{logged[5]['stack_info']}".splitlines()
    # Each is marked as belonging to the record's line.
    assert [line.lstrip("| ") for line in shown] == [line.strip() for line in expected]
    assert all(line.startswith(" ") for line in until_end[start + 1 : -1])


HOSTILE = {
    "newline": "real\n    5 root            CRITICAL host 1 2024-01-01T00:00:00 forged",
    "short": "real\n5 root            CRITICAL host 1 2024-01-01T00:00:00 forged",
    "long": "real\n12345 root            CRITICAL host 1 2024-01-01T00:00:00 forged",
    "return": "real\r12345 root            CRITICAL host 1 2024-01-01T00:00:00 forged",
    "separator": "real\u202812345 root  CRITICAL host 1 2024-01-01T00:00:00 forged",
    "next line": "real\x8512345 root  CRITICAL host 1 2024-01-01T00:00:00 forged",
    "form feed": "real\x0c12345 root  CRITICAL host 1 2024-01-01T00:00:00 forged",
}


@pytest.mark.parametrize("attribute", ["msg", "name", "exc_text", "threadName"])
def test_forged_lines(start_daemon: StartDaemon, attribute: str) -> None:
    """No received text makes a line that begins like a record's."""
    daemon = start_daemon(
        "--format",
        "%(relativeCreated)5d [%(name)s] %(threadName)s %(levelname)s %(message)s",
        emit="stdout",
    )
    daemon.send(*(stock_frame("m", **{attribute: text}) for text in HOSTILE.values()))
    daemon.wait_rows(len(HOSTILE))
    daemon.stop()

    # The format brackets the name, which no forged line does.
    lines = "\n".join(daemon.lines).splitlines()

    assert [line for line in lines if RECORD_START.match(line)] == []
    assert len([line for line in lines if " [" in line]) == len(HOSTILE)


def test_control_characters(start_daemon: StartDaemon) -> None:
    """Escape sequences reach no terminal; they are shown instead."""
    daemon = start_daemon("--format", "%(name)s %(message)s", emit="stdout")
    daemon.send(
        stock_frame("\x1b[2Jcleared \x07bell \x9b31m \u202etxt.exe", name="\x1b]0;x")
    )

    (line,) = daemon.wait_lines(1)

    assert not set(line) & {"\x1b", "\x07", "\x9b", "\u202e"}
    assert "\\x1b[2Jcleared \\x07bell \\x9b31m \\u202etxt.exe" in line
    assert daemon.wait_rows(1)[0]["message"].startswith("\x1b[2J")


def test_received_text_is_no_format(start_daemon: StartDaemon) -> None:
    """Percent signs and braces in what was received are shown as they are."""
    text = "%s %(name)s %(message)999999999d {0.__class__} %n"
    daemon = start_daemon("--format", "%(name)s %(message)s", emit="stdout")
    daemon.send(stock_frame(text, name="%d%(asctime)s"))

    assert daemon.wait_lines(1) == [f"%d%(asctime)s {text}"]


def test_lines_appear_at_once(start_daemon: StartDaemon, loop_name: str) -> None:
    """A line does not wait for the next one, nor for the database."""
    daemon: Daemon = start_daemon(
        *("--loop", loop_name, "--format", "%(message)s"), emit="stdout"
    )
    with daemon.connect() as client, daemon.locked() as holder:
        began = time.monotonic()
        client.sendall(stock_frame("now"))
        assert daemon.wait_lines(1) == ["now"]
        assert time.monotonic() - began < 2
        holder.rollback()
