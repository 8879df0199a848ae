"""[[listen]] tables: each listener with its own rules, side by side."""

import contextlib
import os
import signal
import socket
import ssl
import stat
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority
from integration.daemon import PATIENCE_SECONDS, Daemon
from integration.test_addresses import needs_ipv6
from integration.wire import framed, stock_frame

from collector import TLSSocketHandler

StartConfigured = Any


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def configured(start_daemon: Any, loop_name: str, tmp_path: Path) -> StartConfigured:
    """Start a daemon with a settings file that says where to listen."""

    def start(toml: str, **process: Any) -> Daemon:
        file = tmp_path / "config.toml"
        file.write_text(toml)
        # Started by hand: no flag may say where to listen.
        daemon: Daemon = start_daemon(
            *("--loop", loop_name, "--config", str(file)), at_port=None, **process
        )
        return daemon

    return start


def ports(daemon: Daemon) -> list[int]:
    """Return the TCP ports it listens on, in the order of its settings."""
    lines = [x for x in daemon.stderr.splitlines() if x.startswith("listening on ")]
    return [int(x.rpartition(":")[2]) for x in lines if "unix:" not in x]


def is_reset(address: tuple[str, int], source: str) -> bool:
    """Connect from an address of this host and tell whether that is reset."""
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    with socket.socket(family) as client:
        client.settimeout(PATIENCE_SECONDS)
        client.bind((source, 0))
        try:
            client.connect(address)
            client.sendall(stock_frame(f"from {source}"))
            client.shutdown(socket.SHUT_WR)
            return client.recv(1) != b""
        except (ConnectionResetError, BrokenPipeError):
            return True


def test_plain_and_tls_side_by_side(
    configured: StartConfigured, authority: Authority, tmp_path: Path
) -> None:
    """Each listener speaks what its table says, and has its own limits."""
    cert, key = authority.issue("server", "127.0.0.1")
    daemon = configured(f"""
        max_frame_bytes = 3000

        [[listen]]
        address = "127.0.0.1:0"

        [[listen]]
        address = "127.0.0.1:0"
        tls_cert = "{cert}"
        tls_key = "{key}"
        max_frame_bytes = 1000

        [[listen]]
        address = "{tmp_path}/logs.sock"
        max_frame_bytes = 2000
    """)
    plain, tls = ports(daemon)
    with socket.create_connection(("127.0.0.1", plain), 10) as client:
        client.sendall(stock_frame("plain"))
    handler = TLSSocketHandler("127.0.0.1", tls, str(authority.ca))
    handler.send(stock_frame("tls"))
    handler.close()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(f"{tmp_path}/logs.sock")
        client.sendall(stock_frame("unix"))
    rows = daemon.wait_rows(3)
    assert {row["message"] for row in rows} == {"plain", "tls", "unix"}

    with socket.create_connection(("127.0.0.1", plain), 10) as client:
        client.sendall(framed(b"x" * 3500))
    handler = TLSSocketHandler("127.0.0.1", tls, str(authority.ca))
    handler.send(framed(b"x" * 1500))
    handler.close()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(f"{tmp_path}/logs.sock")
        client.sendall(framed(b"x" * 2500))
    rejects = daemon.wait_rows(3, "rejects")
    assert {row["reason"] for row in rejects} == {"frame_too_large"}
    said = " ".join(row["detail"] for row in rejects)
    assert all(f"over the limit of {n}000" in said for n in (1, 2, 3))
    daemon.stop()


def test_a_table_turns_off_what_the_flat_settings_say(
    configured: StartConfigured, authority: Authority
) -> None:
    """Flat settings hold for listeners that do not say it; an empty text is "off"."""
    cert, key = authority.issue("server", "127.0.0.1")
    daemon = configured(f"""
        tls_cert = "{cert}"
        tls_key = "{key}"
        listen = ["127.0.0.1:0", {{address = "127.0.0.1:0", tls_cert = ""}}]
    """)
    tls, plain = ports(daemon)
    context = authority.client_context()
    with context.wrap_socket(
        socket.create_connection(("127.0.0.1", tls), 10), server_hostname="127.0.0.1"
    ) as secured:
        secured.sendall(stock_frame("tls"))
        with socket.create_connection(("127.0.0.1", plain), 10) as client:
            client.sendall(stock_frame("plain"))
        rows = daemon.wait_rows(2)

    assert {row["message"] for row in rows} == {"plain", "tls"}


