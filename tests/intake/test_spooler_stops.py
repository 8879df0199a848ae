"""Ends and starts of the store: what a run leaves is stored by the next, once."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from intake.spooling import Spooling, locked, numbers, payload

from collector.errors import StoreError
from collector.store.segments import encoded
from collector.store.spool import Spool


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
        await run.until(lambda: not run.overflow.pending_bytes)
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
        await run.until(lambda: not run.overflow.pending_bytes)
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


def on_the_spool_of(run):
    """Return a run of another database on the same spool."""

    def make_spool(folder, **options):
        return Spool(run.folder, **options)

    return Spooling(run.path.with_name("second.sqlite"), make_spool=make_spool)


async def test_a_stop_without_a_spool_of_its_own(begin, said):
    """Where the spool turns out to be another's, the stop says what is lost."""
    other = await begin()
    run = on_the_spool_of(other)
    await run.writer.open()
    run.overflow.start("a test")
    run.take("lost")
    assert not await run.spooler.finish([])
    await run.database.finish()

    assert "another logcollector uses this spool" in said[-1]


async def test_a_spool_in_use_is_refused(begin):
    """Two runs on one spool are a mistake that is told at the start."""
    run = await begin()
    second = on_the_spool_of(run)
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


async def test_what_is_stored_before_the_spool_is_found(begin, path_in_rollback_mode):
    """A batch that may be stored is not stored twice, whatever is stored before."""
    database = path_in_rollback_mode
    spool = Spool(Path(f"{database}-spool"), max_bytes=1 << 30, reserve_bytes=0)
    spool.open()
    unsure, sure = [
        [encoded(payload(text), 1.0, "p", "h") for text in texts]
        for texts in (["stored", "too"], ["not stored"])
    ]
    spool.put_first(unsure, 777, sure)
    spool.close()
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("UPDATE writer_state SET batch = 777")
        other.execute("BEGIN EXCLUSIVE")
        run = await begin()
        run.receiver.receive(b"nonsense", "10.0.0.8", "web8")
        other.execute("ROLLBACK")
    await run.settle()

    assert run.messages() == ["not stored"]
    assert run.receiver.recovered_total == 1
