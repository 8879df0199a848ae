"""The backlog: what waits, what was taken, when it is full."""

import asyncio

import pytest

from collector.store.backlog import MAX_WAITING_REJECTS, Backlog
from collector.store.rejects import make_reject
from collector.store.waiting import wait_for_batch, wait_for_room


def a_reject(detail: str = ""):
    return make_reject(b"x", received=1.0, peer="", reason="empty", detail=detail)


def a_backlog(high_records: int = 1000, high_bytes: int = 1_000_000) -> Backlog:
    return Backlog(high_records=high_records, high_bytes=high_bytes)


async def is_waiting(task) -> bool:
    """Tell whether a task goes on waiting when the loop is idle."""
    for _ in range(10):
        await asyncio.sleep(0)
    return not task.done()


async def test_what_is_taken_comes_in_order(make_record):
    """Records are taken oldest first, no more than asked for."""
    backlog = a_backlog()
    for n in range(5):
        backlog.add(make_record(str(n)), 10 + n)

    first, second = backlog.take(3), backlog.take(3)

    assert [record.message for record in first.records] == ["0", "1", "2"]
    assert [record.message for record in second.records] == ["3", "4"]
    assert (first.size_bytes, second.size_bytes) == (33, 27)
    assert backlog.take(3).records == []


async def test_what_was_taken_counts_until_it_is_done(make_record):
    """A batch is in memory until it is stored, so it holds its room."""
    backlog = a_backlog(high_records=2)
    backlog.add(make_record(), 10)
    backlog.add(make_record(), 10)
    batch = backlog.take(10)
    assert backlog.is_full
    assert backlog.waiting_records == 2

    backlog.done(batch)

    assert not backlog.is_full
    assert backlog.waiting_records == 0


@pytest.mark.parametrize(("records", "size"), [(3, 1), (1, 100)])
async def test_either_bound_makes_it_full(make_record, records, size):
    """Records and bytes are bounded; one below the bound is not full."""
    backlog = a_backlog(high_records=3, high_bytes=100)
    for _ in range(records - 1):
        backlog.add(make_record(), size)
    backlog.add(make_record(), size - 1)
    assert backlog.is_full is (records == 3)
    backlog.done(backlog.take(1))
    assert not backlog.is_full

    backlog.add(make_record(), size)
    assert backlog.is_full


async def test_gather_waits_for_the_first_record(make_record):
    """An empty backlog has nothing to gather, however short the interval."""
    backlog = a_backlog()
    gathering = asyncio.create_task(wait_for_batch(backlog, 1, 0.0))
    assert await is_waiting(gathering)

    backlog.add(make_record(), 1)
    await asyncio.wait_for(gathering, 5)


async def test_gather_returns_with_enough(make_record):
    """The record that makes enough ends the wait at once."""
    backlog = a_backlog()
    gathering = asyncio.create_task(wait_for_batch(backlog, 3, 3600.0))
    backlog.add(make_record(), 1)
    backlog.add(make_record(), 1)
    assert await is_waiting(gathering)

    backlog.add(make_record(), 1)
    await asyncio.wait_for(gathering, 5)


async def test_gather_returns_after_its_interval(make_record):
    """Too few records are gathered once the first has waited long enough."""
    backlog = a_backlog()
    loop = asyncio.get_running_loop()
    backlog.add(make_record(), 1)
    began = loop.time()
    await wait_for_batch(backlog, 100, 0.01)

    assert 0.01 <= loop.time() - began < 5


async def test_what_is_left_is_gathered_again(make_record):
    """Records beyond a batch need no newcomer to be gathered."""
    backlog = a_backlog()
    for _ in range(5):
        backlog.add(make_record(), 1)
    await asyncio.wait_for(wait_for_batch(backlog, 4, 3600.0), 5)
    backlog.take(4)
    await asyncio.wait_for(wait_for_batch(backlog, 4, 0.0), 5)

    assert len(backlog.take(4).records) == 1


