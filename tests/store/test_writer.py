"""The writer's ordinary work: batches, order, interning."""

import asyncio

from collector.store.inserter import ROWS_PER_STATEMENT, Inserter
from collector.store.rows import MAX_INTERNED


async def test_everything_is_stored_in_order(running, make_record):
    """Records of many batches and statement sizes are stored once, in order."""
    one = await running(batch_records=1000)
    texts = [f"message {n}" for n in range(5000 + 512 + 128 + 32 + 8 + 3)]
    one.start()
    for start in range(0, len(texts), 700):
        one.add(*[make_record(text) for text in texts[start : start + 700]])
        await asyncio.sleep(0)
    await one.finish()

    assert one.messages() == texts
    assert one.writer.stored_total == len(texts)
    assert one.backlog.waiting_records == 0


async def test_a_batch_of_every_statement_size_keeps_its_order(running, make_record):
    """A batch that needs each size of statement is stored in order."""
    one = await running(batch_records=1_000_000)
    texts = [f"message {n}" for n in range(sum(ROWS_PER_STATEMENT) + 1)]
    one.add(*[make_record(text) for text in texts])
    await one.finish()

    assert one.messages() == texts


async def test_a_full_batch_does_not_wait(running, make_record):
    """As soon as batch_records wait, they are written."""
    one = await running(batch_records=10, flush_interval_seconds=3600.0)
    one.start()
    one.add(*[make_record() for _ in range(10)])
    await one.until(lambda: one.writer.stored_total == 10)

    assert len(one.messages()) == 10


async def test_a_lone_record_waits_no_longer_than_the_interval(running, make_record):
    """A record that no other follows is written after flush_interval_seconds."""
    one = await running(batch_records=1000, flush_interval_seconds=0.02)
    loop = asyncio.get_running_loop()
    one.start()
    began = loop.time()
    one.add(make_record("alone"))
    await one.until(lambda: one.writer.stored_total == 1)

    assert loop.time() - began >= 0.02
    assert one.messages() == ["alone"]


async def test_new_settings_hold_from_the_next_batch_on(running, make_record):
    """batch_records may be replaced while the writer runs."""
    one = await running(batch_records=1000, flush_interval_seconds=3600.0)
    one.writer.batch_records = 2
    one.start()
    one.add(make_record(), make_record())
    await one.until(lambda: one.writer.stored_total == 2)

    assert len(one.messages()) == 2


async def test_closing_writes_what_waits_at_once(running, make_record):
    """A closed backlog is written without waiting for the interval."""
    one = await running(batch_records=1000, flush_interval_seconds=3600.0)
    one.add(make_record("last"))
    await one.finish()

    assert one.messages() == ["last"]


async def test_the_end_of_an_idle_writer_is_quiet(running):
    """A writer that was given nothing ends when its backlog is closed."""
    one = await running()
    one.start()
    await asyncio.sleep(0)
    await one.finish()

    assert one.writer.stored_total == 0


async def test_equal_values_share_a_row(running, make_record):
    """Call sites and origins are stored once, across batches."""
    one = await running(batch_records=7)
    one.add(*[make_record(name=f"logger{n % 3}") for n in range(50)])
    one.add(*[make_record(name="logger0", process=n % 2) for n in range(50)])
    await one.finish()

    assert one.rows("SELECT count(*) FROM call_sites") == [(3,)]
    assert one.rows("SELECT count(*) FROM origins") == [(3,)]
    assert one.rows("SELECT count(*) FROM logs") == [(100,)]


async def test_a_second_writer_finds_the_interned_rows(running, make_record):
    """Values that an earlier run has interned get no second row."""
    one = await running()
    one.add(make_record("first"))
    await one.finish()
    # Another writer on the same database, which knows no ids.
    again = type(one)(one.database, one.path)
    again.add(make_record("second"))
    await again.finish()

    assert one.rows("SELECT count(*) FROM call_sites") == [(1,)]
    assert one.rows("SELECT count(*) FROM origins") == [(1,)]
    assert one.messages() == ["first", "second"]


async def test_names_without_end_do_not_grow_the_process(running, make_record):
    """50,000 distinct logger names are all stored, and few are kept in memory."""
    one = await running(batch_records=4096)
    one.add(*[make_record(f"m{n}", name=f"logger.{n}") for n in range(50_000)])
    await one.finish()

    (inserter,) = [v for v in vars(one.writer).values() if isinstance(v, Inserter)]
    table = inserter.interned
    assert len(table.call_sites) <= MAX_INTERNED
    pairs = one.rows("SELECT name, message FROM logs ORDER BY id")
    assert pairs == [(f"logger.{n}", f"m{n}") for n in range(50_000)]
    assert one.rows("SELECT count(*) FROM call_sites") == [(50_000,)]


async def test_odd_values_are_interned_to_themselves(running, make_record):
    """Values that look like numbers, patterns or SQL come back as they were."""
    one = await running()
    names = ["1", "1.0", "01", "%", "_", "'", '"', "NULL", "", " ", "é", "É", "e\u0301"]
    one.add(*[make_record(name, name=name, lineno=-(2**63)) for name in names])
    one.add(*[make_record(name, threadName=name, thread=2**63 - 1) for name in names])
    await one.finish()

    first = one.rows("SELECT name, message, lineno FROM logs ORDER BY id")
    assert first[: len(names)] == [(name, name, -(2**63)) for name in names]
    later = one.rows("SELECT coalesce(threadName, ''), message FROM logs ORDER BY id")
    assert later[len(names) :] == [(name, name) for name in names]
