"""Connections: slow, silent and too many ones, and their neighbours."""

import contextlib
import signal
import socket
import time
from pathlib import Path
from typing import Any

from integration.daemon import Daemon
from integration.wire import numbered_frames, stock_frame


def is_closed(client: socket.socket) -> bool:
    """Wait until the other side has closed; false if it has not within its time."""
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def test_silence_within_a_frame(start_daemon: Any, loop_name: str) -> None:
    """A frame that does not go on is given up after frame_timeout_seconds."""
    daemon = start_daemon("--loop", loop_name, "--frame-timeout-seconds", "0.3")
    frame = stock_frame("never whole")
    parts = (1, 3, 4, 50)
    clients = [daemon.connect() for _ in parts]
    began = time.monotonic()
    for part, client in zip(parts, clients, strict=True):
        client.sendall(stock_frame("good") + frame[:part])
    for client in clients:
        assert is_closed(client)
        assert time.monotonic() - began >= 0.3
        client.close()

    rejects = daemon.wait_rows(4, "rejects")
    assert {row["reason"] for row in rejects} == {"frame_timeout"}
    kept = sorted(row["payload"] for row in rejects)
    # Of a frame whose header is whole, the payload is kept.
    assert kept == sorted([frame[:1], frame[:3], b"", frame[4:50]])
    # Once a second at most.
    assert 1 <= daemon.stderr.count("did not arrive within 0.3 s") < 4
    assert [row["message"] for row in daemon.rows()] == ["good"] * 4


def test_silence_between_frames(start_daemon: Any, loop_name: str) -> None:
    """A connection may be silent between frames for as long as it likes."""
    daemon = start_daemon("--loop", loop_name, "--frame-timeout-seconds", "0.1")
    with daemon.connect() as idle, daemon.connect() as late:
        idle.sendall(stock_frame("first"))
        daemon.wait_rows(1)
        # Connections that hang within a frame tell that the time-out works:
        # each takes longer than an idle one may be mistaken for hanging.
        for n in range(3):
            with daemon.connect() as hanging:
                hanging.sendall(b"\0")
                assert is_closed(hanging)
            daemon.wait_rows(n + 1, "rejects")
        idle.sendall(stock_frame("second"))
        late.sendall(stock_frame("third"))
        rows = daemon.wait_rows(3)

    assert {row["message"] for row in rows} == {"first", "second", "third"}
    assert daemon.count("rejects") == 3


def test_a_slow_peer(daemon: Daemon) -> None:
    """A peer that sends byte by byte does not hold up its neighbour."""
    frame = stock_frame("slow")
    with daemon.connect() as slow, daemon.connect() as neighbour:
        slow.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for n, byte in enumerate(frame[:-1]):
            slow.sendall(bytes([byte]))
            if n % 100 == 50:
                neighbour.sendall(stock_frame(f"quick {n}"))
                stored = n // 100 + 1
                rows = daemon.wait_rows(stored)
                assert rows[-1]["message"] == f"quick {n}"
        assert "slow" not in {row["message"] for row in daemon.rows()}
        slow.sendall(frame[-1:])
        daemon.wait_rows(stored + 1)

    assert daemon.rows()[-1]["message"] == "slow"


def test_many_connections(daemon: Daemon) -> None:
    """Hundreds of connections are served side by side."""
    clients = [daemon.connect() for _ in range(300)]
    for n, client in enumerate(clients):
        client.sendall(stock_frame(str(n)))

    rows = daemon.wait_rows(300)

    assert {row["message"] for row in rows} == {str(n) for n in range(300)}
    for client in clients:
        client.close()


def is_refused(daemon: Daemon) -> bool:
    """Tell whether a new connection is closed again, in whichever way."""
    try:
        with daemon.connect() as client:
            return is_closed(client)
    except ConnectionResetError:
        # So early that connecting itself met the reset.
        return True


def test_too_many_connections_of_a_peer(start_daemon: Any, loop_name: str) -> None:
    """One more than a peer may have is refused, which is said; the others go on."""
    flags = ("--max-connections-per-peer", "2")
    daemon = start_daemon("--loop", loop_name, *flags)
    with daemon.connect() as one, daemon.connect() as two:
        one.sendall(stock_frame("1"))
        two.sendall(stock_frame("2"))
        daemon.wait_rows(2)
        assert is_refused(daemon)
        daemon.wait_said("refusing the connection of 127.0.0.1")
        one.sendall(stock_frame("1 again"))
        daemon.wait_rows(3)

    assert "max_connections_per_peer" in daemon.stderr
    # Room again: the next one is let in.
    for attempt in range(100):
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            daemon.send(stock_frame("4"))
        if attempt % 10 == 0 and daemon.count() > 3:
            break
        time.sleep(0.01)
    assert daemon.wait_rows(4)[-1]["message"] == "4"


