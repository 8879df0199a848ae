"""The pruner keeps a database to its policy beside the writer."""

import asyncio
import errno
import os
import sqlite3
from contextlib import closing

import pytest

from collector.store import prune_run, pruning
from collector.store.pruner import Pruner
from collector.store.retention import DAY, Policy

NOW = 1_800_000_000.0
HOUR = 3600.0


def make_pruner(one, policy, *, reserve_bytes=4096):
    return Pruner(
        one.database,
        policy,
        backlog=one.backlog,
        reserve_bytes=reserve_bytes,
        clock=lambda: NOW,
    )


def hours(make_record, first, last):
    return [
        make_record(f"m{n}", created=NOW - n * HOUR, received=NOW - n * HOUR)
        for n in range(first, last, -1)
    ]


def reserve(one):
    return one.path.with_name(one.path.name + "-reserve")


async def test_what_is_old_goes_while_records_come(running, make_record):
    """Steps and batches take turns; nothing that comes meanwhile is lost."""
    one = await running()
    one.add(*hours(make_record, 100, 0))
    one.start()
    await one.until(lambda: one.writer.stored_total == 100)
    pruner = make_pruner(one, Policy(max_age_seconds=DAY))
    looking = asyncio.create_task(pruner.look())
    one.add(make_record("meanwhile", received=NOW))
    await looking
    one.add(make_record("after", received=NOW))
    await one.finish()

    assert one.messages() == [f"m{n}" for n in range(24, 0, -1)] + [
        "meanwhile",
        "after",
    ]
    assert pruner.removed_total == {"age": 76}
    assert reserve(one).stat().st_size == 4096


async def test_each_step_is_counted(running, make_record, monkeypatch):
    """What is removed is counted as it goes, not when the run has ended."""
    one = await running()
    one.add(*hours(make_record, 100, 0))
    await one.finish()
    pruner = make_pruner(one, Policy(max_age_seconds=DAY))
    prune_some = prune_run.prune_some
    counted = []

    def seen(connection, cut, above_id):
        counted.append(pruner.removed_total["age"])
        return prune_some(connection, cut, above_id)

    monkeypatch.setattr(pruning, "STEP_IDS", 30)
    monkeypatch.setattr(prune_run, "prune_some", seen)
    await pruner.look()

    assert counted == [0, 30, 60, 76]
    assert pruner.removed_total == {"age": 76}


async def test_without_a_policy_nothing_is_touched(running, make_record):
    """No record goes, and no space is kept; also when there was a policy before."""
    one = await running()
    one.add(*hours(make_record, 100, 0))
    await one.finish()
    pruner = make_pruner(one, Policy(max_age_seconds=1000 * DAY))
    await pruner.look()
    assert reserve(one).exists()
    pruner.change(Policy())
    await pruner.look()

    assert len(one.messages()) == 100
    assert not reserve(one).exists()


async def test_orphans_are_looked_for_when_enough_is_gone(running, make_record):
    """Few records that go leave interned rows for later."""
    one = await running()
    one.add(
        *[
            make_record(f"m{n}", lineno=n, received=NOW - n * 10.0)
            for n in range(1000, 0, -1)
        ]
    )
    await one.finish()
    sites = "SELECT count(*) FROM call_sites"
    pruner = make_pruner(one, Policy(max_age_seconds=9900))
    await pruner.look()
    assert one.rows("SELECT count(*) FROM records") == [(990,)]
    assert one.rows(sites) == [(1000,)]
    pruner.change(Policy(max_age_seconds=5000))
    await pruner.look()

    assert one.rows("SELECT count(*) FROM records") == [(500,)]
    assert one.rows(sites) == [(500,)]


async def test_a_full_disk_takes_the_reserve(running, make_record, said, monkeypatch):
    """When there is no space to remove anything, the reserve gives some, at once."""
    one = await running()
    one.add(*hours(make_record, 100, 0))
    await one.finish()
    pruner = make_pruner(one, Policy(max_age_seconds=1000 * DAY))
    await pruner.look()
    pruner.change(Policy(max_age_seconds=DAY))

    def full_until_released(connection, cut, above_id):
        if reserve(one).exists():
            raise full_error()
        return prune_some(connection, cut, above_id)

    prune_some = prune_run.prune_some
    monkeypatch.setattr(prune_run, "prune_some", full_until_released)
    await pruner.look()

    assert len(one.messages()) == 24
    assert "the reserve of retention is released" in said[0]
    # There is space again.
    assert reserve(one).exists()


def full_error():
    """Return the error of a full database, as SQLite itself raises it."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("PRAGMA max_page_count = 1")
        with pytest.raises(sqlite3.OperationalError) as caught:
            connection.execute("CREATE TABLE x (y)")
    return caught.value


async def test_a_fault_is_said_once_and_its_end(
    running, make_record, said, monkeypatch
):
    """What keeps it from removing is told when it begins and when it is over."""
    one = await running()
    one.add(*hours(make_record, 100, 0))
    await one.finish()
    pruner = make_pruner(one, Policy(max_age_seconds=DAY), reserve_bytes=0)

    def broken(*_):
        raise full_error()

    with monkeypatch.context() as patch:
        patch.setattr(prune_run, "prune_some", broken)
        await pruner.look()
        await pruner.look()
    assert len(said) == 1
    await pruner.look()

    assert sum("cannot be removed" in each for each in said) == 1
    assert "works again" in said[-1]
    assert len(one.messages()) == 24


async def test_no_room_for_a_reserve_is_no_fault(running, make_record, monkeypatch):
    """Where its space can't be had, retention works without."""
    one = await running()
    one.add(*hours(make_record, 100, 0))
    await one.finish()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    await make_pruner(one, Policy(max_age_seconds=DAY)).look()

    assert len(one.messages()) == 24
    assert not reserve(one).exists()


async def test_a_policy_that_is_changed_holds_at_once(running, make_record):
    """A run by an older policy does not go on."""
    one = await running()
    one.add(*hours(make_record, 100, 0))
    await one.finish()
    pruner = make_pruner(one, Policy(max_age_seconds=DAY))
    await one.database.run(lambda connection: pruner._present_run(connection))
    pruner.change(Policy(max_age_seconds=3 * DAY))
    await one.database.run(pruner._step)
    assert len(one.messages()) == 72
    pruner.change(Policy())
    await one.database.run(pruner._step)

    assert len(one.messages()) == 72


async def test_a_lock_is_no_fault(running, make_record, said):
    """While another process writes, a step waits, and is then made."""
    one = await running()
    one.add(*hours(make_record, 100, 0))
    await one.finish()
    pruner = make_pruner(one, Policy(max_age_seconds=DAY))
    with closing(sqlite3.connect(one.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        looking = asyncio.create_task(pruner.look())
        await one.until(lambda: pruner._step_seconds > 0)
        assert not looking.done()
        other.execute("COMMIT")
    await looking

    assert len(one.messages()) == 24
    assert said == []


async def test_a_database_that_is_replaced_is_pruned_anew(running, make_record):
    """A run does not go on with a connection that was closed."""
    one = await running()
    one.add(*hours(make_record, 100, 0))
    await one.finish()
    pruner = make_pruner(one, Policy(max_age_seconds=DAY))
    assert await one.database.run(pruner._step)
    await one.database.close()
    await pruner.look()

    assert len(one.messages()) == 24
    assert pruner.removed_total == {"age": 76}
