"""query, tail and stats on a terminal: colour, width, progress, no escapes."""

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest
from integration.daemon import (
    BUFFERED,
    COMMAND,
    PATIENCE_SECONDS,
    environment,
    run_command,
)
from integration.wire import numbered_frames, stock_frame

HOSTILE = "a\x1b[31m\x07\x9b2J\x7f\r\u202eb"


class Shown:
    """What a command showed on a terminal: its status, and its whole output."""

    def __init__(self, command: list[str], variables: dict[str, str], folder: Path):
        near, far = pty.openpty()
        fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment({"TERM": "xterm-256color", **BUFFERED, **variables}),
            stdin=subprocess.DEVNULL,
            stdout=far,
            stderr=far,
        )
        os.close(far)
        pieces = []
        # Reading fails when the other side was closed by its last process.
        with contextlib.suppress(OSError):
            while piece := os.read(near, 65536):
                pieces.append(piece)
        os.close(near)
        self.status = process.wait(PATIENCE_SECONDS)
        self.text = b"".join(pieces).decode().replace("\r\n", "\n")


def on_terminal(*arguments: str | Path, folder: Path, **variables: str) -> Shown:
    """Run a command on a terminal of 100 columns."""
    return Shown([*COMMAND, *map(str, arguments)], variables, folder)


COMMANDS_WITH_COLOR = ["query", "tail", "stats", "query -o table"]


@pytest.mark.parametrize("command", COMMANDS_WITH_COLOR)
def test_color(stored: Callable[..., Path], tmp_path: Path, command: str) -> None:
    """A terminal gets colours, unless it has none, or they are not wanted."""
    database = stored(stock_frame("hello", levelno=40, levelname="ERROR"))
    arguments = (*command.split(), "--db", database)
    colored = on_terminal(*arguments, folder=tmp_path)
    plain = [
        on_terminal(*arguments, folder=tmp_path, NO_COLOR="1"),
        on_terminal(*arguments, folder=tmp_path, TERM="dumb"),
        on_terminal(*arguments, "--no-color", folder=tmp_path),
    ]
    piped = run_command(*arguments, folder=tmp_path)

    assert colored.status == 0
    assert "\x1b[31m" in re.sub(r"\x1b\[1?;?31;?1?m", "\x1b[31m", colored.text)
    assert [each.status for each in plain] == [0, 0, 0]
    assert [each.text for each in plain if "\x1b" in each.text] == []
    assert "\x1b" not in piped.stdout
    assert "hello" in piped.stdout or "stats" in command


@pytest.mark.parametrize(
    "command",
    [
        *("query", "tail", "query -o table", "query -o jsonl", "query -o csv"),
        *("stats", "stats --by logger", "stats --by callsite", "stats --by key"),
        *("stats --by logger -o json", "stats --by key -o jsonl", "query -C 1 -g 31m"),
    ],
)
def test_records_never_steer_a_terminal(
    stored: Callable[..., Path], tmp_path: Path, command: str
) -> None:
    """No control character of a record reaches a terminal; colours are ours."""
    database = stored(
        stock_frame(
            HOSTILE,
            **dict.fromkeys(
                ("name", "levelname", "pathname", "funcName", "exc_text", "key"),
                HOSTILE,
            ),
        )
    )
    shown = on_terminal(*command.split(), "--db", database, folder=tmp_path)
    ours = re.sub(r"\x1b\[[0-9;]*m", "", shown.text.replace("\x1b[31m2J", "!"))

    assert shown.status == 0
    assert not set(ours) & set("\x1b\x07\x9b\x7f\r\u202e")
    assert "a\x1b[31m" not in shown.text


def test_a_table_is_as_wide_as_the_terminal(
    stored: Callable[..., Path], tmp_path: Path
) -> None:
    """Tables and pictures take no more columns than there are."""
    database = stored(stock_frame("word " * 100))
    for command in ("query -o table", "stats", "stats --by callsite"):
        arguments = (*command.split(), "--db", database, "--no-color")
        lines = on_terminal(*arguments, folder=tmp_path).text.splitlines()
        assert max(map(len, lines)) <= 100
        assert any(len(line) > 60 for line in lines)


# Makes every search one that takes long.
SLOW = """\
import sys
from collector.cli import main, progress_line
from collector.store import search
progress_line.SAY_PROGRESS_SECONDS = 0
search.SCANNED_IDS = 100
sys.argv[0] = "logcollector"
main.main()
"""


def test_progress_is_not_in_the_way(
    stored: Callable[..., Path], tmp_path: Path
) -> None:
    """A search that takes long says so on a line that it takes back."""
    database = stored(*numbered_frames("app", 1500))
    arguments = ["query", "--db", str(database), "-n", "0", "--fields", "id"]
    shown = Shown([sys.executable, "-c", SLOW, *arguments], {}, tmp_path)

    assert "searching: " in shown.text
    assert "of 1,500 records" in shown.text
    # Nothing else is written on the line before it is cleared.
    after = re.findall(r"records\x1b\[K(..)", shown.text, re.DOTALL)
    assert {each[0] for each in after} == {"\r"}
    seen = re.sub(r"\r[^\n\r]*\x1b\[K", "", shown.text).replace("\r", "")
    assert seen.split() == [str(n) for n in range(1500, 0, -1)]


def test_progress_is_for_terminals_only(
    stored: Callable[..., Path], tmp_path: Path
) -> None:
    """Where stderr is no terminal nothing is said of progress."""
    database = stored(*numbered_frames("app", 1500))
    done = subprocess.run(
        [sys.executable, "-c", SLOW, "query", "--db", database, "--count"],
        env=environment(BUFFERED),
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )

    assert (done.stdout, done.stderr) == (b"1500\n", b"")
