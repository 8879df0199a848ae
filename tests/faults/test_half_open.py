"""Peers that vanish without a word: a cut cable, a host that hangs."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from faults.network import Host, host
from integration.daemon import Daemon, until
from integration.follower import open_files
from integration.wire import stock_frame

pytestmark = pytest.mark.fault

# Within which a half-open connection must have been noticed.
BOUND_SECONDS = 90

CLIENT = """\
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 10) as client:
    client.sendall(bytes.fromhex(sys.argv[3]))
    sys.stdin.read()
"""


@contextmanager
def client_at(there: Host, port: int, frame: bytes) -> Iterator[None]:
    """A client at a host that sends a frame and stays."""
    words = ("-I", "-c", CLIENT, there.our_address, str(port), frame.hex())
    process = subprocess.Popen(
        there.command(sys.executable, *words), stdin=subprocess.PIPE
    )
    assert process.stdin is not None
    try:
        yield
    finally:
        process.stdin.close()
        process.kill()
        process.wait(10)


def count_sockets(daemon: Daemon) -> int:
    return sum(name.startswith("socket:") for name in open_files(daemon.pid))


@pytest.mark.parametrize("seconds", [6, None], ids=["6s", "default"])
def test_vanished_peers(
    start_daemon: Any, figure: Any, tmp_path: Path, seconds: int | None
) -> None:
    """The connection of a host that answers no more is closed, and that is said."""
    flags = [] if seconds is None else ["--tcp-keepalive-seconds", str(seconds)]
    bound = seconds or BOUND_SECONDS
    with ExitStack() as stack:
        unplugged = stack.enter_context(host(0))
        silent = stack.enter_context(host(1))
        living = stack.enter_context(host(2))
        # Both loops, and both ways to vanish, at the same time: it takes long.
        cases = {}
        for loop in ("asyncio", "uvloop"):
            for way, gone in (("unplugged", unplugged), ("silent", silent)):
                daemon = start_daemon(
                    *(
                        "--loop",
                        loop,
                        "--listen",
                        "0.0.0.0:0",
                        "--no-resolve-hostnames",
                    ),
                    *flags,
                    # Each with a database of its own.
                    database=tmp_path / f"{loop}-{way}.sqlite",
                )
                alone = count_sockets(daemon)
                stack.enter_context(
                    client_at(living, daemon.port, stock_frame("lives"))
                )
                stack.enter_context(client_at(gone, daemon.port, stock_frame("gone")))
                daemon.wait_rows(2)
                assert count_sockets(daemon) == alone + 2
                cases[loop, way] = daemon, gone, alone
        unplugged.unplug()
        silent.fall_silent()
        began = time.monotonic()
        for (loop, way), (daemon, gone, alone) in cases.items():
            until(
                lambda daemon=daemon, most=alone + 1: count_sockets(daemon) <= most,
                f"{loop} notices that a peer is {way}",
                bound + 30,
            )
            took = time.monotonic() - began
            figure(f"{way}, {loop}: noticed after", took, "s")
            assert took <= bound
            daemon.wait_said(f"closed the connection of {gone.address}")
            # One that answers stays, however silent.
            assert count_sockets(daemon) == alone + 1
            assert living.address not in daemon.stderr
        for daemon, _, _ in cases.values():
            daemon.stop()


def test_silence_within_a_frame(start_daemon: Any, loop_name: str, figure: Any) -> None:
    """A peer that stops within a frame is hung up on at the default's end."""
    daemon = start_daemon("--loop", loop_name)
    frame = stock_frame("never whole")
    with daemon.connect() as between, daemon.connect() as within:
        between.sendall(frame)
        within.settimeout(60)
        within.sendall(frame + frame[:-1])
        began = time.monotonic()
        daemon.wait_rows(2)
        with suppress(ConnectionResetError):
            assert within.recv(1) == b""
        took = time.monotonic() - began
        (reject,) = daemon.wait_rows(1, "rejects")
        # The one between two frames goes on.
        between.sendall(frame)
        daemon.wait_rows(3)
    daemon.stop()

    assert reject["reason"] == "frame_timeout"
    assert 30 <= took <= 40
    figure("mid-frame silence of frame_timeout_seconds = 30: closed after", took, "s")
