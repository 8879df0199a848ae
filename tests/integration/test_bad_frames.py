"""Frames that hold no record: one row of rejects each, and nothing else is lost."""

import contextlib
import os
import pickle
import signal
import socket
import struct
import time
from pathlib import Path
from typing import Any

from integration.daemon import Daemon, until
from integration.wire import framed, pickled_frame, stock_frame

KEPT_BYTES = 64 * 1024


def reset(client: socket.socket) -> None:
    """Close a connection with a RST."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def messages(daemon: Daemon) -> list[str]:
    return [row["message"] for row in daemon.rows()]


BAD_PAYLOADS = {
    "malformed_pickle": b"\x80\x04\xff\xff.",
    "malformed_json": b'{"msg": ',
    "truncated_messagepack": b"\x81\xa3msg",
    "empty": b"",
    "control_frame": b"\x01anything",
    "not_a_mapping": pickle.dumps(["a", "list"]),
    "no_message": pickle.dumps({"name": "x", "levelno": 20}),
}


def test_one_bad_frame_costs_one_record(daemon: Daemon) -> None:
    """Between good records of a connection, each bad frame becomes a reject."""
    before = time.time()
    stream = [stock_frame("start")]
    for reason, payload in BAD_PAYLOADS.items():
        stream += [framed(payload), stock_frame(f"after {reason}")]
    daemon.send(*stream)

    daemon.wait_rows(1 + len(BAD_PAYLOADS))
    rejects = daemon.wait_rows(len(BAD_PAYLOADS), "rejects")

    assert messages(daemon) == [
        "start",
        *(f"after {reason}" for reason in BAD_PAYLOADS),
    ]
    assert len(rejects) == len(BAD_PAYLOADS)
    for (reason, payload), reject in zip(BAD_PAYLOADS.items(), rejects, strict=True):
        assert reject["payload"] == payload
        assert reject["payload_bytes"] == len(payload)
        assert reject["peer"] == "127.0.0.1"
        assert before - 1 <= reject["received"] <= time.time() + 1
        assert reject["detail"]
        if reason != "malformed_pickle":
            assert reject["reason"] == reason


def test_only_the_beginning_of_a_large_reject_is_kept(daemon: Daemon) -> None:
    """A rejected payload is kept up to 64 KiB, with its whole length beside it."""
    payload = b"\x80\x04" + bytes(range(256)) * 1024
    daemon.send(framed(payload), stock_frame("after"))

    daemon.wait_rows(1)
    (reject,) = daemon.wait_rows(1, "rejects")

    assert reject["payload"] == payload[:KEPT_BYTES]
    assert reject["payload_bytes"] == len(payload)


FOREIGN = {
    "HTTP": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    "SSH": b"SSH-2.0-OpenSSH_9.6\r\n",
    "syslog": b"<34>1 2024-02-29T12:00:00Z host app - - hi\n",
    "little-endian": struct.pack("<L", 300) + bytes(300),
    "JSON without a length": b'{"msg": "no prefix"}\n',
    "larger than is allowed": struct.pack(">L", 0xF000_0001) + b"x",
}


def test_another_protocol(daemon: Daemon) -> None:
    """A first header that is no length closes the connection, and says what it is."""
    with daemon.connect() as neighbour:
        for n, (looks_like, stream) in enumerate(FOREIGN.items()):
            with daemon.connect() as client:
                client.sendall(stream)
                # Closed: the end of the stream, or a reset as bytes were unread.
                with contextlib.suppress(ConnectionResetError):
                    assert client.recv(1) == b""
            neighbour.sendall(stock_frame(f"after {looks_like}"))
            rows = daemon.wait_rows(n + 1)
            reject = daemon.wait_rows(n + 1, "rejects")[-1]
            daemon.wait_said(looks_like)

            assert rows[-1]["message"] == f"after {looks_like}"
            assert reject["reason"] == "frame_too_large"
            assert looks_like in reject["detail"]


def test_the_limit_itself(start_daemon: Any) -> None:
    """A frame of exactly max_frame_bytes is taken, one byte more is not."""
    limit = 5_000
    daemon = start_daemon("--max-frame-bytes", str(limit))
    overhead = len(stock_frame("")) - 4
    exact = stock_frame("x" * (limit - overhead))
    # The length of a text is part of the payload in four bytes either way.
    assert len(exact) - 4 == limit
    daemon.send(exact, framed(b"{" + b" " * limit))

    daemon.wait_rows(1)
    (reject,) = daemon.wait_rows(1, "rejects")

    assert reject["reason"] == "frame_too_large"
    assert f"limit of {limit}" in reject["detail"]


def test_a_truncated_frame(daemon: Daemon) -> None:
    """A connection that ends within a frame leaves what came of it as a reject."""
    whole = stock_frame("never complete")
    daemon.send(stock_frame("good"), whole[:50])

    daemon.wait_rows(1)
    (reject,) = daemon.wait_rows(1, "rejects")

    assert reject["reason"] == "truncated"
    assert reject["payload"] == whole[4:50]


def test_a_truncated_header(daemon: Daemon) -> None:
    """A connection that ends within a header leaves a reject, too."""
    daemon.send(stock_frame("good"), b"\0\0")

    (reject,) = daemon.wait_rows(1, "rejects")

    assert (reject["reason"], reject["payload"]) == ("truncated", b"\0\0")
    assert messages(daemon) == ["good"]


def test_half_a_frame_then_a_reset(daemon: Daemon) -> None:
    """A reset within a frame costs that frame alone."""
    client = daemon.connect()
    client.sendall(stock_frame("good") + stock_frame("lost")[:50])
    daemon.wait_rows(1)
    reset(client)

    (reject,) = daemon.wait_rows(1, "rejects")
    daemon.send(stock_frame("next"))
    daemon.wait_rows(2)

    assert reject["reason"] in ("connection_lost", "truncated")
    assert messages(daemon) == ["good", "next"]
    daemon.stop()


def test_complete_frames_then_a_reset(daemon: Daemon) -> None:
    """Frames that had arrived whole before a reset are stored."""
    # Stopped, the daemon finds frames and reset at once, as on a busy machine.
    os.kill(daemon.pid, signal.SIGSTOP)
    client = daemon.connect()
    client.sendall(b"".join(stock_frame(str(n)) for n in range(100)))
    reset(client)
    os.kill(daemon.pid, signal.SIGCONT)

    daemon.wait_rows(100)


def test_a_frame_split_at_every_byte(daemon: Daemon) -> None:
    """However the network cuts a stream, the same records come out of it."""
    stream = stock_frame("cut") + framed(b'{"msg":"json"}')
    with daemon.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for cut in range(1, len(stream)):
            client.sendall(stream[:cut])
            # Long enough for the daemon to see the first part alone, now and
            # then; what it must do is the same in any case.
            if cut % 50 == 0:
                time.sleep(0.002)
            client.sendall(stream[cut:])

    daemon.wait_rows(2 * (len(stream) - 1))

    assert set(messages(daemon)) == {"cut", "json"}
    assert daemon.count() == 2 * (len(stream) - 1)
    assert daemon.count("rejects") == 0


def test_rejects_are_bounded(start_daemon: Any) -> None:
    """Of many rejects the newest max_rejects are kept."""
    daemon = start_daemon("--max-rejects", "5")
    for n in range(20):
        daemon.send(framed(b'{"bad": %d' % n), stock_frame(str(n)))
        daemon.wait_rows(n + 1)

    def newest() -> list[bytes]:
        return [row["payload"] for row in daemon.rows("SELECT * FROM rejects")]

    expected = [b'{"bad": %d' % n for n in range(15, 20)]
    until(lambda: newest() == expected, "the five newest rejects")


class Touch:
    """Unpickled by `pickle`, creates a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.marker}",)


def test_nothing_is_executed(daemon: Daemon, tmp_path: Path) -> None:
    """A pickle that calls a function is data: as a record, or as an extra."""
    marker = tmp_path / "marker"
    for protocol in range(6):
        daemon.send(
            pickled_frame(Touch(marker), protocol),
            pickled_frame({"msg": "carrier", "x": Touch(marker)}, protocol),
        )
    daemon.send(framed(b"cos\nsystem\n(S'touch %s'\ntR." % bytes(marker)))

    rows = daemon.wait_rows(6)
    rejects = daemon.wait_rows(7, "rejects")
    daemon.stop()

    assert {row["message"] for row in rows} == {"carrier"}
    assert all(f"touch {marker}" in row["extra"] for row in rows)
    assert {row["reason"] for row in rejects} == {"not_a_mapping"}
    assert not marker.exists()


def test_a_call_keeps_its_name(start_daemon: Any, tmp_path: Path) -> None:
    """Whoever reads a record sees which function its pickle wanted to call."""
    daemon = start_daemon()
    daemon.send(pickled_frame({"msg": "carrier", "x": Touch(tmp_path / "marker")}))

    (row,) = daemon.wait_rows(1)

    assert "posix.system" in row["extra"]
