"""Notifications to a service manager, over a real datagram socket."""

import os
import socket

import pytest

from collector.notify import Notifier


@pytest.fixture
def manager(tmp_path):
    """A socket that receives notifications, and its address."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.settimeout(5)
        receiver.bind(str(tmp_path / "notify"))
        yield receiver


def test_states_arrive(manager, tmp_path):
    """Each state is one datagram, in order."""
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
    notifier.send("READY=1\nSTATUS=grüße")
    notifier.send("STOPPING=1")

    assert manager.recv(1000) == "READY=1\nSTATUS=grüße".encode()
    assert manager.recv(1000) == b"STOPPING=1"


def test_abstract_addresses():
    """An address that begins with @ is an abstract socket."""
    name = f"collector-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.settimeout(5)
        receiver.bind("\0" + name)
        Notifier({"NOTIFY_SOCKET": "@" + name}).send("READY=1")

        assert receiver.recv(1000) == b"READY=1"


def test_without_a_manager_nothing_happens():
    """Outside of a service manager, states go nowhere."""
    notifier = Notifier({})
    notifier.send("READY=1")

    assert notifier.watchdog_seconds == 0.0


def test_a_manager_that_is_gone_is_no_error(tmp_path):
    """A socket nobody listens on does not harm the daemon."""
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).send("READY=1")


def test_a_manager_that_does_not_read_is_no_delay(manager, tmp_path):
    """When the manager's queue is full, states are dropped."""
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
    for _ in range(5000):
        notifier.send("STATUS=" + "x" * 1000)

    assert manager.recv(2000).startswith(b"STATUS=x")


@pytest.mark.parametrize(
    ("usec", "pid", "seconds"),
    [
        ("30000000", "", 30.0),
        pytest.param("30000000", str(os.getpid()), 30.0, id="own-pid"),
        ("500000", "", 0.5),
        ("30000000", "1", 0.0),
        ("", "", 0.0),
        ("soon", "", 0.0),
        ("-5", "", 0.0),
    ],
)
def test_the_watchdog(usec, pid, seconds):
    """The watchdog's time is ours only where it names no other process."""
    environment = {"WATCHDOG_USEC": usec, "WATCHDOG_PID": pid}

    assert Notifier(environment).watchdog_seconds == seconds


def test_children_do_not_inherit_it():
    """The variables are taken away; all others stay."""
    environment = {
        "NOTIFY_SOCKET": "/run/notify",
        "WATCHDOG_USEC": "1",
        "WATCHDOG_PID": "1",
        "HOME": "/root",
    }
    Notifier(environment)

    assert environment == {"HOME": "/root"}
