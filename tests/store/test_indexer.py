"""The indexer follows the writer, gives way to it, and outlives faults that pass."""

import asyncio
import sqlite3
import threading
from contextlib import asynccontextmanager, closing
from hashlib import sha512

import pytest
from store.stored import reading

from collector.query.tree import Text
from collector.store import indexer, search_index
from collector.store.indexer import Indexer
from collector.store.search import Search
from collector.store.search_index import index_some, remaining

UNLIMITED = "PRAGMA max_page_count = 1073741823"


@pytest.fixture(autouse=True)
def small_steps(monkeypatch):
    """A few records are worth a step, and a fault is tried again at once."""
    monkeypatch.setattr(indexer, "ENOUGH_RECORDS", 10)
    monkeypatch.setattr(indexer, "STEP_RECORDS", 25)
    monkeypatch.setattr(indexer, "RETRY_SECONDS", 0)


@asynccontextmanager
async def indexing(one):
    """Run an indexer of a database; cancel it at the end if it still runs."""
    made = Indexer(one.database, backlog=one.backlog, writer=one.writer)
    task = asyncio.create_task(made.run())
    try:
        yield made, task
    finally:
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled() or task.exception() is None


def indexed_id(one):
    return one.rows("SELECT indexed_id FROM search_state")[0][0]


def needles(one):
    """Return the ids that the index itself has, each entry."""
    return [
        row[0]
        for row in one.rows(
            "SELECT rowid FROM search_0 WHERE search_0 MATCH '\"nee\"' ORDER BY rowid"
        )
    ]


def found(one):
    with reading(one.path) as reader:
        return list(Search(reader, Text("needle")).ids(newest_first=False))


async def done_so_far(one):
    """Wait until SQLite's thread has done what it was given, and all know."""
    for _ in range(5):
        await one.database.run(lambda connection: None)


async def stored(one, make_record, number):
    """Store so many records, with the writer running."""
    if one.task is None:
        one.start()
    total = one.writer.stored_total + number
    one.add(*[make_record(f"needle {n}") for n in range(number)])
    await one.until(lambda: one.writer.stored_total == total)


async def test_what_the_writer_stores_is_indexed(running, make_record):
    """Records are indexed once each soon after they are stored."""
    one = await running(batch_records=30)
    async with indexing(one) as (made, _):
        for number in (100, 40, 1, 60):
            await stored(one, make_record, number)
            await one.until(lambda: made.lag_records < 10)
        await one.until(lambda: indexed_id(one) > 190)
    await one.finish()

    assert needles(one) == list(range(1, indexed_id(one) + 1))
    assert found(one) == list(range(1, 202))


async def test_what_an_earlier_run_left_is_indexed(running, make_record):
    """Records that were stored without an indexer are indexed by the next."""
    one = await running()
    await stored(one, make_record, 130)
    async with indexing(one) as (made, _):
        await one.until(lambda: indexed_id(one) == 125)
        await one.until(lambda: made.lag_records == 5)

    assert needles(one) == list(range(1, 126))
    assert found(one) == list(range(1, 131))


async def test_a_few_records_are_left_to_scans(running, make_record):
    """Less than enough is not indexed, but counted, and found."""
    one = await running()
    async with indexing(one) as (made, _):
        await stored(one, make_record, 9)
        await one.until(lambda: made.lag_records == 9)
        await done_so_far(one)
        assert indexed_id(one) == 0
        assert found(one) == list(range(1, 10))
        await stored(one, make_record, 1)
        await one.until(lambda: indexed_id(one) == 10)


async def test_a_loaded_writer_is_left_alone(running, make_record):
    """Nothing is indexed while full batches follow each other, all of it after."""
    one = await running(batch_records=30)
    one.writer.is_loaded = True
    one.add(*[make_record("needle") for _ in range(5)])
    with closing(sqlite3.connect(one.path)) as other:
        other.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 50) "
            "INSERT INTO records (created, delay_ms, call_site_id, origin_id, message) "
            "SELECT 1.0, 0, 1, 1, 'needle' FROM n"
        )
        other.commit()
    async with indexing(one) as (made, _):
        await one.until(lambda: made.lag_records == 50)
        await done_so_far(one)
        assert indexed_id(one) == 0
        assert made.lag_records == 50
        # A batch that is not full ends the load.
        one.start()
        await one.until(lambda: indexed_id(one) == 50)
    await one.finish()


async def test_the_lag_is_how_many_records_are_not_indexed(running, make_record):
    """What is stored beside a step, before or after it, is counted once."""
    one = await running(batch_records=20, flush_interval_seconds=0)
    async with indexing(one) as (made, _):
        await done_so_far(one)
        # A full batch, and one that is in SQLite's thread before the step is.
        await stored(one, make_record, 24)
        await one.until(lambda: indexed_id(one) == 24)
        await done_so_far(one)
        assert made.lag_records == 0
        await stored(one, make_record, 3)
        await done_so_far(one)
        assert made.lag_records == 3
    await one.finish()


async def test_the_lag_is_right_whatever_the_sizes_of_batches(running, make_record):
    """In between, and at the end, it is what the database says."""
    one = await running(batch_records=16, flush_interval_seconds=0)
    async with indexing(one) as (made, _):
        for number in (5, 40, 17, 33, 1, 1, 64, 9):
            await stored(one, make_record, number)
            await done_so_far(one)
            await one.until(
                lambda: (
                    not one.backlog.waiting_records and not one.writer.stored.is_set()
                )
            )
            await done_so_far(one)
            left = await one.database.run(remaining)
            await done_so_far(one)
            if left < 10:
                assert made.lag_records == left
    await one.finish()


