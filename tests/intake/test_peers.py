"""Peers: their addresses and the names of their hosts."""

import asyncio
import socket

import pytest

from collector.intake import peers
from collector.intake.peers import MAX_LOOKUPS, Hostnames, is_local, peer_address

HERE = socket.gethostname()


@pytest.mark.parametrize(
    ("peername", "peer"),
    [
        (("10.0.0.7", 5000), "10.0.0.7"),
        (("::1", 5000, 0, 0), "::1"),
        (("2001:db8::7", 5000, 0, 0), "2001:db8::7"),
        (("::ffff:10.0.0.7", 5000, 0, 0), "10.0.0.7"),
        ("", "unix"),
        ("/run/client.sock", "unix"),
        (b"\0abstract", "unix"),
        (None, "unix"),
    ],
)
def test_peer_addresses(peername, peer):
    """A peer is its address without the port; all of a UNIX socket are one."""
    assert peer_address(peername) == peer


@pytest.mark.parametrize(
    ("peer", "local"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("unix", True),
        ("10.0.0.1", False),
        ("::2", False),
        ("128.0.0.1", False),
    ],
)
def test_local_peers(peer, local):
    """Loopback addresses and UNIX sockets are this host."""
    assert is_local(peer) is local


class Resolver:
    """Stands for the loop's getnameinfo and notes what it is asked."""

    def __init__(self, monkeypatch) -> None:
        self.asked: list[str] = []
        self.answers: dict[str, object] = {}
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "getnameinfo", self.getnameinfo)

    async def getnameinfo(self, sockaddr, flags=0):
        self.asked.append(sockaddr[0])
        answer = self.answers.get(sockaddr[0], f"host-{sockaddr[0]}")
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, asyncio.Future):
            return await answer
        return answer, "0"


@pytest.fixture
async def resolver(monkeypatch):
    """A name server under the test's control."""
    return Resolver(monkeypatch)


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "unix"])
async def test_local_peers_have_our_name(resolver, peer):
    """This host's own processes are not looked up."""
    assert await Hostnames(resolve=True).name(peer) == HERE
    assert resolver.asked == []


async def test_without_resolving_addresses_stand(resolver):
    """With resolve off no name is asked for."""
    assert await Hostnames(resolve=False).name("10.0.0.7") == "10.0.0.7"
    assert resolver.asked == []


async def test_names_are_asked_for_once(resolver):
    """A name that is known is not looked up again."""
    hostnames = Hostnames(resolve=True)
    for _ in range(3):
        assert await hostnames.name("10.0.0.7") == "host-10.0.0.7"

    assert resolver.asked == ["10.0.0.7"]


async def test_names_are_asked_for_again_in_time(resolver, monkeypatch):
    """A name is believed for an hour, not for ever."""
    monkeypatch.setattr(peers, "NAME_SECONDS", -1.0)
    hostnames = Hostnames(resolve=True)
    await hostnames.name("10.0.0.7")
    resolver.answers["10.0.0.7"] = "renamed"

    assert await hostnames.name("10.0.0.7") == "renamed"


@pytest.mark.parametrize(
    "error",
    [
        socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
        OSError("no network"),
        TimeoutError(),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    ],
)
async def test_a_peer_without_a_name_is_called_by_its_address(resolver, error):
    """A failed look-up is answered with the address, and remembered."""
    hostnames = Hostnames(resolve=True)
    resolver.answers["10.0.0.7"] = error

    assert await hostnames.name("10.0.0.7") == "10.0.0.7"
    assert await hostnames.name("10.0.0.7") == "10.0.0.7"
    assert resolver.asked == ["10.0.0.7"]


async def test_odd_names_are_repaired(resolver):
    """A name server can't put in what no row can hold."""
    hostnames = Hostnames(resolve=True)
    resolver.answers["10.0.0.7"] = "bad\0\udcff" + "x" * 1000
    name = await hostnames.name("10.0.0.7")

    assert name.startswith("bad\\0\\udcff")
    assert len(name) == 255


async def test_a_slow_name_server_holds_up_nobody(resolver, monkeypatch):
    """After its time a look-up is answered with the address."""
    monkeypatch.setattr(peers, "LOOKUP_SECONDS", 0.01)
    answer = asyncio.get_running_loop().create_future()
    resolver.answers["10.0.0.7"] = answer
    hostnames = Hostnames(resolve=True)

    assert await hostnames.name("10.0.0.7") == "10.0.0.7"
    answer.set_result(("late", "0"))


async def test_a_silent_name_server_does_not_take_all_threads(resolver, monkeypatch):
    """Beyond a few unanswered look-ups no more are begun, until one ends."""
    monkeypatch.setattr(peers, "LOOKUP_SECONDS", 0.0)
    silent = asyncio.get_running_loop().create_future()
    hostnames = Hostnames(resolve=True)
    for n in range(MAX_LOOKUPS):
        resolver.answers[f"10.0.0.{n}"] = silent
        assert await hostnames.name(f"10.0.0.{n}") == f"10.0.0.{n}"
        # The look-up itself begins in a step of its own.
        await asyncio.sleep(0)
    monkeypatch.setattr(peers, "LOOKUP_SECONDS", 5.0)
    assert await hostnames.name("10.1.0.1") == "10.1.0.1"
    assert "10.1.0.1" not in resolver.asked

    silent.set_exception(socket.gaierror("at last"))
    for _ in range(10):
        await asyncio.sleep(0)
    assert await hostnames.name("10.1.0.1") == "host-10.1.0.1"


async def test_the_cache_is_bounded(resolver, monkeypatch):
    """Beyond its bound the oldest names are forgotten."""
    monkeypatch.setattr(peers, "MAX_NAMES", 3)
    hostnames = Hostnames(resolve=True)
    for n in range(5):
        await hostnames.name(f"10.0.0.{n}")
    resolver.asked.clear()
    for n in (4, 3, 2, 0):
        await hostnames.name(f"10.0.0.{n}")

    assert resolver.asked == ["10.0.0.0"]
