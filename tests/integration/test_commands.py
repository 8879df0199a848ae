"""The command line: versions, help, mistakes, the demo."""

import os
import re
import sqlite3
import subprocess
import tempfile
from pathlib import Path

import pytest
from integration.daemon import COMMAND, environment, run_command

COMMANDS = [
    (),
    ("serve",),
    ("send",),
    ("demo",),
    ("config",),
    ("config", "show"),
    ("config", "check"),
]


def test_version(tmp_path: Path) -> None:
    """--version tells what matters in a report of a fault."""
    done = run_command("--version", folder=tmp_path)

    assert done.returncode == 0
    assert re.fullmatch(
        r"logcollector \d+\.\d+\.\d+\S* \((compiled|interpreted)\), "
        r"Python \d+\.\d+\.\d+\S*, SQLite \d+\.\d+\.\d+, "
        r"(uvloop \d+\.\S+|asyncio's loop)\n",
        done.stdout,
    )
    assert sqlite3.sqlite_version in done.stdout


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help(tmp_path: Path, command: tuple[str, ...]) -> None:
    """Every command explains itself, by -h as by --help."""
    long = run_command(*command, "--help", folder=tmp_path)
    short = run_command(*command, "-h", folder=tmp_path)

    assert long.returncode == short.returncode == 0
    assert long.stdout == short.stdout
    assert long.stdout.startswith("Usage: logcollector")
    assert os.listdir(tmp_path) == []


def test_all_commands_are_listed(tmp_path: Path) -> None:
    """The general help names every command."""
    said = run_command("--help", folder=tmp_path).stdout

    for name in ("serve", "send", "demo", "config"):
        assert re.search(rf"^  {name} ", said, re.MULTILINE)


def test_an_unknown_command(tmp_path: Path) -> None:
    """A command that does not exist is a user's mistake."""
    done = run_command("server", folder=tmp_path)

    assert done.returncode == 2
    assert "server" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_into_a_closed_pipe(tmp_path: Path) -> None:
    """`logcollector serve --help | head -1` ends without a complaint."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*COMMAND, "serve", "--help"],
        cwd=tmp_path,
        env=environment(),
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=30,
        check=False,
    )
    os.close(writer)

    assert b"Traceback" not in done.stderr


def test_demo(tmp_path: Path) -> None:
    """The demo shows the lines and the rows of the example, and leaves nothing."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    done = run_command("demo", folder=tmp_path, variables={"TMPDIR": str(temporary)})

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for message in (
        "Jackdaws love my big sphinx of quartz.",
        "Quick zephyrs blow, vexing daft Jim.",
        "How quickly daft jumping zebras vex.",
        "Jail zesty vixen who grabbed pay from quack.",
        "The five boxing wizards jump quickly.",
    ):
        # Once as a line, once as a row.
        assert done.stdout.count(message) == 2
    lines = re.findall(
        r"^ *\d+ (\S+) +(\w+) +\S+ \d+ [\dT:-]{19} ", done.stdout, re.MULTILINE
    )
    assert lines == [
        ("root", "INFO"),
        ("myapp.area1", "DEBUG"),
        ("myapp.area1", "INFO"),
        ("myapp.area2", "WARNING"),
        ("myapp.area2", "ERROR"),
    ]
    assert os.listdir(temporary) == []
    assert os.listdir(tmp_path) == ["temporary"]


def test_demo_with_settings_of_ones_own(tmp_path: Path) -> None:
    """The demo works whatever the environment sets for the daemon."""
    done = run_command(
        "demo",
        folder=tmp_path,
        variables={"LOGCOLLECTOR_PORT": "1", "LOGCOLLECTOR_EMIT": "none"},
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Jackdaws") == 2
    assert tempfile.gettempdir() not in done.stdout
