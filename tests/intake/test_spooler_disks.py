"""A spool whose own disk refuses, or spoils what it was given."""

import asyncio
import errno
from collections import Counter
from typing import Any

import pytest
from intake.spooling import Spooling, locked, numbers

from collector.store.spool import Spool


async def test_a_damaged_segment_is_counted(begin, said):
    """Frames that the disk spoilt are lost, counted, and the spill ends."""
    run = await begin()
    with locked(run.path):
        await run.stall()
        run.take(*numbers(10))
        await run.until(lambda: not run.overflow.pending_bytes)
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

    def sync(self) -> None:
        self._refuse("sync")
        super().sync()

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
        await run.until(lambda: not run.overflow.pending_bytes)

    def retries():
        return [text for text in said if "trying again" in text]

    await run.until(lambda: run.writer.stored_total == 101)
    # It is removed once the batch is known to be stored, which is later.
    await run.until(lambda: len(retries()) == 2)
    run.spool.refused.clear()
    await run.settle()

    assert run.messages() == ["stalled", *numbers(100)]
    assert len(retries()) == 2


async def test_a_stop_that_can_not_keep_all(begin, said):
    """Where neither takes it, the stop says that records are lost."""
    run = await begin(make_spool=Refusing)
    with locked(run.path):
        await run.stall()
        run.take(*numbers(10))
        await run.stop(patient=False)

    assert not run.kept


async def test_a_disk_that_can_not_sync(begin, said):
    """A sync that fails is said once, and frames are stored all the same."""
    run = await begin(make_spool=Refusing)
    run.spool.refused = {"sync"}
    with locked(run.path):
        await run.stall()
        for number in range(30):
            run.take(str(number))
            await run.until(lambda: not run.overflow.pending_bytes)
            await asyncio.sleep(0.02)
    await run.settle()

    assert run.messages() == ["stalled", *numbers(30)]
    assert len([text for text in said if "cannot be synced" in text]) == 1
    assert not [text for text in said if "wait in memory" in text]
