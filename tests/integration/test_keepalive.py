"""Keepalive: the system is asked to look after peers, however they came."""

import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from integration.daemon import COMMAND, Daemon, until
from integration.test_socket_activation import LAUNCHER
from integration.wire import stock_frame

TICKS_PER_SECOND = 100
KEEPALIVE_TIMER = "02"


def seconds_to_probe(daemon: Daemon, client: socket.socket) -> float | None:
    """Return when the daemon's end of a connection will be probed, if at all."""
    ours, theirs = daemon.port, client.getsockname()[1]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        ports = [int(end.partition(":")[2], 16) for end in fields[1:3]]
        if ports == [ours, theirs]:
            kind, _, ticks = fields[5].partition(":")
            # What it counts down from begins at the last byte that came.
            return (
                int(ticks, 16) / TICKS_PER_SECOND if kind == KEEPALIVE_TIMER else None
            )
    return None


@pytest.fixture(autouse=True)
def _needs_proc() -> None:
    if not Path("/proc/net/tcp").exists():
        pytest.skip("the timers of connections are only known by /proc")


def test_peers_are_probed(start_daemon: Any, loop_name: str) -> None:
    """An idle peer is probed after a third of tcp_keepalive_seconds."""
    daemon = start_daemon("--loop", loop_name, "--tcp-keepalive-seconds", "60")
    with daemon.connect() as client:
        client.sendall(stock_frame())
        daemon.wait_rows(1)
        seconds = until(lambda: seconds_to_probe(daemon, client), "a timer")
    assert 0 < seconds <= 20


def test_peers_of_a_handed_over_socket_are_probed(
    start_daemon: Any, loop_name: str
) -> None:
    """So are those of a socket that a service manager made without keepalive."""
    with socket.create_server(("127.0.0.1", 0)) as handed:
        launcher = (sys.executable, "-c", LAUNCHER, str(handed.fileno()))
        daemon = start_daemon(
            "--loop",
            loop_name,
            command=[*launcher, *COMMAND],
            pass_fds=[handed.fileno()],
        )
        with daemon.connect() as client:
            client.sendall(stock_frame())
            daemon.wait_rows(1)
            seconds = until(lambda: seconds_to_probe(daemon, client), "a timer")
    assert 0 < seconds <= 30
