"""Signals that end the daemon: what was received is stored, in time."""

import contextlib
import itertools
import os
import signal
import socket
import struct
import sys
import threading
import time
from typing import Any

import pytest
from integration.daemon import Daemon, until
from integration.wire import framed, numbered_frames, stock_frame

CONNECTIONS = 8
# What the daemon promises; measured line by line it takes several times as long.
STOP_SECONDS = 20.0 if "coverage" in sys.modules else 5.0


class Burst:
    """Connections that send numbered records at full speed until they break."""

    def __init__(self, daemon: Daemon) -> None:
        self.sent = dict.fromkeys(range(CONNECTIONS), 0)
        self._daemon = daemon
        self._blocks = {
            n: [numbered_frames(f"c{n}", 100, 100 * block) for block in range(100)]
            for n in range(CONNECTIONS)
        }
        self._threads = [
            threading.Thread(target=self._send, args=[n]) for n in range(CONNECTIONS)
        ]

    def _send(self, number: int) -> None:
        with self._daemon.connect() as client:
            for block in self._blocks[number]:
                try:
                    client.sendall(b"".join(block))
                except OSError:
                    return
                self.sent[number] += len(block)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()


def stored_numbers(daemon: Daemon, name: str) -> list[int]:
    rows = daemon.rows(f"SELECT message FROM logs WHERE name = '{name}' ORDER BY id")
    return [int(row["message"]) for row in rows]


def first_gap(numbers: list[int]) -> int | None:
    """Return where the numbers stop to count up from 0; None: nowhere."""
    # Comparing the lists would have pytest explain thousands of differences.
    return next((at for at, n in enumerate(numbers) if n != at), None)


@pytest.mark.parametrize(
    ("loop_name", "number"),
    [
        ("asyncio", signal.SIGTERM),
        ("uvloop", signal.SIGTERM),
        ("uvloop", signal.SIGINT),
    ],
    indirect=["loop_name"],
)
def test_a_stop_in_a_burst(
    start_daemon: Any, loop_name: str, number: signal.Signals
) -> None:
    """Of each connection a gapless prefix is stored, and the daemon ends in time."""
    daemon = start_daemon("--loop", loop_name)
    burst = Burst(daemon)
    burst.start()
    until(lambda: min(burst.sent.values()) >= 300, "a burst under way")

    began = time.monotonic()
    daemon.stop(number)
    took = time.monotonic() - began
    burst.join()

    assert took < STOP_SECONDS
    for connection in range(CONNECTIONS):
        stored = stored_numbers(daemon, f"c{connection}")
        assert first_gap(stored) is None
        assert len(stored) >= 300
    assert "not stored" not in daemon.stderr
    assert "shed" not in daemon.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_all_that_was_sent_before_a_stop(
    start_daemon: Any, loop_name: str, number: signal.Signals
) -> None:
    """What eight clients had sent when the signal came is stored whole."""
    daemon = start_daemon("--loop", loop_name)
    clients = [daemon.connect() for _ in range(CONNECTIONS)]
    for connection, client in enumerate(clients):
        client.sendall(b"".join(numbered_frames(f"c{connection}", 1_000)))

    daemon.stop(number)

    for connection, client in enumerate(clients):
        stored = stored_numbers(daemon, f"c{connection}")
        assert len(stored) == 1_000
        assert first_gap(stored) is None
        client.close()
    assert daemon.count("rejects") == 0


def test_connections_that_nobody_had_accepted(
    start_daemon: Any, loop_name: str
) -> None:
    """Clients still in the listener's queue when the signal comes are heard."""
    daemon = start_daemon("--loop", loop_name)
    daemon.send(stock_frame("before"))
    daemon.wait_rows(1)
    os.kill(daemon.pid, signal.SIGSTOP)
    clients = [daemon.connect() for _ in range(5)]
    for client in clients:
        client.sendall(stock_frame("queued"))
    daemon.send_signal(signal.SIGTERM)
    os.kill(daemon.pid, signal.SIGCONT)

    assert daemon.wait_end() == 0

    for client in clients:
        client.close()
    assert daemon.count() == 6


def test_an_idle_daemon_stops_at_once(daemon: Daemon) -> None:
    """With open but silent connections, a stop takes no time and loses nothing."""
    with daemon.connect() as client:
        client.sendall(stock_frame("only"))
        daemon.wait_rows(1)
        began = time.monotonic()
        daemon.stop()
        assert time.monotonic() - began < 2
        # The client learns that the connection has ended.
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        daemon.connect()


def test_a_frame_under_way_at_a_stop(daemon: Daemon) -> None:
    """The frame that a stop cuts is a reject with that reason."""
    with daemon.connect() as client:
        client.sendall(stock_frame("whole") + stock_frame("cut")[:60])
        daemon.wait_rows(1)
        daemon.stop()

    (reject,) = daemon.rows("SELECT * FROM rejects")
    assert reject["reason"] == "stopped"
    assert reject["payload"] == stock_frame("cut")[4:60]


def test_a_stop_while_the_database_is_locked(start_daemon: Any) -> None:
    """Without a spool, a lock that outlasts the stop costs the records; status 74."""
    daemon = start_daemon("--stop-timeout-seconds", "1", "--spool-max-bytes", "0")
    with daemon.locked():
        daemon.send(*numbered_frames("app", 30))
        daemon.wait_said("cannot write")
        began = time.monotonic()
        daemon.stop(status=74)
        assert time.monotonic() - began < STOP_SECONDS

    assert "30 records could not be kept" in daemon.stderr
    assert daemon.count() == 0


