"""What /proc tells of locks, mounts, processes and sockets."""

import fcntl
import os
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from store.stored import new_stored

from collector.addresses import TcpAddress, UnixAddress
from collector.doctor.collecting import look_for_holders
from collector.doctor.commands import Commands
from collector.doctor.elsewhere import addresses_of, judge_elsewhere
from collector.doctor.finding import failed
from collector.doctor.listening import Owners, look_for_owners
from collector.doctor.listening_sockets import tcp_sockets, unix_sockets
from collector.doctor.locks import claimed_files, parse_locks, read_locks
from collector.doctor.mounts import find_mount, mount_of, parse_mounts
from collector.doctor.processes import parse_process, process, this_user
from collector.store.claim import Claim

needs_locks = pytest.mark.skipif(read_locks() is None, reason="no /proc/locks")


@needs_locks
def test_a_claim_is_seen_and_not_touched(tmp_path):
    """Who has claimed a database is found by its file; looking takes no lock."""
    path = tmp_path / "logs.sqlite"
    claim = Claim(path)
    claim.take()
    holders = look_for_holders(path)
    files = claimed_files(read_locks(), os.getpid())
    claim.release()

    assert (holders.collector, holders.writer) == (os.getpid(), None)
    assert holders.process.uid == os.geteuid()
    assert path in files
    assert look_for_holders(path).collector is None
    # A lock of another kind is no claim.
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert look_for_holders(path).collector is None