async def test_after_all_was_taken_gather_waits_again(make_record):
    """A taken record does not end the next wait."""
    backlog = a_backlog()
    backlog.add(make_record(), 1)
    await wait_for_batch(backlog, 1, 3600.0)
    backlog.take(1)
    gathering = asyncio.create_task(wait_for_batch(backlog, 1, 0.0))
    assert await is_waiting(gathering)

    backlog.add(make_record(), 1)
    await asyncio.wait_for(gathering, 5)


async def test_a_reject_alone_is_gathered():
    """Rejects are written although no record comes."""
    backlog = a_backlog()
    gathering = asyncio.create_task(wait_for_batch(backlog, 10, 0.0))
    assert await is_waiting(gathering)
    backlog.add_reject(a_reject())
    await asyncio.wait_for(gathering, 5)

    batch = backlog.take(10)
    assert (len(batch.records), len(batch.rejects)) == (0, 1)
    assert backlog.take(10).rejects == []


async def test_rejects_beyond_the_bound_are_counted_only():
    """A flood of bad frames keeps the first and counts the others."""
    backlog = a_backlog()
    for n in range(MAX_WAITING_REJECTS + 7):
        backlog.add_reject(a_reject(str(n)))

    assert backlog.unkept_rejects_total == 7
    kept = [reject.detail for reject in backlog.take(1).rejects]
    assert kept == [str(n) for n in range(MAX_WAITING_REJECTS)]

    backlog.add_reject(a_reject())
    assert backlog.unkept_rejects_total == 7


async def test_rejects_do_not_make_it_full():
    """Bad frames take no room from records."""
    backlog = a_backlog(high_records=1, high_bytes=1)
    backlog.add_reject(a_reject())

    assert not backlog.is_full
    assert backlog.waiting_records == 0


@pytest.mark.parametrize("records", [0, 1])
async def test_closing_ends_a_wait(make_record, records):
    """close lets a waiting writer go on at once, with or without records."""
    backlog = a_backlog()
    for _ in range(records):
        backlog.add(make_record(), 1)
    gathering = asyncio.create_task(wait_for_batch(backlog, 10, 3600.0))
    assert await is_waiting(gathering)

    backlog.close()
    await asyncio.wait_for(gathering, 5)

    assert backlog.closing
    assert len(backlog.take(10).records) == records


async def test_a_closed_backlog_never_waits(make_record):
    """After close every gather returns at once, even when all is taken."""
    backlog = a_backlog()
    backlog.close()
    backlog.close()
    for _ in range(3):
        await asyncio.wait_for(wait_for_batch(backlog, 10, 3600.0), 5)
        backlog.take(10)

    backlog.add(make_record("late"), 1)
    await asyncio.wait_for(wait_for_batch(backlog, 10, 3600.0), 5)
    assert backlog.take(10).records[0].message == "late"


async def test_room_is_waited_for(make_record):
    """wait_for_room returns as soon as a stored batch has made room."""
    backlog = a_backlog(high_records=2)
    backlog.add(make_record(), 1)
    backlog.add(make_record(), 1)
    waiting = asyncio.create_task(wait_for_room(backlog, 3600.0))
    batch = backlog.take(1)
    assert await is_waiting(waiting)

    backlog.done(batch)
    await asyncio.wait_for(waiting, 5)


async def test_the_wait_for_room_ends(make_record):
    """wait_for_room returns after its time although there is no room."""
    backlog = a_backlog(high_records=1)
    backlog.add(make_record(), 1)
    await asyncio.wait_for(wait_for_room(backlog, 0.0), 5)

    assert backlog.is_full


async def test_there_is_room_at_first():
    """An empty backlog makes nobody wait."""
    await asyncio.wait_for(wait_for_room(a_backlog(), 3600.0), 5)


async def test_a_batch_that_is_still_too_much_makes_no_room(make_record):
    """Room is announced only when both bounds leave some."""
    backlog = a_backlog(high_records=10, high_bytes=10)
    backlog.add(make_record(), 1)
    backlog.add(make_record(), 50)
    waiting = asyncio.create_task(wait_for_room(backlog, 3600.0))
    backlog.done(backlog.take(1))
    assert await is_waiting(waiting)

    backlog.done(backlog.take(1))
    await asyncio.wait_for(waiting, 5)