def test_a_stop_in_time_whatever_waits(start_daemon: Any) -> None:
    """A batch of many statements waits for a lock no longer than a small one."""
    daemon = start_daemon("--stop-timeout-seconds", "1")
    frames = numbered_frames("app", 2_048)
    daemon.send(frames[0])
    daemon.wait_rows(1)
    with daemon.locked():
        daemon.send(*frames[1:])
        began = time.monotonic()
        daemon.stop()
        assert time.monotonic() - began < STOP_SECONDS

    assert "2047 records wait in the spool for the next start" in daemon.stderr
    assert daemon.count() == 1
    start_daemon(database=daemon.database).wait_rows(2_048)
    assert stored_numbers(daemon, "app") == list(range(2_048))


def test_a_lock_released_during_a_stop(start_daemon: Any) -> None:
    """A stop waits for a lock as long as it may, and then stores everything."""
    daemon = start_daemon()
    with daemon.locked() as holder:
        daemon.send(*numbered_frames("app", 30))
        daemon.wait_said("cannot write")
        daemon.send_signal(signal.SIGTERM)
        until(lambda: refuses(daemon), "a closed listener")
        holder.rollback()
    assert daemon.wait_end() == 0, daemon.stderr

    assert stored_numbers(daemon, "app") == list(range(30))


def refuses(daemon: Daemon) -> bool:
    try:
        daemon.connect().close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_second_signal_forces(start_daemon: Any, loop_name: str) -> None:
    """The first signal waits for the lock, the second ends at once, status 143."""
    daemon = start_daemon("--loop", loop_name, "--stop-timeout-seconds", "50")
    with daemon.locked():
        daemon.send(*numbered_frames("app", 30))
        daemon.wait_said("cannot write")
        daemon.send_signal(signal.SIGTERM)
        until(lambda: refuses(daemon), "a closed listener")
        assert daemon.process.poll() is None
        began = time.monotonic()
        daemon.stop(status=143)
        assert time.monotonic() - began < STOP_SECONDS

    assert "30 records were not stored" in daemon.stderr


def test_kill_9(daemon: Daemon) -> None:
    """What readers have seen survives a kill; the next start takes up the file."""
    with daemon.connect() as client:
        frames = numbered_frames("app", 5_000)
        for start in range(0, len(frames), 50):
            client.sendall(b"".join(frames[start : start + 50]))
            if daemon.count() >= 1_000:
                break
        until(lambda: daemon.count() >= 1_000, "a thousand records")
        seen = daemon.count()
        daemon.process.kill()
        daemon.wait_end()

    stored = stored_numbers(daemon, "app")
    assert stored == list(range(len(stored)))
    assert len(stored) >= seen


def test_restart_after_kill_9(start_daemon: Any) -> None:
    """A killed daemon's successor starts on the same file and port."""
    first = start_daemon()
    first.send(stock_frame("one"))
    first.wait_rows(1)
    first.process.kill()
    first.wait_end()

    second = start_daemon("--port", str(first.port))
    second.send(stock_frame("two"))
    rows = second.wait_rows(2)

    assert [row["message"] for row in rows] == ["one", "two"]


def test_clients_that_connect_during_a_stop(start_daemon: Any) -> None:
    """A client that connects again and again can't hold up a stop."""
    daemon = start_daemon()
    ended = threading.Event()

    def knock() -> None:
        for n in itertools.count():
            try:
                with socket.create_connection(("127.0.0.1", daemon.port), 1) as client:
                    client.sendall(stock_frame(str(n)))
            except OSError:
                if ended.is_set():
                    return

    knocker = threading.Thread(target=knock)
    knocker.start()
    try:
        daemon.wait_rows(20)
        began = time.monotonic()
        daemon.stop()
        assert time.monotonic() - began < STOP_SECONDS
    finally:
        ended.set()
        knocker.join()


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_connections_that_wait_to_be_accepted(start_daemon: Any, loop: str) -> None:
    """Clients that connected, sent and left just before a stop are heard."""
    daemon = start_daemon("--loop", loop)
    for number in range(20):
        daemon.send(*numbered_frames(f"c{number}", 5))
    daemon.stop()

    assert daemon.count("records") == 100


def test_a_reset_behind_whole_frames(start_daemon: Any) -> None:
    """Frames that had arrived before a reset are stored, whatever came after."""
    daemon = start_daemon()
    with daemon.connect() as client:
        client.sendall(b"".join(numbered_frames("app", 50)))
        daemon.wait_rows(1)
        linger = struct.pack("ii", 1, 0)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    daemon.stop()

    rejected = daemon.rows("SELECT reason FROM rejects")
    assert daemon.count("records") == 50, (daemon.stderr, rejected)


def test_rejects_are_said(start_daemon: Any) -> None:
    """The first reject is said with its peer and reason, a flood only counted."""
    daemon = start_daemon()
    daemon.send(*[framed(b"junk")] * 20)
    daemon.wait_rows(20, "rejects")
    daemon.stop()

    assert daemon.stderr.count("rejected what 127.0.0.1 sent: malformed_pickle") == 1
