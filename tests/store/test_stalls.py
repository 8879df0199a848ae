"""Faults that pass, and faults that don't: locks, full disks, damage."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from functools import partial

import pytest
from store.conftest import Running

from collector.errors import StoreError
from collector.store.backlog import Batch
from collector.store.inserter import Inserter
from collector.store.rejects import make_reject
from collector.store.writable import WritableDatabase


@contextmanager
def locked(path) -> Iterator[sqlite3.Connection]:
    """Hold the write lock of a database from another connection."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other
        if other.in_transaction:
            other.execute("ROLLBACK")


async def test_a_lock_is_waited_for(running, make_record, said):
    """While another program holds the lock, records wait; then all are stored."""
    one = await running(batch_records=3)
    await one.script("PRAGMA busy_timeout = 0")
    with locked(one.path):
        one.add(*[make_record(f"m{n}") for n in range(10)])
        one.start()
        await one.until(lambda: one.writer.stalled)
        assert one.writer.stored_total == 0
        assert one.backlog.waiting_records == 10
    await one.finish()

    assert not one.writer.stalled
    assert one.messages() == [f"m{n}" for n in range(10)]
    assert one.writer.stored_total == 10


async def test_a_stall_is_said_once_and_its_end_once(running, make_record, said):
    """However many attempts fail, there is one message, and one when it is over."""
    one = await running()
    await one.script("PRAGMA busy_timeout = 0")
    attempts = []
    await one.trace(attempts.append)
    with locked(one.path):
        one.add(make_record())
        one.start()
        await one.until(lambda: attempts.count("BEGIN IMMEDIATE") >= 3)
        assert len(said) == 1
        assert "locked" in said[0]
    await one.finish()

    assert len(said) == 2
    assert "writing again" in said[1]


async def test_a_second_stall_is_said_again(running, make_record, said):
    """Each stall has its own two messages."""
    one = await running()
    await one.script("PRAGMA busy_timeout = 0")
    one.start()
    for stored in (1, 2):
        with locked(one.path):
            one.add(make_record())
            await one.until(lambda: one.writer.stalled)
        await one.until(lambda stored=stored: one.writer.stored_total == stored)
        await one.until(lambda: not one.writer.stalled)

    assert ["cannot write" in text for text in said] == [True, False, True, False]


async def test_rejects_wait_out_a_lock_too(running, make_record):
    """A batch of records and rejects that met a lock is stored once, whole."""
    one = await running()
    await one.script("PRAGMA busy_timeout = 0")
    reject = make_reject(b"x", received=1.0, peer="", reason="empty", detail="")
    with locked(one.path):
        one.add(make_record())
        one.backlog.add_reject(reject)
        one.start()
        await one.until(lambda: one.writer.stalled)
    await one.finish()

    assert one.rows("SELECT count(*) FROM rejects") == [(1,)]
    assert one.messages() == ["hello"]


@pytest.mark.parametrize("room", [2, 40, 160])
async def test_a_full_disk_keeps_the_batch(running, make_record, said, room):
    """Wherever in a batch the disk fills, all is stored once when there is room."""
    one = await running(batch_records=10_000)
    (pages,) = one.rows("PRAGMA page_count")[0]
    await one.script(f"PRAGMA max_page_count = {pages + room}")
    # Statements of 2048, 512, 128 and 32 rows; room for 160 pages ends in a
    # later one.
    texts = [f"{n:06}" + "x" * 250 for n in range(2720)]
    one.add(*[make_record(text, name=f"logger{text[5]}") for text in texts])
    one.start()
    await one.until(lambda: one.writer.stalled)
    assert one.messages() == []
    assert "full" in said[0]

    await one.script("PRAGMA max_page_count = 1000000")
    await one.finish()

    assert one.messages() == texts
    assert one.writer.stored_total == len(texts)
    assert one.rows("SELECT count(*) FROM records") == [(len(texts),)]
    assert one.rows("PRAGMA integrity_check") == [("ok",)]


async def test_a_stop_gives_up_on_a_stall(running, make_record):
    """give_up ends the attempts; the backlog has all that is not stored."""
    one = await running(batch_records=2)
    await one.script("PRAGMA busy_timeout = 0")
    with locked(one.path):
        one.add(*[make_record() for _ in range(5)])
        one.start()
        await one.until(lambda: one.writer.stalled)
        one.writer.give_up(leave_rest=False)
        with pytest.raises(
            StoreError, match="the stop had no more time: database is locked"
        ):
            await one.finish()

    assert one.backlog.waiting_records == 5
    assert len(one.backlog.take(9).records) == 5
    assert one.messages() == []


async def test_a_writer_that_is_told_early_tries_once(running, make_record):
    """give_up before any trouble does not keep a sound batch from being stored."""
    one = await running()
    one.add(make_record("sound"))
    one.writer.give_up(leave_rest=False)
    await one.finish()

    assert one.messages() == ["sound"]


async def test_a_read_only_database_fails_for_good(running, make_record):
    """SQLITE_READONLY is no passing fault: the writer ends with StoreError."""
    one = await running()
    await one.script("PRAGMA query_only = ON")
    one.add(make_record())
    with pytest.raises(StoreError, match="readonly") as caught:
        await one.finish()

    assert str(one.path) in str(caught.value)
    assert one.backlog.waiting_records == 1


