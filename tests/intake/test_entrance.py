"""The entrance: accepts while there is room, and keeps others waiting unharmed."""

import asyncio
import os
import resource
import socket
from contextlib import contextmanager
from pathlib import Path

import pytest

from collector.intake import entrance as module
from collector.intake.descriptors import (
    descriptors_for_peers,
    open_descriptors,
)
from collector.intake.entrance import Entrance
from collector.intake.sockets import BACKLOG


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request):
    """Runs a coroutine on each loop in turn."""
    factory = asyncio.new_event_loop
    if request.param == "uvloop":
        factory = pytest.importorskip("uvloop").new_event_loop

    def run(coroutine):
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(asyncio.wait_for(coroutine, 30))

    return run


@pytest.fixture
def bound():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


class Guests:
    """Serves connections until they end, and notes what they say."""

    def __init__(self) -> None:
        self.said = []

    async def serve(self, reader, writer) -> None:
        while line := await reader.readline():
            self.said.append(line.decode().strip())
        writer.close()


def connect(bound, line):
    client = socket.create_connection(bound.getsockname(), 10)
    client.sendall(f"{line}\n".encode())
    return client


async def until(condition):
    while not condition():
        await asyncio.sleep(0.005)


def test_no_more_than_the_cap(run, bound):
    """The cap holds, and those beyond it are neither lost nor ended."""

    async def main():
        guests = Guests()
        entrance = Entrance([(bound, guests.serve)], max_connections=3)
        await entrance.start()
        clients = []
        for n in range(3):
            clients.append(connect(bound, n))
            await until(lambda n=n: len(guests.said) == n + 1)
        assert entrance.is_full
        clients += [connect(bound, n) for n in range(3, 20)]
        most = 0
        for client in clients:
            most = max(most, entrance.inside)
            client.close()
            await asyncio.sleep(module.CLOSED_SECONDS / 2)
        await until(lambda: len(guests.said) == 20)
        assert guests.said[:3] == ["0", "1", "2"]
        assert sorted(map(int, guests.said)) == list(range(20))
        assert most == 3
        await until(lambda: not entrance.is_full and not entrance.inside)
        assert entrance.accepted_total == 20
        await entrance.close()

    run(main())


def test_a_burst_beyond_the_cap(run, bound):
    """However many come at once, no more are let in than the cap."""

    async def main():
        guests = Guests()
        entrance = Entrance([(bound, guests.serve)], max_connections=5)
        clients = [connect(bound, n) for n in range(100)]
        await entrance.start()
        await until(lambda: entrance.is_full)
        await asyncio.sleep(4 * module.CLOSED_SECONDS)
        assert entrance.inside == 5
        assert len(guests.said) == entrance.inside
        for client in clients:
            client.close()
        await until(lambda: len(guests.said) == 100)
        await entrance.close()

    run(main())


@contextmanager
def few_descriptors(room):
    """Let this process open so many more descriptors, about."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(name) for name in os.listdir("/dev/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_descriptors_that_others_take(run, bound, said):
    """It is full when others use up the descriptors, and opens when they are free."""

    async def main():
        guests = Guests()
        entrance = Entrance([(bound, guests.serve)], max_connections=10_000)
        await entrance.start()
        first = connect(bound, "first")
        await until(lambda: guests.said == ["first"])
        files = [
            os.open(os.devnull, os.O_RDONLY)
            for _ in range(descriptors_for_peers(1) - open_descriptors())
        ]
        clients = [connect(bound, n) for n in range(5)]
        await until(lambda: entrance.is_full)
        # No descriptor has become free, so looking again changes nothing.
        await asyncio.sleep(module.RETRY_SECONDS + 0.2)
        assert entrance.is_full
        assert len(guests.said) < 6
        for file in files:
            os.close(file)
        # Nobody has left: it finds out by itself.
        await until(lambda: len(guests.said) == 6)
        for client in (first, *clients):
            client.close()
        await until(lambda: not entrance.inside)
        await entrance.close()

    with few_descriptors(80):
        run(main())

    assert "would use up the descriptors" in said[0]
    assert said[1] == "connections are accepted again"
    assert len(said) == 2


def test_the_queue_keeps_its_length(run, bound):
    """However few are accepted at a time, thousands may wait in the kernel."""
    if int(Path("/proc/sys/net/core/somaxconn").read_text()) < BACKLOG:
        pytest.skip("the system allows no longer queues")

    async def main():
        entrance = Entrance([(bound, Guests().serve)], max_connections=1)
        await entrance.start()
        clients = [connect(bound, "in")]
        await until(lambda: entrance.is_full)
        clients += [connect(bound, n) for n in range(500)]
        await entrance.close()
        for client in clients:
            client.close()

    run(main())


def test_a_close_closes_the_sockets(run, bound):
    """After it nobody can connect, on any of the sockets."""

    async def main():
        guests = Guests()
        with socket.create_server(("127.0.0.1", 0)) as other:
            other.setblocking(False)
            doors = [(bound, guests.serve), (other, guests.serve)]
            addresses = [each.getsockname() for each, _ in doors]
            entrance = Entrance(doors, max_connections=10)
            await entrance.start()
            for each, _ in doors:
                connect(each, "in").close()
            await until(lambda: guests.said == ["in", "in"])
            await entrance.close()
            for address in addresses:
                with pytest.raises(ConnectionRefusedError):
                    socket.create_connection(address, 5)

    run(main())