@needs_locks
def test_a_writer_is_seen(tmp_path):
    """A process in a write transaction is found, and not one that reads."""
    with new_stored(tmp_path / "logs.sqlite") as stored:
        with closing(sqlite3.connect(stored.path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM records").fetchall()
            assert look_for_holders(stored.path).writer is None
        stored.connection.execute("BEGIN IMMEDIATE")
        assert look_for_holders(stored.path).writer == os.getpid()
        stored.connection.execute("ROLLBACK")
        assert look_for_holders(stored.path).writer is None


def test_a_database_that_is_not_there_is_nobodys(tmp_path):
    """Where there is no file, nobody has it."""
    holders = look_for_holders(tmp_path / "none.sqlite", [])
    assert (holders.is_known, holders.collector, holders.writer) == (True, None, None)


def test_lines_of_locks():
    """Waiting ones, leases and what is no line at all are left out."""
    text = (
        "1: FLOCK  ADVISORY  WRITE 6333 fe:00:153 0 EOF\n"
        "1: -> FLOCK  ADVISORY  WRITE 7 fe:00:153 0 EOF\n"
        "2: POSIX  ADVISORY  READ 8 08:1f:99 120 120\n"
        "3: LEASE  ACTIVE    READ 9 08:1f:99 0 EOF\n"
        "4: FLOCK  ADVISORY  WRITE x fe:00:153 0 EOF\n"
        "nonsense\n\n"
    )
    first, second = parse_locks(text)

    assert (first.kind, first.exclusive, first.pid) == ("FLOCK", True, 6333)
    assert (first.device, first.inode, first.start) == ((0xFE, 0), 153, 0)
    assert (second.exclusive, second.device, second.start) == (False, (8, 0x1F), 120)


MOUNTS = """\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
30 27 0:25 / /mnt ro,nosuid shared:1 - tmpfs none rw,size=4k
31 27 0:26 / /mnt/with\\040space rw - nfs4 host:/x rw
32 27 0:27 / /srv rw - ext4 /dev/a rw
33 27 0:28 / /srv rw - xfs /dev/b ro
broken line
"""


@pytest.mark.parametrize(
    ("path", "kind", "is_read_only"),
    [
        ("/home/x", "ext4", False),
        ("/mnt/logs.sqlite", "tmpfs", True),
        ("/mntx/logs.sqlite", "ext4", False),
        ("/mnt/with space/a", "nfs4", False),
        ("/srv/a", "xfs", True),
    ],
)
def test_the_nearest_mount(path, kind, is_read_only):
    """A path is on the deepest mount, and of two at one point on the later."""
    mount = find_mount(parse_mounts(MOUNTS), Path(path))
    assert (mount.kind, mount.is_read_only) == (kind, is_read_only)


def test_this_very_file_is_on_a_mount():
    """What the system says can be read."""
    mount = mount_of(Path(__file__))
    assert mount is None or Path(__file__).resolve().is_relative_to(mount.point)


def test_a_process():
    """Its effective user and groups, and how many files it may open."""
    status = "Name:\ta b\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t9 10 \n"
    limits = "Limit  Soft Limit\nMax open files            1024   524288   files\n"
    found = parse_process(7, status, limits)

    assert (found.name, found.uid, found.descriptors) == ("a b", 2, 1024)
    assert found.groups == {6, 9, 10}
    assert parse_process(7, "Name: x\nUid: a b", limits) is None
    assert parse_process(7, status, "").descriptors is None
    unlimited = "Max open files            unlimited   unlimited   files\n"
    assert parse_process(7, status, unlimited).descriptors is None


def test_this_process_is_seen():
    """What /proc says of this process is what it knows of itself."""
    seen = process(os.getpid())
    if seen is None:
        pytest.skip("no /proc")
    assert seen.uid == this_user().uid
    assert seen.groups == this_user().groups
    assert process(2**30) is None


def test_who_listens(tmp_path):
    """The process that has a listening socket is found, by port and by path."""
    if process(os.getpid()) is None:
        pytest.skip("no /proc")
    path = str(tmp_path / "a.sock")
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as unix,
    ):
        unix.bind(path)
        unix.listen()
        port = tcp.getsockname()[1]
        assert os.getpid() in look_for_owners(TcpAddress("127.0.0.1", port)).pids
        assert os.getpid() in look_for_owners(UnixAddress(path)).pids
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            silent = TcpAddress("127.0.0.1", bound.getsockname()[1])
            assert os.getpid() not in look_for_owners(silent).pids
    assert look_for_owners(UnixAddress(path)).pids == set()


def test_sockets_that_do_not_listen_are_left_out():
    """A connection to the port is no listener, nor is a broken line."""
    tcp = (
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt\n"
        "   0: 0100007F:233C 00000000:0000 0A 0:0 0:0 0 0 0 11 1\n"
        "   1: 0100007F:233C 0100007F:9999 01 0:0 0:0 0 0 0 12 1\n"
        "   2: 0100007F:0050 00000000:0000 0A 0:0 0:0 0 0 0 13 1\n"
        "   3: short\n"
    )
    unix = (
        "Num       RefCount Protocol Flags    Type St Inode Path\n"
        "0: 00000002 00000000 00010000 0001 01 21 /run/a b.sock\n"
        "0: 00000003 00000000 00000000 0001 03 22 /run/a b.sock\n"
        "0: 00000003 00000000 00000000 0001 03 23\n"
    )

    assert dict(tcp_sockets(tcp)) == {
        "11": TcpAddress("127.0.0.1", 9020),
        "13": TcpAddress("127.0.0.1", 80),
    }
    assert dict(tcp_sockets("")) == {}
    assert dict(unix_sockets(unix)) == {"21": UnixAddress("/run/a b.sock")}


def test_where_a_process_listens(tmp_path):
    """Its listening sockets have the addresses that it gave them."""
    if process(os.getpid()) is None:
        pytest.skip("no /proc")
    path = str(tmp_path / "a.sock")
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as tcp6,
        socket.socket(socket.AF_UNIX) as unix,
    ):
        unix.bind(path)
        unix.listen()
        seen = addresses_of(os.getpid())
        ports = tcp.getsockname()[1], tcp6.getsockname()[1]
    assert {TcpAddress("127.0.0.1", ports[0]), UnixAddress(path)} <= set(seen)
    assert TcpAddress("::1", ports[1]) in seen
    assert addresses_of(2**30) == []


def test_a_collector_whose_sockets_are_hidden():
    """Without its addresses, what is to be given is told all the same."""
    found = judge_elsewhere(failed("listener", "nobody"), 2**30, Commands())
    assert "not shown" in found.seen
    assert found.advice[-1].endswith("sudo logcollector doctor")


def test_who_else_listens():
    """The service manager shares its sockets with the collector, and is no other."""
    assert Owners(frozenset({1, 50})).others(50) == []
    assert Owners(frozenset({1})).others(None) == []
    assert Owners(frozenset({1, 60, 55})).others(50) == [55, 60]
    assert Owners(frozenset({1, 60})).others(None) == [60]
