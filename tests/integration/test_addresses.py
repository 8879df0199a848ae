"""Addresses to listen on, and those that can't be."""

import logging
import logging.handlers
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from integration.daemon import Daemon, until
from integration.wire import stock_frame

EXIT_UNAVAILABLE = 69


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this host has no ::1")


def send_by_handler(host: str, port: int | None, message: str) -> None:
    """Send a record with the standard library's handler from this process."""
    handler = logging.handlers.SocketHandler(host, port)
    try:
        handler.handle(
            logging.LogRecord("here", logging.INFO, "a.py", 1, message, None, None)
        )
    finally:
        handler.close()


def refused(daemon: Daemon) -> str:
    """Return the one line with which it ended, as an address can't be had."""
    assert daemon.wait_end() == EXIT_UNAVAILABLE, daemon.stderr
    (line,) = daemon.stderr.splitlines()
    return line


@needs_ipv6
def test_ipv6(start_daemon: Any, loop_name: str) -> None:
    """An IPv6 address in brackets is listened on, and shown in brackets."""
    daemon = start_daemon("--loop", loop_name, "--listen", "[::1]:0")
    assert f"listening on [::1]:{daemon.port}" in daemon.stderr

    send_by_handler("::1", daemon.port, "six")

    (row,) = daemon.wait_rows(1)
    assert (row["message"], row["peer"]) == ("six", "::1")
    assert row["hostname"] == socket.gethostname()


@needs_ipv6
def test_ipv6_as_host(start_daemon: Any) -> None:
    """--host takes an IPv6 address without brackets."""
    daemon = start_daemon("--host", "::1", "--port", "0")
    send_by_handler("::1", daemon.port, "six")

    assert daemon.wait_rows(1)[0]["peer"] == "::1"


@pytest.mark.parametrize("prefix", ["", "unix:"])
def test_a_unix_socket(
    start_daemon: Any, loop_name: str, tmp_path: Path, prefix: str
) -> None:
    """A stock handler reaches a socket's path; a stop takes the file away."""
    path = tmp_path / "logs.sock"
    daemon = start_daemon("--loop", loop_name, "--listen", f"{prefix}{path}")

    send_by_handler(str(path), None, "by path")

    (row,) = daemon.wait_rows(1)
    assert (row["message"], row["peer"]) == ("by path", "unix")
    assert row["hostname"] == socket.gethostname()
    daemon.stop()
    assert not path.exists()


def test_several_addresses(start_daemon: Any, tmp_path: Path) -> None:
    """--listen may be given again and again."""
    path = tmp_path / "logs.sock"
    daemon = start_daemon(
        *("--listen", "127.0.0.1:0", "--listen", str(path), "--listen", "127.0.0.2:0")
    )
    daemon.wait_said("listening on", 3)

    daemon.send(stock_frame("tcp"))
    send_by_handler(str(path), None, "unix")

    rows = daemon.wait_rows(2)
    assert {row["message"] for row in rows} == {"tcp", "unix"}


def test_localhost(start_daemon: Any) -> None:
    """The name localhost is listened on at all of its addresses, with one port."""
    daemon = start_daemon("--host", "localhost", "--port", "0")
    infos = socket.getaddrinfo("localhost", daemon.port, type=socket.SOCK_STREAM)
    addresses = {info[4][0] for info in infos}
    for address in addresses:
        send_by_handler(address, daemon.port, address)

    rows = daemon.wait_rows(len(addresses))

    assert {row["message"] for row in rows} == addresses


def test_a_port_in_use(start_daemon: Any) -> None:
    """A port that is taken ends the start with a hint, before any file is made."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        daemon = start_daemon("--port", port, wait=False)
        line = refused(daemon)

    assert f"127.0.0.1:{port}" in line
    assert "in use" in line
    assert f"sport = :{port}" in line
    assert not daemon.database.exists()


def free_port() -> int:
    """Return a port that nothing listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def test_records_and_health_on_one_port(start_daemon: Any, loop_name: str) -> None:
    """An address can't be had twice by one daemon: it says so, and makes no file."""
    port = str(free_port())
    daemon = start_daemon(
        *("--loop", loop_name, "--port", port, "--http-address", port), wait=False
    )
    line = refused(daemon)

    assert f"127.0.0.1:{port}" in line
    assert "in use" in line
    assert "another setting" in line
    assert not daemon.database.exists()


def test_two_daemons_at_one_moment(
    start_daemon: Any, loop_name: str, tmp_path: Path
) -> None:
    """Of daemons started together on one port one has it, and the others end."""
    port = str(free_port())
    daemons = [
        start_daemon(
            *("--loop", loop_name, "--port", port),
            database=tmp_path / f"{number}.sqlite",
            wait=False,
        )
        for number in range(4)
    ]
    until(
        lambda: sum(daemon.process.poll() is not None for daemon in daemons) == 3,
        "the end of three",
    )
    living = [daemon for daemon in daemons if daemon.process.poll() is None]
    for daemon in daemons:
        if daemon not in living:
            assert "in use" in refused(daemon)
            assert not daemon.database.exists()

    (one,) = living
    one.wait_ready().send(stock_frame("to the one"))
    assert one.wait_rows(1)[0]["message"] == "to the one"


def test_a_name_that_is_no_host(start_daemon: Any) -> None:
    """A name without address is told."""
    daemon = start_daemon("--listen", "no-such-host.invalid:9020", wait=False)

    assert "no-such-host.invalid:9020" in refused(daemon)


@pytest.mark.parametrize("text", ["no-such-host-here", "relative.sock.invalid"])
def test_what_was_not_meant_as_a_host(start_daemon: Any, text: str) -> None:
    """What is neither a host nor a path from the root is told what to write."""
    daemon = start_daemon("--listen", text, wait=False)

    line = refused(daemon)
    assert f"cannot listen on {text}:9020" in line
    assert "HOST:PORT" in line
    assert "/PATH" in line


def test_an_address_of_another_host(start_daemon: Any) -> None:
    """An address that is not this host's is told."""
    daemon = start_daemon("--listen", "192.0.2.1:0", wait=False)

    assert "192.0.2.1" in refused(daemon)


def test_the_socket_of_a_killed_daemon(start_daemon: Any, tmp_path: Path) -> None:
    """A socket file that nobody answers is replaced."""
    path = tmp_path / "logs.sock"
    first = start_daemon("--listen", str(path))
    first.process.kill()
    first.wait_end()
    assert path.exists()

    second = start_daemon("--listen", str(path))
    send_by_handler(str(path), None, "second")

    assert second.wait_rows(1)[0]["message"] == "second"


def test_the_socket_of_a_living_daemon(start_daemon: Any, tmp_path: Path) -> None:
    """A socket that is served is not taken away from its daemon."""
    path = tmp_path / "logs.sock"
    first = start_daemon("--listen", str(path))
    second = start_daemon(
        "--listen", str(path), database=tmp_path / "second.sqlite", wait=False
    )
    assert str(path) in refused(second)

    send_by_handler(str(path), None, "still served")
    assert first.wait_rows(1)[0]["message"] == "still served"


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_a_path_that_is_no_socket(start_daemon: Any, tmp_path: Path, kind: str) -> None:
    """Anything but a dead socket is left alone."""
    path = tmp_path / "precious"
    if kind == "file":
        path.write_text("keep me")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("elsewhere")
    before = os.lstat(path)
    daemon = start_daemon("--listen", str(path), wait=False)

    assert str(path) in refused(daemon)
    assert os.lstat(path).st_ino == before.st_ino
    assert os.lstat(path).st_mtime_ns == before.st_mtime_ns
