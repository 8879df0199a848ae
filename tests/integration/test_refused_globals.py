"""An intruder's pickles: read as data, and told."""

import socket
from typing import Any

from hostile import CATALOGUE
from integration.daemon import PATIENCE_SECONDS, Daemon
from integration.wire import framed, stock_frame

WORDS = "{} sent a pickle that names os.system, which looks like an attack"


class User:
    def __init__(self) -> None:
        self.id = 42


def send_from(daemon: Daemon, address: str, *frames: bytes) -> None:
    """Send frames from an address of this host."""
    with socket.create_connection(
        ("127.0.0.1", daemon.port), PATIENCE_SECONDS, source_address=(address, 0)
    ) as client:
        client.sendall(b"".join(frames))


def test_an_attack_is_told_once_by_peer(start_daemon: Any) -> None:
    """Exploits call nothing and are told once for each peer; its records are stored."""
    daemon = start_daemon()
    exploits = [
        framed(CATALOGUE[name]())
        for name in ("reduce", "reduce in record", "inst", "obj", "stack global")
    ]
    send_from(daemon, "127.0.0.1", *exploits * 3, stock_frame("one"))
    daemon.wait_rows(13)
    send_from(daemon, "127.0.0.2", *exploits, stock_frame("two"))
    daemon.wait_rows(18)
    daemon.wait_rows(4, "rejects")
    assert not (daemon.database.parent / "PWNED").exists()
    daemon.stop()

    for peer in ("127.0.0.1", "127.0.0.2"):
        assert daemon.stderr.count(WORDS.format(peer)) == 1


def test_a_name_cannot_forge_a_line(start_daemon: Any) -> None:
    """Escapes in a name are made visible in what the daemon says."""
    daemon = start_daemon()
    daemon.send(framed(CATALOGUE["escapes in a name"]()))
    daemon.wait_rows(1)
    daemon.stop()

    assert "names os\\x1b]0;x\\x07.sys\\x1b[2Jtem:" in daemon.stderr
    assert "\x1b" not in daemon.stderr


def test_an_instance_is_no_attack(start_daemon: Any) -> None:
    """An instance in extra is stored, and its class told as information, once."""
    daemon = start_daemon()
    daemon.send(*[stock_frame(str(n), user=User()) for n in range(3)])
    daemon.wait_rows(3)
    daemon.stop()

    name = f"{User.__module__}.User"
    assert daemon.stderr.count(f"names {name}: it was read as data") == 1
    assert "looks like" not in daemon.stderr


def test_plain_records_are_not_told(start_daemon: Any) -> None:
    """A client that logs plain values gives no reason to say anything."""
    daemon = start_daemon()
    daemon.send(stock_frame("hello", order={"id": 7}, size=(1, 2)))
    daemon.wait_rows(1)
    daemon.stop()

    assert "a pickle that" not in daemon.stderr
