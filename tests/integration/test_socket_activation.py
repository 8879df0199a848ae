"""Sockets that systemd listens on and hands over by descriptor."""

import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority
from integration.daemon import COMMAND, Daemon
from integration.wire import stock_frame

from collector import TLSSocketHandler

# Does what systemd does before it runs a service: sockets from 3 on, and the
# variables that tell whom they are for.
LAUNCHER = """
import os, sys
given = [int(n) for n in sys.argv[1].split(",")]
moved = [os.dup2(n, 100 + i, inheritable=False) for i, n in enumerate(given)]
for i, descriptor in enumerate(moved):
    os.dup2(descriptor, 3 + i, inheritable=True)
os.environ["LISTEN_PID"] = str(os.getpid())
os.environ["LISTEN_FDS"] = str(len(given))
os.execv(sys.argv[2], sys.argv[2:])
"""

Activate = Callable[..., Daemon]


@pytest.fixture
def activate(start_daemon: Any) -> Activate:
    """Start a daemon that is handed sockets."""

    def start(*sockets: Any, flags: tuple[str, ...] = (), **kind: Any) -> Any:
        numbers = [handed.fileno() for handed in sockets]
        launcher = (sys.executable, "-c", LAUNCHER, ",".join(map(str, numbers)))
        return start_daemon(
            *flags, command=[*launcher, *COMMAND], pass_fds=numbers, **kind
        )

    return start


def test_tcp(activate: Activate, loop_name: str) -> None:
    """Records sent before the daemon was there arrive, from the queue."""
    with socket.create_server(("127.0.0.1", 0)) as handed:
        port = handed.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), 5) as early:
            early.sendall(stock_frame("before the start"))
            daemon = activate(handed, flags=("--loop", loop_name))
            assert daemon.port == port
            daemon.send(stock_frame("after it"))
            rows = daemon.wait_rows(2)

    assert {row["message"] for row in rows} == {"before the start", "after it"}
    daemon.stop()


def test_unix(activate: Activate, loop_name: str, tmp_path: Path) -> None:
    """A UNIX socket is served, and its file stays: it is the manager's."""
    path = tmp_path / "handed.sock"
    with socket.socket(socket.AF_UNIX) as handed, socket.socket(socket.AF_UNIX) as one:
        handed.bind(str(path))
        handed.listen()
        one.connect(str(path))
        one.sendall(stock_frame("by path"))
        daemon = activate(handed, flags=("--loop", loop_name))
        (row,) = daemon.wait_rows(1)
        daemon.stop()

    assert (row["message"], row["peer"]) == ("by path", "unix")
    assert f"listening on unix:{path}" in daemon.stderr
    assert path.exists()


def test_several(activate: Activate, tmp_path: Path) -> None:
    """Several sockets are served at once, instead of those of the settings."""
    path = str(tmp_path / "handed.sock")
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as unix,
        socket.create_server(("127.0.0.1", 0)) as taken,
    ):
        unix.bind(path)
        unix.listen()
        # Its own address would be in use, which must not matter.
        own = ("--port", str(taken.getsockname()[1]))
        daemon = activate(tcp, unix, flags=own)
        with socket.create_connection(tcp.getsockname(), 5) as client:
            client.sendall(stock_frame("tcp"))
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            client.sendall(stock_frame("unix"))
        rows = daemon.wait_rows(2)

    assert {row["message"] for row in rows} == {"tcp", "unix"}


def test_a_restart_refuses_nobody(activate: Activate) -> None:
    """Between two daemons clients wait in the socket instead of being refused."""
    with socket.create_server(("127.0.0.1", 0)) as handed:
        first = activate(handed)
        first.send(stock_frame("first"))
        first.wait_rows(1)
        first.stop()
        with socket.create_connection(handed.getsockname(), 5) as client:
            client.sendall(stock_frame("between"))
            second = activate(handed)
            rows = second.wait_rows(2)

    assert [row["message"] for row in rows] == ["first", "between"]


def test_variables_for_another_process(start_daemon: Any) -> None:
    """LISTEN_FDS meant for another process is passed over."""
    daemon = start_daemon(variables={"LISTEN_FDS": "1", "LISTEN_PID": "1"})
    daemon.send(stock_frame("own socket"))

    assert daemon.wait_rows(1)[0]["message"] == "own socket"


def test_no_socket(activate: Activate, tmp_path: Path) -> None:
    """A descriptor of something else is refused with the reason."""
    with (tmp_path / "file").open("w") as file:
        daemon = activate(file, wait=False)

        assert daemon.wait_end() == 69
    (line,) = daemon.stderr.splitlines()
    assert "descriptor 3 of LISTEN_FDS is no socket" in line


def test_no_stream_listener(activate: Activate) -> None:
    """A socket of another kind is refused with what the unit needs."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        daemon = activate(datagrams, wait=False)

        assert daemon.wait_end() == 69
    (line,) = daemon.stderr.splitlines()
    assert "ListenStream" in line


def test_tables_of_sockets_handed_over(
    activate: Activate, tmp_path: Path, loop_name: str
) -> None:
    """A table with a handed socket's address rules it; one with none is told."""
    authority = Authority(tmp_path)
    cert, key = authority.issue("server", "127.0.0.1")
    with (
        socket.create_server(("127.0.0.1", 0)) as secured,
        socket.create_server(("127.0.0.1", 0)) as plain,
    ):
        port = secured.getsockname()[1]
        config = tmp_path / "config.toml"
        config.write_text(f"""
            [[listen]]
            address = "127.0.0.1:{port}"
            tls_cert = "{cert}"
            tls_key = "{key}"
            [[listen]]
            address = "127.0.0.1:1"
            tls_cert = "{cert}"
            tls_key = "{key}"
        """)
        flags = ("--loop", loop_name, "--config", str(config))
        daemon = activate(secured, plain, flags=flags, at_port=None)
        handler = TLSSocketHandler("127.0.0.1", port, authority.ca)
        handler.send(stock_frame("tls"))
        handler.close()
        with socket.create_connection(plain.getsockname(), 5) as client:
            client.sendall(stock_frame("plain"))
        rows = daemon.wait_rows(2)

    assert {row["message"] for row in rows} == {"tls", "plain"}
    assert "listen 127.0.0.1:1: is not used" in daemon.stderr
    daemon.stop()
