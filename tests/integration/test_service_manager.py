"""What the daemon tells systemd, through a real notification socket."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from integration.wire import framed, numbered_frames, stock_frame


class Manager:
    """Receives notifications as systemd does."""

    def __init__(self, receiver: socket.socket, address: str) -> None:
        self._receiver = receiver
        self.address = address
        self.received: list[dict[str, str]] = []

    def wait(self, variable: str, value: str = "") -> dict[str, str]:
        """Receive until a state with this variable comes, and return it."""
        deadline = time.monotonic() + 30
        while True:
            assert time.monotonic() < deadline, self.received
            lines = self._receiver.recv(65536).decode().splitlines()
            state = dict(line.split("=", 1) for line in lines)
            self.received.append(state)
            if variable in state and value in state[variable]:
                return state


@contextmanager
def managed(bound: str, address: str) -> Iterator[Manager]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(bound)
        receiver.settimeout(30)
        yield Manager(receiver, address)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    """A manager at a path."""
    path = str(tmp_path / "notify")
    with managed(path, path) as manager:
        yield manager


def test_an_abstract_name(start_daemon: Any) -> None:
    """An address that begins with @ is a name of Linux's abstract kind."""
    name = f"logcollector-test-{os.getpid()}"
    with managed(f"\0{name}", f"@{name}") as manager:
        start_daemon(variables={"NOTIFY_SOCKET": manager.address})
        manager.wait("READY", "1")


def test_the_life_of_a_service(
    start_daemon: Any, loop_name: str, manager: Manager
) -> None:
    """READY after the start, RELOADING and READY at SIGHUP, STOPPING at the end."""
    daemon = start_daemon(
        "--loop", loop_name, variables={"NOTIFY_SOCKET": manager.address}
    )
    ready = manager.wait("READY", "1")
    assert "0 connections" in ready["STATUS"]

    daemon.send(*numbered_frames("app", 3), framed(b"cos\nsystem\n."))
    daemon.wait_rows(3)
    daemon.wait_rows(1, "rejects")
    before = time.monotonic_ns() // 1000
    daemon.send_signal(signal.SIGHUP)
    reloading = manager.wait("RELOADING", "1")
    assert before <= int(reloading["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    status = manager.wait("READY", "1")["STATUS"]
    assert "4 received" in status
    assert "3 stored" in status
    assert "1 rejected" in status
    assert "1 dangerous name in pickles" in status

    daemon.stop()
    manager.wait("STOPPING", "1")


def test_ready_means_ready(start_daemon: Any, manager: Manager) -> None:
    """When READY arrives, the socket takes connections and the file is there."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    daemon = start_daemon(
        *("--port", str(port)),
        variables={"NOTIFY_SOCKET": manager.address},
        wait=False,
    )
    manager.wait("READY", "1")

    socket.create_connection(("127.0.0.1", port), 5).close()
    assert daemon.count() == 0
    daemon.stop()


def test_watchdog(start_daemon: Any, loop_name: str, manager: Manager) -> None:
    """Signs of life come well within the time that systemd allows."""
    allowed = 0.6
    start_daemon(
        *("--loop", loop_name),
        variables={
            "NOTIFY_SOCKET": manager.address,
            "WATCHDOG_USEC": str(int(allowed * 1_000_000)),
        },
    )
    manager.wait("WATCHDOG", "1")
    for _ in range(4):
        before = time.monotonic()
        manager.wait("WATCHDOG", "1")
        assert time.monotonic() - before < allowed


def test_watchdog_of_another_process(start_daemon: Any, manager: Manager) -> None:
    """A watchdog meant for another process is not fed."""
    daemon = start_daemon(
        variables={
            "NOTIFY_SOCKET": manager.address,
            "WATCHDOG_USEC": "10000",
            "WATCHDOG_PID": "1",
        },
    )
    daemon.send(stock_frame("m"))
    daemon.wait_rows(1)
    daemon.stop()
    manager.wait("STOPPING", "1")

    assert not any("WATCHDOG" in state for state in manager.received)


def test_watchdog_while_the_database_is_locked(
    start_daemon: Any, manager: Manager
) -> None:
    """A lock held by another program is no reason to be killed and lose records."""
    daemon = start_daemon(
        variables={"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "2000000"},
    )
    with daemon.locked():
        daemon.send(*numbered_frames("app", 300))
        daemon.wait_said("cannot write")
        for _ in range(3):
            manager.wait("WATCHDOG", "1")


def test_a_manager_that_is_gone(start_daemon: Any, tmp_path: Path) -> None:
    """A notification socket that nobody reads does no harm."""
    daemon = start_daemon(variables={"NOTIFY_SOCKET": str(tmp_path / "gone")})
    daemon.send(stock_frame("m"))
    daemon.wait_rows(1)
    daemon.stop()
