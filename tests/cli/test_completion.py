"""What a shell is told when somebody presses Tab."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from collector.cli.db.group import COMMANDS as DB_COMMANDS
from collector.cli.main import COMMANDS


@pytest.fixture
def database(fill):
    """A database with some loggers, three of which a shell must never be given."""
    names = (
        "myapp",
        "myapp.db",
        "myapp.web",
        "other",
        "my\x1b[31mred",
        "my$(touch${IFS}pwned)",
        "my;touch${IFS}pwned;",
    )
    return fill(*({"name": name} for name in names))


@pytest.fixture
def complete(tmp_path):
    """Asks as a shell does; returns the words that the last one may become."""

    def asked(*words, database="missing.sqlite", shell="bash"):
        done = subprocess.run(
            [sys.executable, "-m", "collector"],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)),
                "LOGCOLLECTOR_DB": str(database),
                "_LOGCOLLECTOR_COMPLETE": f"{shell}_complete",
                "COMP_WORDS": " ".join(("logcollector", *words)),
                "COMP_CWORD": str(len(words)),
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0
        assert done.stderr == ""
        lines = done.stdout.splitlines()
        return [line.partition(",")[2] for line in lines if line.startswith("plain,")]

    return asked


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_line_for_the_shell(run, shell):
    """One line is printed that a shell's settings can hold."""
    result = run("completion", shell)

    assert result.exit_code == 0
    assert f"_LOGCOLLECTOR_COMPLETE={shell}_source logcollector" in result.stdout
    assert len(result.stdout.splitlines()) == 1


def test_an_unknown_shell(run):
    """A shell that is not known is the user's mistake, and the known are told."""
    result = run("completion", "cmd")

    assert result.exit_code == 2
    assert "bash" in result.stderr


def test_commands(complete):
    """All commands are completed, and those below them."""
    assert complete("") == list(COMMANDS)
    assert complete("st") == ["stats", "status"]
    assert complete("db", "") == list(DB_COMMANDS)
    assert complete("nothing-like-it") == []


def test_options(complete):
    """Options are completed, and their values where there is a choice."""
    assert complete("query", "--no") == ["--no-color"]
    assert {"--level", "--logger", "--db", "--context"} <= {*complete("query", "--")}
    assert complete("tail", "-o", "js") == ["jsonl", "json"]
    assert complete("query", "--order", "") == ["newest", "oldest"]


def test_hosts_fields_and_groups(complete, fill):
    """Hosts come from the database; fields and groups are known."""
    path = fill({"hostname": "web1"}, {"hostname": "web2"}, {"hostname": "db;x"})

    assert complete("query", "--host", "w", database=path) == ["web1", "web2"]
    assert complete("query", "--host", "d", database=path) == []
    assert complete("query", "has:ex", database=path) == [
        "has:exc",
        "has:exc_text",
        "has:extra",
    ]
    assert complete("stats", "--by", "h") == ["host", "hour"]


def test_loggers(complete, database):
    """Names of loggers come from the database, those that can be shown."""
    found = ["myapp", "myapp.db", "myapp.web"]

    assert complete("query", "--logger", "my", database=database) == found
    assert complete("tail", "--logger", "myapp.", database=database) == found[1:]
    assert complete("stats", "--logger", "x", database=database) == []
    named = ("query", "--db", str(database), "--logger", "o")
    assert complete(*named) == ["other"]


def test_words_of_a_query(complete, database):
    """Fields, levels and loggers are completed in a query."""
    assert complete("query", "ho") == ["host:", "hostname:"]
    assert complete("stats", "sin") == ["since:"]
    assert complete("tail", "level:w") == ["level:warning"]
    assert complete("query", "x", "'level>=e") == ["level>=error"]
    assert complete("query", "logger:myapp.d", database=database) == ["logger:myapp.db"]
    assert complete("query", "logger=o", database=database) == ["logger=other"]


def test_levels(complete):
    """The value of --level is completed as levels of a query are."""
    assert complete("query", "--level", "w") == ["warning"]
    assert complete("tail", "-l", "") == [
        "debug", "info", "warning", "error", "critical",
    ]  # fmt: skip


def test_at_most_so_many_loggers(complete, fill):
    """Of very many names only some are shown."""
    database = fill(*({"name": f"n{n:03}"} for n in range(300)))

    assert len(complete("query", "--logger", "", database=database)) == 200


@pytest.mark.parametrize("words", [("--logger", "my"), ("logger:my",)], ids=str)
def test_without_a_sound_database(complete, fill, tmp_path, words):
    """Without a database, or with a broken one, nothing is completed or said."""
    text = tmp_path / "text.sqlite"
    text.write_text("no database\n" * 1000)
    newer = fill({"name": "myapp"}, name="newer.sqlite")
    with closing(sqlite3.connect(newer)) as connection:
        connection.execute("PRAGMA user_version = 99")
    broken = fill({"name": "myapp"}, name="broken.sqlite")
    with broken.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (broken.stat().st_size - 4096))
    for path in ("missing.sqlite", tmp_path, text, newer, broken, "a" * 300):
        assert complete("query", *words, database=path) == []


def test_wrong_settings_say_nothing(complete, tmp_path, monkeypatch):
    """A settings file that is wrong is no matter for a Tab."""
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("prot = 1\n")
    monkeypatch.setenv("LOGCOLLECTOR_CONFIG", str(wrong))

    assert complete("query", "--logger", "my", database="") == []


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("query", "--logger", "my"), {"myapp", "myapp.db", "myapp.web"}),
        (("query", "sin"), {"since:"}),
        # Bash takes : and = for words of their own, and completes behind them.
        (("query", "logger", ":", "myapp.d"), {"myapp.db"}),
        (("query", "logger", ":"), {"myapp", "myapp.db", "myapp.web", "other"}),
        (("query", "logger", "=", "o"), {"other"}),
        (("query", "level", ":", "w"), {"warning"}),
        (("query", "x", "level", ":", "w"), {"warning"}),
    ],
    ids=lambda value: str(sorted(value) if isinstance(value, set) else value),
)
def test_in_bash(tmp_path, fill, words, expected):
    """Bash itself, with the line that is printed for it, completes the word."""
    names = ("myapp", "myapp.db", "myapp.web", "other")
    database = fill(*({"name": name} for name in names))
    program = tmp_path / "logcollector"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m collector "$@"\n')
    program.chmod(0o755)
    script = """
        eval "$(logcollector completion bash)"
        COMP_WORDS=(logcollector "$@")
        COMP_CWORD=$#
        _logcollector_completion logcollector
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        ["bash", "-c", script, "bash", *words],
        env={
            **os.environ,
            "PATH": os.pathsep.join((str(tmp_path), os.environ["PATH"])),
            "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)),
            "LOGCOLLECTOR_DB": str(database),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    assert {*done.stdout.split()} == expected