async def test_a_damaged_database_is_replaced(running, make_record, said):
    """It is set aside with its log, and the batch that met it is in a new one."""
    one = await running()
    one.add(*[make_record("x" * 300, name=f"logger{n}") for n in range(500)])
    await one.finish()
    await one.database.finish()
    content = bytearray(one.path.read_bytes())
    content[4096 * 2 :] = b"\xa5" * (len(content) - 4096 * 2)
    one.path.write_bytes(content)

    again = type(one)(WritableDatabase(one.path, synchronous="off"), one.path)
    again.add(make_record("kept"))
    await again.finish()
    await again.database.finish()

    assert again.messages() == ["kept"]
    [damaged] = one.path.parent.glob("*.damaged-*")
    assert damaged.read_bytes() == bytes(content)
    assert len(said) == 1
    assert damaged.name in said[0]


async def test_a_disk_that_damages_everything_ends_it(running, make_record):
    """With ten damaged files beside the database, the writer ends with StoreError."""
    one = await running()
    for number in range(10):
        one.path.with_name(f"{one.path.name}.damaged-{number}").touch()
    await one.database.finish()
    one.path.write_bytes(one.path.read_bytes()[:100] + b"\xa5" * 9000)
    one.add(make_record())
    with pytest.raises(StoreError, match="check the disk"):
        await one.finish()

    assert one.backlog.waiting_records == 1


async def test_a_batch_whose_commit_failed_is_not_stored_twice(running, make_record):
    """What SQLite finds of it when it opens the file again counts as stored."""
    one = await running()
    inserter, batch = Inserter(), Batch([make_record("once")], [], 5)
    for number in (7, 7, 8):
        store = partial(inserter.store, batch=batch, number=number, max_rejects=1)
        await one.database.run(store)

    assert one.messages() == ["once", "once"]


async def test_a_transaction_that_takes_long_is_hung(running, make_record):
    """is_hung tells how long one transaction has been going on."""
    one = await running()
    await one.script("PRAGMA busy_timeout = 20000")
    assert not one.writer.is_hung(0.0)
    with locked(one.path):
        one.add(make_record())
        one.start()
        await one.until(lambda: one.writer.is_hung(0.01))
        assert not one.writer.is_hung(3600.0)
    await one.finish()

    assert not one.writer.is_hung(0.0)


async def test_a_pause_between_attempts_is_no_hang(running, make_record):
    """A stalled writer that waits to try again has no transaction going on."""
    one = await running()
    await one.script("PRAGMA busy_timeout = 0")
    with locked(one.path):
        one.add(make_record())
        one.start()
        # The first pause begins in the same step as the stall.
        await one.until(lambda: one.writer.stalled)
        assert not one.writer.is_hung(0.0)
    await one.finish()


@asynccontextmanager
async def unopened(path) -> AsyncIterator[Running]:
    """A writer whose database could not be opened, as it is locked altogether."""
    database = WritableDatabase(path, synchronous="off")
    await database.open()
    await database.run(lambda c: c.execute("PRAGMA journal_mode = DELETE"))
    await database.close()
    one = Running(database, path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        await one.writer.open()
        assert one.writer.stalled
        yield one
    await database.finish()


async def test_a_database_that_could_not_be_opened_is_tried_again(path, make_record):
    """What was locked at the start is opened as soon as it can be, asked or not."""
    async with unopened(path) as one:
        one.start()
        await asyncio.sleep(0)
    await one.until(lambda: not one.writer.stalled)
    one.add(make_record("later"))
    await one.finish()
    await one.database.finish()

    assert one.messages() == ["later"]


async def test_a_stop_does_not_wait_for_an_attempt(path):
    """With nothing to store, a stop does not wait until a lock is gone."""
    async with unopened(path) as one:
        one.start()
        await asyncio.sleep(0)
        await one.finish()
        assert one.writer.stalled


async def test_a_state_that_can_not_be_read_is_mended(running, make_record, said):
    """A writer that can't read its own state finds out why, without a batch."""
    one = await running()
    await one.script("DROP TABLE writer_state")
    assert not await one.writer.find_state()
    assert one.writer.stalled
    one.start()
    await one.until(lambda: one.task.done())

    with pytest.raises(StoreError, match="writer_state"):
        await one.finish()


async def test_of_a_split_batch_only_what_was_tried_is_unsure(running, make_record):
    """A part that hangs at a stop may come through yet; what is behind it may not."""
    one = await running()
    await one.script(
        "CREATE TRIGGER refuse BEFORE INSERT ON records WHEN new.message = 'bad' "
        "BEGIN SELECT raise(ABORT, 'refused'); END"
    )
    begun, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    attempts = []

    def hold(sql):
        attempts.append(sql)
        # The whole batch, its first half, and the first half of that.
        if attempts.count("BEGIN IMMEDIATE") == 3 and sql == "COMMIT":
            loop.call_soon_threadsafe(begun.set)
            assert go_on.wait(20)

    await one.trace(hold)
    one.add(*map(make_record, ["first", "bad", "third", "fourth"]))
    one.start()
    await asyncio.wait_for(begun.wait(), 20)
    one.writer.abandon()
    number, count = one.writer.unsure_batch
    kept = [record.message for record in one.backlog.take(9).records]
    go_on.set()
    await one.until(lambda: one.writer.refused_total == 1)
    await one.trace(None)

    assert number
    assert count == 1
    assert kept == ["first", "bad", "third", "fourth"]