@pytest.mark.parametrize("several", [True, False])
def test_what_is_said_of_a_peer_names_the_listener(
    configured: StartConfigured, tmp_path: Path, several: bool
) -> None:
    """With several listeners messages and rejects tell which one it was."""
    daemon = configured(
        """
        frame_timeout_seconds = 0.1
        listen = ["127.0.0.1:0"%s]
        """
        % (f', "{tmp_path}/logs.sock"' if several else "")
    )
    place = f" (at 127.0.0.1:{daemon.port})" if several else ""
    with daemon.connect() as client:
        client.sendall(b"GET / HTTP/1.1")
    daemon.wait_said(f"closing the connection of 127.0.0.1{place}: frame_too_large")
    with daemon.connect() as client:
        client.sendall(b"\0\0")
        daemon.wait_said(f"connection of 127.0.0.1{place}: a frame did not arrive")
    rejects = daemon.wait_rows(2, "rejects")
    assert [row["reason"] for row in rejects] == ["frame_too_large", "frame_timeout"]
    assert all(row["detail"].endswith(place) for row in rejects)
    assert all(("(at " in row["detail"]) is several for row in rejects)
    if several:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(f"{tmp_path}/logs.sock")
            client.sendall(b"\0\0")
        assert daemon.wait_rows(3, "rejects")[2]["detail"].endswith(
            f" (at unix:{tmp_path}/logs.sock)"
        )


def test_connections_are_limited_per_listener(configured: StartConfigured) -> None:
    """A listener that is full leaves the others open."""
    daemon = configured("""
        [[listen]]
        address = "127.0.0.1:0"
        max_connections = 1
        [[listen]]
        address = "127.0.0.1:0"
    """)
    first, second = [("127.0.0.1", port) for port in ports(daemon)]
    with contextlib.ExitStack() as open_ones:
        for number, address in enumerate((first, second, second)):
            client = open_ones.enter_context(socket.create_connection(address, 10))
            client.sendall(stock_frame(str(number)))
            daemon.wait_rows(number + 1)
            if number == 0:
                assert is_reset(first, "127.0.0.1")
                daemon.wait_said("1 connections are open (max_connections)")
    daemon.stop()

    assert daemon.count() == 3


def test_allowed_networks(configured: StartConfigured) -> None:
    """Who is in no allowed network of a listener is reset, which is said."""
    daemon = configured("""
        allow = ["127.0.0.2", "::1"]
        [[listen]]
        address = "127.0.0.1:0"
        [[listen]]
        address = "127.0.0.1:0"
        allow = ["127.0.0.0/30", "10.0.0.0/8"]
        [[listen]]
        address = "127.0.0.1:0"
        allow = []
    """)
    flat, own, everybody = [("127.0.0.1", port) for port in ports(daemon)]

    sources = [f"127.0.0.{n}" for n in (1, 2, 5)]
    assert [is_reset(flat, source) for source in sources] == [True, False, True]
    assert [is_reset(own, source) for source in sources] == [False, False, True]
    assert [is_reset(everybody, source) for source in sources] == [False, False, False]

    daemon.wait_said(
        f"refusing the connection of 127.0.0.1 (at 127.0.0.1:{flat[1]}): its address "
        "is in no allowed network"
    )
    daemon.stop()
    assert daemon.count() == 6


@needs_ipv6
def test_allowed_networks_of_ipv6(configured: StartConfigured) -> None:
    """Networks of IPv6 are told apart, and IPv4 peers of one socket for both."""
    daemon = configured("""
        [[listen]]
        address = "[::1]:0"
        allow = ["::/96"]
        [[listen]]
        address = "[::1]:0"
        allow = ["2001:db8::/32", "127.0.0.0/8"]
    """)
    open_one, closed = [("::1", port) for port in ports(daemon)]

    assert not is_reset(open_one, "::1")
    assert is_reset(closed, "::1")
    assert daemon.wait_rows(1)[0]["peer"] == "::1"


def test_refused_networks_are_refused_before_tls(
    configured: StartConfigured, authority: Authority
) -> None:
    """A peer outside costs no handshake: it is reset at once."""
    cert, key = authority.issue("server", "127.0.0.1")
    daemon = configured(f"""
        [[listen]]
        address = "127.0.0.1:0"
        allow = ["127.0.0.2"]
        tls_cert = "{cert}"
        tls_key = "{key}"
    """)
    with pytest.raises((ConnectionError, ssl.SSLError)):
        authority.client_context().wrap_socket(
            socket.create_connection(("127.0.0.1", ports(daemon)[0]), 10),
            server_hostname="127.0.0.1",
        )
    daemon.wait_said("its address is in no allowed network (allow)")


