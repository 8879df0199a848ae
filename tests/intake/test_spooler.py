"""The spooler: what the database can't take waits on disk, in order and counted."""

import asyncio
from collections import Counter

from intake.spooling import locked, numbers

from collector.store.segments import START_BYTES


async def test_nothing_is_lost_while_the_database_is_locked(begin, said):
    """More than memory holds waits on disk, and is stored after, all in order."""
    run = await begin()
    with locked(run.path):
        await run.stall()
        run.take(*numbers(500))
        await run.until(lambda: not run.overflow.pending_bytes)
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
                await run.until(lambda: not run.overflow.pending_bytes)
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
        await run.until(lambda: not run.overflow.pending_bytes)
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
