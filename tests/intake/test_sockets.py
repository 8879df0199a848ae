"""Listening sockets: bound by ourselves, or handed over."""

import os
import socket
import stat
import subprocess
import sys

import pytest

from collector.addresses import TcpAddress, UnixAddress
from collector.errors import ListenError
from collector.intake.sockets import bind, inherited, shown_address


@pytest.fixture
def bound():
    """Binds sockets and closes them after the test."""
    made = []

    def make(address):
        sockets = bind(address)
        made.extend(sockets)
        return sockets

    yield make
    for one in made:
        one.close()


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_port_0_picks_a_free_port(bound):
    """The address that is shown has the real port."""
    (one,) = bound(TcpAddress("127.0.0.1", 0))
    address = shown_address(one)

    assert address.host == "127.0.0.1"
    assert address.port > 0
    assert not one.getblocking()


@pytest.mark.skipif(not has_ipv6(), reason="this host has no IPv6")
def test_ipv6(bound):
    """An IPv6 address is listened on, and shown without its further parts."""
    (one,) = bound(TcpAddress("::1", 0))

    assert shown_address(one).host == "::1"
    assert one.family == socket.AF_INET6


def test_all_addresses_of_a_name_have_one_port(bound):
    """localhost is bound in each family that this host has, on the same port."""
    sockets = bound(TcpAddress("localhost", 0))

    assert len({shown_address(one).port for one in sockets}) == 1
    families = [one.family for one in sockets]
    assert socket.AF_INET in families
    assert len(set(families)) == len(families)


def test_a_port_in_use_is_explained(bound):
    """A taken port is refused with its reason and a way out."""
    (one,) = bound(TcpAddress("127.0.0.1", 0))
    with pytest.raises(ListenError, match=r"in use.*another program.*ss -ltnp"):
        bind(shown_address(one))


def test_what_is_bound_is_taken_at_once(bound, tmp_path):
    """An address can't be bound a second time before anybody accepts there."""
    (everywhere,) = bound(TcpAddress("0.0.0.0", 0))
    for taken in (
        TcpAddress("127.0.0.1", shown_address(everywhere).port),
        shown_address(everywhere),
    ):
        with pytest.raises(ListenError, match="in use"):
            bind(taken)

    path = UnixAddress(str(tmp_path / "logs.sock"))
    (unix,) = bound(path)
    with pytest.raises(ListenError, match="exists already"):
        bind(path)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(unix.getsockname())


@pytest.mark.parametrize(
    "host", ["no.such.host.invalid", "192.0.2.1", "a..b", "a" * 70 + ".example"]
)
def test_hosts_that_are_not_ours(host):
    """A host that can't be listened on is a ListenError that names it."""
    with pytest.raises(ListenError, match="cannot listen on") as caught:
        bind(TcpAddress(host, 0))

    assert host in str(caught.value)


def test_a_unix_socket(bound, tmp_path):
    """A path becomes a socket that clients can connect to."""
    path = tmp_path / "logs.sock"
    (one,) = bound(UnixAddress(str(path)))
    one.listen()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))

    assert stat.S_ISSOCK(path.stat().st_mode)
    assert shown_address(one) == UnixAddress(str(path))


def test_a_dead_socket_is_replaced(bound, tmp_path):
    """What a killed daemon left behind does not keep the next from starting."""
    path = tmp_path / "logs.sock"
    (dead,) = bound(UnixAddress(str(path)))
    dead.close()
    (one,) = bound(UnixAddress(str(path)))
    one.listen()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_living_socket_is_left_alone(bound, tmp_path):
    """A socket that another daemon listens on is refused, and goes on working."""
    path = tmp_path / "logs.sock"
    (one,) = bound(UnixAddress(str(path)))
    one.listen()
    with pytest.raises(ListenError, match="the file exists already"):
        bind(UnixAddress(str(path)))
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_other_files_are_left_alone(tmp_path, kind):
    """A path that is anything but a dead socket is refused and kept."""
    path = tmp_path / "precious"
    if kind == "file":
        path.write_text("data")
    else:
        path.mkdir()
    with pytest.raises(ListenError, match="the file exists already"):
        bind(UnixAddress(str(path)))

    assert path.read_text() == "data" if kind == "file" else path.is_dir()


def test_a_socket_in_a_missing_folder(tmp_path):
    """A path in no folder is refused with the system's reason."""
    with pytest.raises(ListenError, match="No such file or directory"):
        bind(UnixAddress(str(tmp_path / "nowhere" / "logs.sock")))


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"LISTEN_FDS": "1"},
        {"LISTEN_FDS": "1", "LISTEN_PID": "1"},
        {"LISTEN_FDS": "one", "LISTEN_PID": str(os.getpid())},
        {"LISTEN_FDS": "0", "LISTEN_PID": str(os.getpid())},
    ],
)
def test_nothing_is_taken_that_is_not_for_us(environment):
    """Descriptors for another process, or none at all, are left alone."""
    environment = {**environment, "LISTEN_FDNAMES": "x", "HOME": "/root"}

    assert inherited(environment) == []
    assert environment == {"HOME": "/root"}


HAND_OVER = """
import os, socket, sys, warnings
warnings.simplefilter("ignore", ResourceWarning)
from collector.errors import ListenError
from collector.intake.sockets import inherited, shown_address

made = [eval(text) for text in sys.argv[1:]]
for place, one in enumerate(made):
    if hasattr(one, "bind") and one.family != socket.AF_UNIX:
        one.bind(("127.0.0.1", 0))
        if one.type == socket.SOCK_STREAM and place < 2:
            one.listen()
copies = [os.dup(one.fileno()) for one in made]
for place, copy in enumerate(copies):
    os.dup2(copy, 3 + place)
environment = {"LISTEN_FDS": str(len(made)), "LISTEN_PID": str(os.getpid())}
try:
    taken = inherited(environment)
except ListenError as error:
    print(error)
else:
    print(len(taken), environment, [os.get_inheritable(s.fileno()) for s in taken],
          [s.getblocking() for s in taken], [s.getsockname()[0] for s in taken])
os._exit(0 if sys.stdout.flush() is None else 1)
"""


def handed_over(*made):
    """Return what a child says that is handed such descriptors."""
    said = subprocess.run(
        [sys.executable, "-c", HAND_OVER, *made],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return said.stdout.strip()


def test_listening_sockets_are_taken():
    """Sockets that systemd hands over are used, and no child gets them."""
    assert handed_over("socket.socket()", "socket.socket()") == (
        "2 {} [False, False] [False, False] ['127.0.0.1', '127.0.0.1']"
    )


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("open('/dev/null')", "descriptor 3 of LISTEN_FDS is no socket"),
        (
            "socket.socket(type=socket.SOCK_DGRAM)",
            "descriptor 3 of LISTEN_FDS is no listening stream socket",
        ),
        (
            "socket.socketpair()[0]",
            "descriptor 3 of LISTEN_FDS is no listening stream socket",
        ),
    ],
)
def test_other_descriptors_are_refused(made, said):
    """What is no listening stream socket is refused with a hint to the unit."""
    assert handed_over(made).startswith(said)
