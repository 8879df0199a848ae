"""`logcollector send`: records from a shell."""

import contextlib
import getpass
import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority, tls_flags
from integration.daemon import Daemon, run_command

EXIT_UNAVAILABLE = 69


@pytest.fixture
def plain_daemon(start_daemon: Any) -> Daemon:
    return start_daemon()


def test_a_message(plain_daemon: Daemon, tmp_path: Path) -> None:
    """Words on the command line are one record, stored when the command ends."""
    before = time.time()
    done = run_command(
        *("send", "--port", str(plain_daemon.port), "backup", "done"), folder=tmp_path
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    (row,) = plain_daemon.wait_rows(1)

    assert (row["message"], row["name"], row["level"]) == (
        "backup done",
        "shell",
        "INFO",
    )
    assert before <= row["created"] <= time.time()
    assert row["hostname"] == socket.gethostname()
    assert row["processName"] == getpass.getuser()
    assert row["process"] > 0
    assert row["extra"] is None


def test_options(plain_daemon: Daemon, tmp_path: Path) -> None:
    """Level, logger and extra attributes are what was asked for."""
    done = run_command(
        *("send", "--to", f"127.0.0.1:{plain_daemon.port}"),
        *("--level", "error", "--logger", "cron.backup"),
        *("-e", "host_name=db1", "-e", "count=3", "-e", "ok=true", "-e", 'l=["a"]'),
        *("--", "-e is no option here"),
        folder=tmp_path,
    )
    assert done.returncode == 0, done.stderr

    (row,) = plain_daemon.wait_rows(1)

    assert (row["levelno"], row["level"]) == (40, "ERROR")
    assert row["name"] == "cron.backup"
    assert row["message"] == "-e is no option here"
    assert json.loads(row["extra"]) == {
        "host_name": "db1",
        "count": 3,
        "ok": True,
        "l": ["a"],
    }


def test_a_level_by_number(plain_daemon: Daemon, tmp_path: Path) -> None:
    """Any number is a level."""
    run_command(
        *("send", "-p", str(plain_daemon.port), "-l", "25", "m"), folder=tmp_path
    )

    (row,) = plain_daemon.wait_rows(1)

    assert (row["levelno"], row["level"]) == (25, "Level 25")


def test_lines_of_stdin(plain_daemon: Daemon, tmp_path: Path) -> None:
    """Without a message each line of stdin is a record; empty ones are left out."""
    done = run_command(
        *("send", "-p", str(plain_daemon.port)),
        folder=tmp_path,
        stdin="one\n\ntwo grün\r\n".encode() + b"\xff broken\nlast, without end",
    )
    assert done.returncode == 0, done.stderr

    rows = plain_daemon.wait_rows(4)

    assert [row["message"] for row in rows] == [
        "one",
        "two grün",
        "\\xff broken",
        "last, without end",
    ]


def test_many_lines(plain_daemon: Daemon, tmp_path: Path) -> None:
    """When the command has ended, the daemon has taken every line."""
    lines = "".join(f"{n}\n" for n in range(20_000))
    done = run_command(
        "send", "-p", str(plain_daemon.port), folder=tmp_path, stdin=lines.encode()
    )
    assert done.returncode == 0, done.stderr
    plain_daemon.stop()

    assert [row["message"] for row in plain_daemon.rows()] == lines.split()


def test_a_unix_socket(start_daemon: Any, tmp_path: Path) -> None:
    """A path is an address, too, also from the environment."""
    path = tmp_path / "logs.sock"
    daemon = start_daemon("--listen", str(path))

    by_flag = run_command("send", "--to", path, "one", folder=tmp_path)
    by_variable = run_command(
        "send", "two", folder=tmp_path, variables={"LOGCOLLECTOR_TO": str(path)}
    )

    assert (by_flag.returncode, by_variable.returncode) == (0, 0)
    assert [row["message"] for row in daemon.wait_rows(2)] == ["one", "two"]


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_nobody_listens(tmp_path: Path, kind: str) -> None:
    """Where nobody listens, one line says so, with what to look at; status 69."""
    address = str(tmp_path / "no.sock")
    if kind == "tcp":
        with socket.create_server(("127.0.0.1", 0)) as closed:
            address = f"127.0.0.1:{closed.getsockname()[1]}"

    done = run_command("send", "--to", address, "m", folder=tmp_path)

    assert done.returncode == EXIT_UNAVAILABLE
    (line,) = done.stderr.splitlines()
    assert address in line
    assert "logcollector serve" in line


@pytest.mark.parametrize("why", ["tls", "allow"])
def test_a_listener_that_hangs_up(start_daemon: Any, tmp_path: Path, why: str) -> None:
    """Whoever is hung up on is not asked whether a collector runs; status 69."""
    flags = ["--allow", "192.0.2.0/24"]
    if why == "tls":
        flags = tls_flags(Authority(tmp_path).issue("server", "localhost"))
    daemon = start_daemon(*flags)

    done = run_command("send", "-p", str(daemon.port), "m", folder=tmp_path)

    assert done.returncode == EXIT_UNAVAILABLE
    (line,) = done.stderr.splitlines()
    assert "hung up" in line
    assert "TLS, which send does not speak" in line
    assert "logcollector serve" not in line


@pytest.mark.parametrize(
    "arguments",
    [
        ("--level", "loud", "m"),
        ("-e", "no-equals-sign", "m"),
        ("-e", "name=taken", "m"),
        ("--to", "127.0.0.1:99999", "m"),
        ("--port", "0", "m"),
    ],
)
def test_mistakes(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """A wrong option is told before anything is sent, status 2."""
    done = run_command("send", *arguments, folder=tmp_path)

    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_collector_that_refuses(start_daemon: Any, tmp_path: Path) -> None:
    """A refused connection is a failure, not a silent loss."""
    daemon = start_daemon("--max-connections-per-peer", "1")
    with daemon.connect() as only:
        only.sendall(b"\0\0")
        # Its place is taken once the next one is refused.
        with contextlib.suppress(ConnectionResetError), daemon.connect() as other:
            other.recv(1)
        for _ in range(5):
            done = run_command("send", "-p", str(daemon.port), "m", folder=tmp_path)
            assert done.returncode == EXIT_UNAVAILABLE
            assert len(done.stderr.splitlines()) == 1