def test_a_reload_changes_rules(configured: StartConfigured, tmp_path: Path) -> None:
    """SIGHUP changes allowed networks and limits, and names an address that moved."""
    table = '[[listen]]\naddress = "127.0.0.1:0"\n'
    daemon = configured(table + 'allow = ["127.0.0.2"]')
    address = ("127.0.0.1", ports(daemon)[0])
    assert is_reset(address, "127.0.0.1")

    (tmp_path / "config.toml").write_text(table + 'allow = ["127.0.0.1"]')
    daemon.send_signal(signal.SIGHUP)
    daemon.wait_said("settings reloaded")
    assert not is_reset(address, "127.0.0.1")
    assert is_reset(address, "127.0.0.2")
    assert "restart" not in daemon.stderr

    (tmp_path / "config.toml").write_text('listen = ["127.0.0.1:1"]')
    daemon.send_signal(signal.SIGHUP)
    daemon.wait_said("reload: listen can only change at a restart")
    # A slip in an address must not open a door.
    daemon.wait_said("settings reloaded", 2)
    assert is_reset(address, "127.0.0.2")


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ('[[listen]]\naddress = "x:1"\ntls_crt = "a"', "listen x:1: tls_crt: unknown"),
        ('[[listen]]\naddress = "x:1"\ntls_crt = "a"', "did you mean tls_cert?"),
        ('[[listen]]\ntls_cert = "a"', "listen table 1: has no address"),
        ('[[listen]]\naddress = "x:y"', "listen x:y: address: 'y' is no port"),
        ("[[listen]]\naddress = 5", "address: expected a text, got a whole number"),
        (
            '[[listen]]\naddress = "x:1"\nallow = ["10.0.0.1/8"]',
            "allow: '10.0.0.1/8' is an address in a network; do you mean 10.0.0.0/8?",
        ),
        ('[[listen]]\naddress = "x:1"\nallow = ["home"]', "'home' is no network"),
        ('[[listen]]\naddress = "x:1"\nmode = "0660"', "only a UNIX socket has one"),
        ('[[listen]]\naddress = "/s"\nmode = "rw"', "mode: 'rw' is no mode"),
        ('[[listen]]\naddress = "/s"\nmode = 660', "mode: expected a text"),
        ('[[listen]]\naddress = "/s"\ntls_cert = "a"', "a UNIX socket has none"),
        ('[[listen]]\naddress = "/s"\nallow = ["::1"]', "a UNIX socket has none"),
        ('[[listen]]\naddress = "x:1"\nmax_connections = 0', "max_connections: exp"),
        ('allow = ["10.0.0.1/8"]', "do you mean 10.0.0.0/8?"),
        ('socket_mode = "999"', "'999' is no mode"),
        ("[listen]\naddress = 5", "listen"),
    ],
)
def test_mistakes_in_tables(
    start_daemon: Any, tmp_path: Path, toml: str, words: str
) -> None:
    """Each mistake ends the start with status 2 and names table, key and reason."""
    file = tmp_path / "config.toml"
    file.write_text(toml)
    daemon = start_daemon("--config", str(file), at_port=None, wait=False)

    assert daemon.wait_end() == 2, daemon.stderr
    assert words in daemon.stderr
    assert len(daemon.stderr.splitlines()) == 1
    assert "Traceback" not in daemon.stderr


@pytest.mark.parametrize(
    ("flags", "warns"),
    [
        (["--listen", "0.0.0.0:0"], True),
        (["--listen", "127.0.0.1:0"], False),
        (["--listen", "0.0.0.0:0", "--allow", "127.0.0.0/8"], False),
        (["--listen", "0.0.0.0:0", "tls"], False),
    ],
)
def test_an_open_door_is_warned_of(
    start_daemon: Any, authority: Authority, flags: list[str], *, warns: bool
) -> None:
    """A plain listener that other hosts can reach, open to all, is said at once."""
    if flags[-1] == "tls":
        cert, key = map(str, authority.issue("server", "127.0.0.1"))
        flags = [*flags[:-1], "--tls-cert", cert, "--tls-key", key]
    daemon = start_daemon(*flags)

    warnings = [x for x in daemon.stderr.splitlines() if x.startswith("warning")]
    assert len(warnings) == warns
    if warns:
        assert "0.0.0.0:" in warnings[0]
        assert "allow" in warnings[0]
        assert "tls_cert" in warnings[0]


@pytest.mark.parametrize("mode", ["0600", "0660", "666"])
def test_the_mode_of_a_unix_socket(
    configured: StartConfigured, tmp_path: Path, mode: str
) -> None:
    """The file has just the mode that its table says, whatever the umask."""
    path = tmp_path / "logs.sock"
    gid = os.getgroups()[0] if os.getgroups() else os.getgid()
    daemon = configured(f"""
        [[listen]]
        address = "{path}"
        mode = "{mode}"
        group = "{gid}"
    """)

    assert stat.S_IMODE(path.stat().st_mode) == int(mode, 8)
    assert path.stat().st_gid == gid
    # The umask is for other files as it was.
    assert stat.S_IMODE(daemon.database.stat().st_mode) & 0o600 == 0o600


def test_an_unknown_group(start_daemon: Any, tmp_path: Path) -> None:
    """A group that this host does not have ends the start, and leaves no file."""
    path = tmp_path / "logs.sock"
    daemon = start_daemon(
        "--listen", str(path), "--socket-group", "no-such-group", wait=False
    )

    assert daemon.wait_end() == 2
    assert "there is no group 'no-such-group' on this host" in daemon.stderr
    assert not path.exists()


def test_a_mistake_in_the_last_table_leaves_nothing(
    start_daemon: Any, tmp_path: Path
) -> None:
    """When one address can't be had, the files of the others are taken away."""
    path = tmp_path / "logs.sock"
    daemon = start_daemon(
        *("--listen", str(path), "--listen", "192.0.2.1:0"), wait=False
    )

    assert daemon.wait_end() == 69
    assert not path.exists()
    assert not daemon.database.exists()
