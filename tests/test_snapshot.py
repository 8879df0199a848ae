"""What a daemon's parts tell, as one value."""

import asyncio
import pickle
import re
import struct

import pytest

from collector.config import load_settings
from collector.service import Service
from collector.snapshot import FREE_BYTES, find_problems

WELL = {
    "writer_fault": "",
    "writer_hung": False,
    "spooling": False,
    "spool_fault": "",
    "spool_hung": False,
    "shedding": False,
    "crowded": False,
    "free_bytes": None,
}


@pytest.mark.parametrize(
    ("found", "names"),
    [
        ({}, []),
        ({"free_bytes": FREE_BYTES}, []),
        ({"free_bytes": FREE_BYTES - 1}, ["disk_full"]),
        ({"writer_fault": "locked"}, ["writer_stalled"]),
        ({"writer_hung": True}, ["writer_stalled"]),
        ({"spooling": True}, ["spooling"]),
        ({"spool_fault": "full"}, ["degraded"]),
        ({"spool_hung": True}, ["degraded"]),
        (
            {
                **dict.fromkeys(WELL, True),
                "writer_fault": "locked",
                "spool_fault": "full",
                "free_bytes": 0,
            },
            [
                "writer_stalled",
                "disk_full",
                "spooling",
                "degraded",
                "shedding",
                "crowded",
            ],
        ),
    ],
)
def test_problems(found, names):
    """Each has its name once, and words that go into a line."""
    problems = find_problems(**{**WELL, **found})

    assert [problem.name for problem in problems] == names
    assert all(problem.text and "\n" not in problem.text for problem in problems)


def frame(message):
    attributes = {"name": "a", "msg": message, "levelno": 20, "levelname": "INFO"}
    data = pickle.dumps(attributes, 1)
    return struct.pack(">L", len(data)) + data


@pytest.fixture
async def run_service(tmp_path):
    """Runs services in this loop; each is ready when it is returned."""
    running = []

    async def run(*, summary_seconds=60.0, **settings):
        flags = {"port": 0, "db": str(tmp_path / "logs.sqlite"), "emit": "none"}
        service = Service(
            load_settings(flags={**flags, **settings}),
            environment={},
            summary_seconds=summary_seconds,
        )
        ready = asyncio.Event()
        running.append((service, asyncio.create_task(service.run(ready.set))))
        await asyncio.wait(
            {running[-1][1], asyncio.create_task(ready.wait())},
            return_when=asyncio.FIRST_COMPLETED,
        )
        return service

    yield run
    for service, task in running:
        service.stop()
        await task


async def send(service, data):
    _, writer = await asyncio.open_connection("127.0.0.1", service.addresses[0].port)
    writer.write(data)
    await writer.drain()
    return writer


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def test_before_the_start(tmp_path):
    """A service that does not run yet says so, and nothing else."""
    service = Service(load_settings(flags={"db": "x"}), environment={})
    status = service.snapshot()

    assert (status.state, status.problems, status.database) == ("starting", (), "")
    assert not status.is_well


async def test_a_service_at_work(run_service, tmp_path):
    """What came, was stored, rejected and shown; sizes, times, addresses."""
    service = await run_service(emit=str(tmp_path / "lines.txt"))
    assert service.snapshot().last_commit_age_seconds is None
    writer = await send(service, frame("one") + frame("two") + b"\0\0\0\1{")
    # Lines are written in a thread, and what is stored is told at once.
    await until(lambda: service.snapshot().emitted_total == 2)
    await until(lambda: service.snapshot().stored_total == 2)
    await until(lambda: service.snapshot().index_lag_records == 2)
    status = service.snapshot()

    assert status.is_well
    assert status.addresses == tuple(map(str, service.addresses))
    assert status.connections == 1
    assert status.received_total == 3
    assert list(status.rejected_total.values()) == [1]
    assert status.shed_total == {}
    assert (status.waiting_records, status.waiting_bytes) == (0, 0)
    assert status.database == str(tmp_path / "logs.sqlite")
    assert status.database_bytes + status.wal_bytes > 4096
    assert status.commits.total >= 1
    assert 0 < status.commits.sum_seconds < status.uptime_seconds
    assert status.last_commit_age_seconds < status.uptime_seconds
    writer.close()


async def test_without_a_database(run_service):
    """A service that stores nothing has nothing to say of storing."""
    service = await run_service(db="")
    writer = await send(service, frame("one"))
    await until(lambda: service.snapshot().received_total == 1)
    status = service.snapshot()

    assert status.is_well
    assert (status.database, status.stored_total, status.commits.total) == ("", 0, 0)
    writer.close()


async def test_lines_of_earlier_outputs_count(run_service, tmp_path):
    """A reload changes the output, and no counter falls."""
    service = await run_service(emit=str(tmp_path / "lines.txt"))
    writer = await send(service, frame("one"))
    await until(lambda: service.snapshot().emitted_total == 1)
    for _ in range(3):
        service.reload()
        await asyncio.sleep(0.02)
        assert service.snapshot().emitted_total == 1
    writer.write(frame("two"))
    await until(lambda: service.snapshot().emitted_total == 2)
    writer.close()


async def test_a_summary_when_something_came(run_service, said):
    """What came is said once, within the interval; while nothing comes, nothing is."""

    def told(what):
        lines = [line for line in said if line.startswith("in ")]
        return [int(n) for n in re.findall(rf"(\d+) {what}", "\n".join(lines))]

    service = await run_service(summary_seconds=0.05)
    await asyncio.sleep(0.2)
    assert told("received") == []

    writer = await send(service, frame("one") * 10)
    await until(lambda: sum(told("stored")) == 10)
    assert sum(told("received")) == 10
    writer.close()