def test_refusals_are_not_said_one_by_one(start_daemon: Any) -> None:
    """A client that tries again and again does not fill the daemon's own log."""
    daemon = start_daemon("--max-connections-per-peer", "1")
    with daemon.connect() as only:
        only.sendall(stock_frame("in"))
        daemon.wait_rows(1)
        began = time.monotonic()
        for _ in range(200):
            assert is_refused(daemon)
        took = time.monotonic() - began

    assert daemon.stderr.count("refusing") <= took + 2


def test_too_many_connections_in_all(start_daemon: Any, loop_name: str) -> None:
    """One more than allowed waits, with what it sends, until there is room."""
    daemon = start_daemon("--loop", loop_name, "--max-connections", "2")
    with daemon.connect() as one, daemon.connect() as two:
        one.sendall(stock_frame("1"))
        two.sendall(stock_frame("2"))
        daemon.wait_rows(2)
        daemon.wait_said("no more connections are accepted: 2 are open")
        waiting = [daemon.connect() for _ in range(5)]
        for n, client in enumerate(waiting):
            client.sendall(stock_frame(f"waited {n}"))
        # The one that is inside is served as before, the others are not yet.
        one.sendall(stock_frame("1 again"))
        daemon.wait_rows(3)
        assert daemon.rows()[-1]["message"] == "1 again"
    for client in waiting:
        client.close()

    rows = daemon.wait_rows(8)
    assert {row["message"] for row in rows[3:]} == {f"waited {n}" for n in range(5)}
    daemon.wait_said("connections are accepted again")
    # Often full by now, which was not said each time.
    daemon.send(stock_frame("after"))
    daemon.wait_rows(9)
    daemon.stop()
    assert daemon.stderr.count("no more connections") <= 3


def test_more_room_by_a_reload(
    start_daemon: Any, loop_name: str, tmp_path: Path
) -> None:
    """A larger max_connections lets in who waits; a smaller one ends nobody's."""
    settings = tmp_path / "settings.toml"
    settings.write_text("max_connections = 1\n")
    daemon = start_daemon("--loop", loop_name, "--config", str(settings))
    with daemon.connect() as one, daemon.connect() as two:
        one.sendall(stock_frame("1"))
        daemon.wait_rows(1)
        two.sendall(stock_frame("2"))
        settings.write_text("max_connections = 3\n")
        daemon.send_signal(signal.SIGHUP)
        assert daemon.wait_rows(2)[-1]["message"] == "2"
        settings.write_text("max_connections = 1\n")
        daemon.send_signal(signal.SIGHUP)
        daemon.wait_said("no more connections are accepted", 2)
        one.sendall(stock_frame("3"))
        two.sendall(stock_frame("4"))
        daemon.wait_rows(4)


def test_a_stop_takes_what_those_sent_who_wait(
    start_daemon: Any, loop_name: str
) -> None:
    """A stop lets in those who wait for room, and stores what they have sent."""
    daemon = start_daemon("--loop", loop_name, "--max-connections", "2")
    clients = [daemon.connect() for _ in range(9)]
    for n, client in enumerate(clients):
        client.sendall(stock_frame(str(n)))
    daemon.wait_said("no more connections are accepted")

    daemon.stop()

    assert {row["message"] for row in daemon.rows()} == set(map(str, range(9)))
    for client in clients:
        client.close()


def test_a_port_scan(daemon: Daemon) -> None:
    """Connections that bring nothing leave nothing, neither rows nor words."""
    for _ in range(50):
        daemon.connect().close()
    daemon.send(stock_frame("end"))
    daemon.wait_rows(1)
    daemon.stop()

    assert daemon.count("rejects") == 0
    assert len(daemon.stderr.splitlines()) == 2


def test_order_within_a_connection(daemon: Daemon) -> None:
    """Records of a connection are stored in the order in which they were sent."""
    with daemon.connect() as one, daemon.connect() as two:
        for start in range(0, 3_000, 100):
            one.sendall(b"".join(numbered_frames("one", 100, start)))
            two.sendall(b"".join(numbered_frames("two", 100, start)))
    rows = daemon.wait_rows(6_000)

    for name in ("one", "two"):
        numbers = [int(row["message"]) for row in rows if row["name"] == name]
        assert numbers == list(range(3_000))