async def test_a_lock_is_waited_for(running, make_record, said):
    """While another program holds the lock, steps are tried again and again."""
    one = await running()
    await one.script("PRAGMA busy_timeout = 0")
    await stored(one, make_record, 40)
    attempts = []
    async with indexing(one) as (_, task):
        await one.until(lambda: indexed_id(one) == 40)
        with closing(sqlite3.connect(one.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            other.execute(
                "INSERT INTO records (created, delay_ms, call_site_id, origin_id, "
                "message) SELECT 1.0, 0, 1, 1, 'needle' FROM records"
            )
            await one.trace(attempts.append)
            # As if the writer had just stored these.
            one.writer.stored_total += 40
            one.writer.stored.set()
            await one.until(lambda: attempts.count("BEGIN IMMEDIATE") >= 3)
            assert not task.done()
            other.execute("COMMIT")
        await one.until(lambda: indexed_id(one) == 80)
    await one.trace(None)

    assert said == []
    assert needles(one) == list(range(1, 81))


async def test_a_lock_at_the_start_is_waited_for(running, make_record, said):
    """An index that can't be made yet is made when that is possible."""
    one = await running()
    await one.script("PRAGMA busy_timeout = 0")
    await stored(one, make_record, 40)
    attempts = []
    await one.trace(attempts.append)
    with closing(sqlite3.connect(one.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with indexing(one):
            await one.until(lambda: attempts.count("BEGIN IMMEDIATE") >= 3)
            other.execute("ROLLBACK")
            await one.until(lambda: indexed_id(one) == 40)
    await one.trace(None)

    assert said == []


async def test_a_full_database_is_waited_for(running, make_record, said):
    """When there is room again, indexing goes on where it was."""
    one = await running()
    one.start()
    texts = [f"needle {sha512(bytes([n])).hexdigest()}" for n in range(200)]
    one.add(*map(make_record, texts))
    await one.until(lambda: one.writer.stored_total == 200)
    [(pages,)] = one.rows("PRAGMA page_count")
    await one.script(f"PRAGMA max_page_count = {pages}")
    attempts = []
    await one.trace(attempts.append)
    async with indexing(one) as (_, task):
        await one.until(
            lambda: attempts.count("BEGIN IMMEDIATE") >= attempts.count("COMMIT") + 3
        )
        assert not task.done()
        assert indexed_id(one) < 200
        await one.trace(None)
        await one.script(UNLIMITED)
        await one.until(lambda: indexed_id(one) == 200)

    assert said == []
    assert needles(one) == list(range(1, 201))


async def test_want_of_memory_is_waited_out(running, make_record, said, monkeypatch):
    """When SQLite finds no memory, it is tried again, as by the writer."""
    one = await running()
    await stored(one, make_record, 50)
    faults = [MemoryError(), MemoryError()]

    def step(connection, records):
        if faults:
            raise faults.pop()
        return index_some(connection, records)

    monkeypatch.setattr(indexer, "index_some", step)
    async with indexing(one) as (_, task):
        await one.until(lambda: task.done() or indexed_id(one) == 50)

    assert said == []
    assert indexed_id(one) == 50


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("DROP TABLE search_0", "no such table"),
        ("DELETE FROM search_0_data", "malformed"),
    ],
)
async def test_other_faults_are_said_once(running, make_record, said, fault, reason):
    """An index that is beyond it is given up; records are stored and found still."""
    one = await running()
    async with indexing(one):
        await stored(one, make_record, 20)
        await one.until(lambda: indexed_id(one) == 20)
        with closing(sqlite3.connect(one.path, isolation_level=None)) as other:
            other.execute(fault)
        await stored(one, make_record, 20)
        await one.until(lambda: bool(said))
        await stored(one, make_record, 1)
    await one.finish()

    assert len(said) == 1
    assert str(one.path) in said[0]
    assert reason in said[0]
    assert "reindex" in said[0]
    assert one.rows("SELECT count(*) FROM records") == [(41,)]


async def test_an_sqlite_without_trigrams_is_said_once(
    running, make_record, said, monkeypatch
):
    """Without an index the daemon goes on, and searches scan."""
    monkeypatch.setattr(
        search_index, "_CREATE", search_index._CREATE.replace("fts5", "fts99")
    )
    one = await running()
    async with indexing(one) as (made, task):
        await asyncio.wait_for(asyncio.shield(task), 20)
        await stored(one, make_record, 20)

    assert ["trigram" in text for text in said] == [True]
    assert made.lag_records == 0
    assert found(one) == list(range(1, 21))


@pytest.mark.parametrize("turns", range(12))
async def test_it_may_be_cancelled_at_any_time(running, make_record, turns):
    """After however many turns of the loop: nothing is lost, or there twice."""
    one = await running(batch_records=20)
    await stored(one, make_record, 60)
    async with indexing(one) as (_, task):
        for _ in range(turns):
            await one.database.run(lambda connection: None)
        task.cancel()
    await stored(one, make_record, 60)
    async with indexing(one):
        await one.until(lambda: indexed_id(one) == 120)
    await one.finish()

    assert needles(one) == list(range(1, 121))


async def test_it_may_be_cancelled_within_a_step(running, make_record):
    """A step that was under way when it was cancelled is done whole, or not at all."""
    one = await running()
    await stored(one, make_record, 60)
    begun, go_on = threading.Event(), threading.Event()

    def hold(sql):
        if sql.lstrip().startswith("INSERT INTO search_0 "):
            begun.set()
            assert go_on.wait(20)

    await one.trace(hold)
    async with indexing(one) as (_, task):
        await asyncio.to_thread(begun.wait, 20)
        task.cancel()
        await asyncio.wait({task})
        go_on.set()
    await one.trace(None)

    assert indexed_id(one) in {0, 25}
    await one.database.run(lambda connection: index_some(connection, 99))
    assert needles(one) == list(range(1, 61))
    await one.finish()
