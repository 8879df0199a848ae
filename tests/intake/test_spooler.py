"""The spooler: what the database can't take waits on disk, in order and counted."""

import asyncio
import errno
import json
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from intake.spooling import Spooling, locked

from collector.errors import StoreError
from collector.store.segments import START_BYTES
from collector.store.spool import Spool


def numbers(count: int, start: int = 0) -> list[str]:
    return [str(number) for number in range(start, start + count)]


@pytest.fixture
async def begin(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Begins runs on one database and spool, each after the one before."""
    runs: list[Spooling] = []

    async def start(database: Path = tmp_path / "logs.sqlite", **how: Any) -> Spooling:
        runs.append(Spooling(database, **how))
        return await runs[-1].start()

    yield start
    for run in runs:
        await run.stop(patient=False)


async def test_nothing_is_lost_while_the_database_is_locked(begin, said):
    """More than memory holds waits on disk, and is stored after, all in order."""
    run = await begin()
    with locked(run.path):
        await run.stall()
        run.take(*numbers(500))
        await run.until(lambda: not run.overflow.pending)
        assert run.spooler.waiting_records == 500
        assert run.backlog.waiting_records == 1
        assert list(run.folder.glob("*.frames"))
        assert run.is_balanced
    run.take(*numbers(500, start=500))
    await run.settle()
    run.take("after")
    await run.settle()

    assert run.messages() == ["stalled", *numbers(1000), "after"]
    assert run.is_balanced
    assert run.writer.stored_total == 1002
    assert [text for text in said if "go to the spool" in text] == [
        "the database cannot be written: records go to the spool"
    ]
    await run.stop()
    assert not run.folder.exists()


async def test_the_end_of_a_spill(begin):
    """Once the spool is read its files are gone, and records go to memory again."""
    run = await begin()
    with locked(run.path):
        await run.stall()
        run.take(*numbers(10))
    await run.settle()
    spilled = run.overflow.spilled_total
    assert not list(run.folder.iterdir())
    run.take("direct")

    assert run.backlog.waiting_records == 1
    assert run.overflow.spilled_total == spilled == 10


async def test_memory_that_is_full_spills(begin):
    """Records beyond the bound go to disk also where the writer is only slow."""
    run = await begin(high_records=5)
    run.take(*numbers(300))
    assert run.overflow.active
    assert run.is_balanced
    assert not run.receiver.is_full
    await run.settle()

    assert run.messages() == numbers(300)


async def test_accounts_balance_at_every_step(begin):
    """Whatever comes, and wherever it is, no record is counted twice or not at all."""
    run = await begin(high_records=5, max_bytes=20_000)
    with locked(run.path):
        await run.stall()
        for number in range(400):
            run.take(str(number))
            run.receiver.receive(b"nonsense", "10.0.0.8", "web8")
            assert run.is_balanced
            if not number % 100:
                await run.until(lambda: not run.overflow.pending)
                assert run.is_balanced
    while not run.spooler.is_idle or run.overflow.active:
        await asyncio.sleep(0)
        assert run.is_balanced
    await run.settle()

    assert run.is_balanced
    assert run.receiver.rejected_total.total() == 400
    assert run.receiver.shed_total["spool_full"] > 0
    assert run.receiver.received_total == 802


async def test_what_is_shed_is_told_by_one_record(begin, said):
    """Beyond the bound of the spool the newest are shed, and one record says so."""
    run = await begin(max_bytes=20_000)
    with locked(run.path):
        await run.stall()
        run.seconds = 100.0
        run.take(*numbers(1000))
        await run.until(lambda: not run.overflow.pending)
        shed = run.receiver.shed_total["spool_full"]
        assert 0 < shed < 1000
        assert run.spool.size_bytes <= 20_000 + START_BYTES
        run.seconds = 107.5
    await run.settle()
    await run.stop()

    *stored, told = run.messages()
    assert stored == ["stalled", *numbers(1000 - shed)]
    assert told == f"{shed} records were shed in 7.5 s, as there was no room"
    assert run.is_balanced
    assert run.receiver.shed_by_peer_total == Counter({"10.0.0.7": shed})


async def test_a_stop_while_records_are_shed_tells_it(begin):
    """What was shed before a stop is told by the next run's records."""
    run = await begin(max_bytes=20_000)
    with locked(run.path):
        await run.stall()
        run.take(*numbers(1000))
        shed = run.receiver.shed_total["spool_full"]
        assert shed
        await run.stop(patient=False)
    run = await begin()
    await run.settle()

    stored = run.messages()
    assert stored[:-1] == ["stalled", *numbers(1000 - shed)]
    assert stored[-1].startswith(f"{shed} records were shed in ")


async def test_a_stop_leaves_what_waits_for_the_next_start(begin):
    """What a stop could not store is stored at the next start, counted apart."""
    run = await begin(high_records=30)
    with locked(run.path):
        await run.stall()
        run.take(*numbers(200))
        await run.stop(patient=False)
        assert run.kept
    assert run.messages() == []
    run = await begin()
    run.take("new")
    await run.settle()

    assert run.messages() == ["stalled", *numbers(200), "new"]
    assert run.receiver.recovered_total == 201
    assert run.receiver.received_total == 1
    assert run.is_balanced


async def test_stops_again_and_again(begin):
    """However often the database stays locked, nothing is lost, doubled or turned."""
    expected = []
    run = await begin()
    for turn in range(6):
        with locked(run.path):
            # By the second time the first records come from the spool.
            run.take(str(turn))
            await run.until(lambda run=run: run.writer.stalled)
            run.take(*[f"{turn}.{number}" for number in range(30)])
            expected += [str(turn), *[f"{turn}.{number}" for number in range(30)]]
            await run.stop(patient=False)
            assert run.kept
            run = Spooling(run.path)
            if turn < 5:
                await begin_again(run)
                continue
        run = await begin()
    await run.settle()

    assert run.messages() == expected
    assert run.receiver.recovered_total == len(expected)
    assert run.is_balanced


async def begin_again(run: Spooling) -> None:
    """Start a run while somebody holds the lock."""
    await run.start()
    await run.until(lambda: run.writer.stalled)


@pytest.mark.parametrize("stored", [1, 60, 150])
async def test_a_death_while_the_spool_is_read(begin, stored):
    """What is stored is not stored again, and what is not is, in order."""
    run = await begin()
    with locked(run.path):
        await run.stall()
        run.take(*numbers(200))
        await run.until(lambda: not run.overflow.pending)
    await run.until(lambda: run.writer.stored_total >= stored)
    await run.die()
    again = await begin()
    await again.settle()

    assert again.messages() == ["stalled", *numbers(200)]
    assert again.is_balanced


async def test_another_database_takes_all(begin, tmp_path):
    """A database that knows another spool's later place gets every record."""
    run = await begin()
    with locked(run.path):
        await run.stall()
        run.take(*numbers(100))
        await run.stop(patient=False)
    other = await begin(tmp_path / "other.sqlite")
    await other.stop()
    with closing(sqlite3.connect(other.path, isolation_level=None)) as connection:
        connection.execute("UPDATE writer_state SET spool_segment = (1 << 62) - 1")
    other = Spooling(other.path)
    run.folder.rename(other.folder)
    await other.start()
    await other.settle()
    await other.stop()

    assert other.messages() == ["stalled", *numbers(100)]
    assert other.receiver.recovered_total == 101


async def test_a_database_that_is_locked_at_the_start(begin, path_in_rollback_mode):
    """What comes while it can't be opened is stored as soon as it can."""
    with closing(sqlite3.connect(path_in_rollback_mode, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        run = await begin()
        assert run.writer.stalled
        run.take(*numbers(100))
        await run.until(lambda: not run.overflow.pending)
        other.execute("ROLLBACK")
    await run.settle()

    assert run.messages() == numbers(100)
    assert run.is_balanced


@pytest.fixture
async def path_in_rollback_mode(begin, tmp_path: Path) -> Path:
    """A database whose lock keeps everybody out, readers too."""
    run = await begin()
    await run.stop()
    with closing(sqlite3.connect(run.path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    return run.path


async def test_a_damaged_segment_is_counted(begin, said):
    """Frames that the disk spoilt are lost, counted, and the spill ends."""
    run = await begin()
    with locked(run.path):
        await run.stall()
        run.take(*numbers(10))
        await run.until(lambda: not run.overflow.pending)
        [segment] = run.folder.glob("*.frames")
        data = bytearray(segment.read_bytes())
        data[-1] ^= 1
        segment.write_bytes(data)
    await run.settle()

    assert run.messages() == ["stalled", *numbers(9)]
    assert run.receiver.shed_total == Counter({"spool_damaged": 1})
    assert run.is_balanced
    assert run.spooler.waiting_records == 0


class Refusing(Spool):
    """A spool whose disk refuses what is in `refused`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.refused = {"append"}

    def _refuse(self, what: str) -> None:
        if what in self.refused:
            raise OSError(errno.ENOSPC, "No space left on device")

    def open(self) -> None:
        self._refuse("open")
        super().open()

    def append(self, frames: list[bytes]) -> None:
        self._refuse("append")
        super().append(frames)

    def forget(self, position: Any) -> None:
        self._refuse("forget")
        super().forget(position)


@pytest.mark.parametrize("refused", ["append", "open"])
async def test_the_spool_is_full_and_the_database_works(begin, said, refused):
    """What the spool's disk refuses waits in memory, then goes to the database."""
    run = await begin(make_spool=Refusing)
    await run.settle()
    run.spool.refused = {refused, "append"}
    with locked(run.path):
        await run.stall()
        run.take(*numbers(500))
        await run.until(lambda: run.spooler.fault)
        assert run.is_balanced
        assert run.overflow.pending_bytes > 0
    await run.settle()

    assert run.messages() == ["stalled", *numbers(500)]
    assert run.is_balanced
    assert not run.receiver.shed_total
    assert len([text for text in said if "records wait in memory" in text]) == 1


async def test_a_spool_that_can_be_written_again(begin, said):
    """What waited in memory for the spool's disk goes there once it can."""
    run = await begin(make_spool=Refusing)
    with locked(run.path):
        await run.stall()
        run.take(*numbers(100))
        await run.until(lambda: run.spooler.fault)
        run.spool.refused.clear()
        await run.until(lambda: not run.overflow.pending_bytes)
        assert not run.spooler.fault
    await run.settle()

    assert run.messages() == ["stalled", *numbers(100)]


async def test_a_spool_that_could_not_be_opened_at_the_start(begin, tmp_path):
    """An earlier run's records are stored too when its spool is found late."""
    run = await begin()
    with locked(run.path):
        await run.stall()
        run.take("early")
        await run.stop(patient=False)
    late = Spooling(run.path, make_spool=Refusing)
    late.spool.refused = {"open"}
    await late.start()
    late.take("direct")
    await late.until(lambda: late.writer.stored_total == 1)
    with locked(run.path):
        late.take("in memory")
        await late.until(lambda: late.writer.stalled)
        late.take(*numbers(10))
        late.spool.refused.clear()
        await late.until(lambda: not late.overflow.pending_bytes)
        await late.stop(patient=False)
        assert late.kept
    last = await begin()
    await last.settle()

    stored = last.messages()
    assert stored[:3] == ["direct", "stalled", "early"]
    assert sorted(stored[3:]) == sorted(["in memory", *numbers(10)])


async def test_a_disk_that_refuses_to_forget(begin, said):
    """A file that can't be removed is said once, and holds up nothing for long."""
    run = await begin(make_spool=Refusing)
    run.spool.refused = {"forget"}
    with locked(run.path):
        await run.stall()
        run.take(*numbers(100))
        await run.until(lambda: not run.overflow.pending)
    await run.until(lambda: run.writer.stored_total == 101)
    run.spool.refused.clear()
    await run.settle()

    assert run.messages() == ["stalled", *numbers(100)]
    assert len([text for text in said if "trying again" in text]) == 2


async def test_a_stop_that_can_not_keep_all(begin, said):
    """Where neither takes it, the stop says that records are lost."""
    run = await begin(make_spool=Refusing)
    with locked(run.path):
        await run.stall()
        run.take(*numbers(10))
        await run.stop(patient=False)

    assert not run.kept


async def test_a_stop_without_a_spool_of_its_own(begin, said):
    """Where the spool turns out to be another's, the stop says what is lost."""
    other = await begin()
    run = Spooling(other.path)
    await run.writer.open()
    run.overflow.start("a test")
    run.take("lost")
    assert not await run.spooler.finish([])
    await run.database.finish()

    assert "another logcollector uses this spool" in said[-1]


async def test_a_spool_in_use_is_refused(begin):
    """Two runs on one spool are a mistake that is told at the start."""
    run = await begin()
    second = Spooling(run.path)
    await second.writer.open()
    with pytest.raises(StoreError, match="another logcollector uses this spool"):
        await second.spooler.open()
    await second.database.finish()


async def test_extra_attributes_survive_a_stop(begin):
    """A record that was decoded before a stop is the same one after it."""
    run = await begin()
    sent = {"msg": "m", "user": {"id": 42}, "ratio": 0.5, "levelno": 40}
    with locked(run.path):
        run.receiver.receive(json.dumps(sent).encode(), "10.0.0.7", "web7")
        await run.until(lambda: run.writer.stalled)
        await run.stop(patient=False)
    run = await begin()
    await run.settle()

    with closing(sqlite3.connect(run.path)) as reader:
        columns = "message, levelno, extra, peer, hostname, received"
        [row] = reader.execute(f"SELECT {columns} FROM logs").fetchall()
    assert row[:2] == ("m", 40)
    assert json.loads(row[2]) == {"user": {"id": 42}, "ratio": 0.5}
    assert row[3:] == ("10.0.0.7", "web7", 1_700_000_000.0)
