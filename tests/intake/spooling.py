"""A receiver with a real spool, database and writer, put together as in the daemon."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from collector.intake.overflow import Overflow
from collector.intake.receiver import Receiver
from collector.intake.spooler import Spooler
from collector.store.backlog import Backlog
from collector.store.spool import Spool
from collector.store.writable import WritableDatabase
from collector.store.writer import NoTimeLeft, Writer
from collector.wire.decoder import Decoder
from collector.wire.limits import DecodeLimits

PEER = "10.0.0.7"


@contextmanager
def locked(path: Path) -> Iterator[sqlite3.Connection]:
    """Hold the write lock of a database, as another program may."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other
        if other.in_transaction:
            other.execute("ROLLBACK")


def payload(text: str) -> bytes:
    return json.dumps({"msg": text, "name": "app", "created": 1.5}).encode()


def numbers(count: int, start: int = 0) -> list[str]:
    """Return messages that are numbers."""
    return [str(number) for number in range(start, start + count)]


class Spooling:
    """One run of the store, from the receiver on."""

    def __init__(
        self,
        database: Path,
        *,
        high_records: int = 50,
        max_bytes: int = 1 << 30,
        reserve_bytes: int = 0,
        make_spool: Callable[..., Spool] = Spool,
    ) -> None:
        self.path = database
        self.folder = database.with_name(f"{database.name}-spool")
        self.database = WritableDatabase(database, synchronous="off")
        self.backlog = Backlog(high_records=high_records, high_bytes=1 << 30)
        self.writer = Writer(
            self.database,
            self.backlog,
            batch_records=20,
            flush_interval_seconds=0.001,
            max_rejects=1000,
        )
        self.overflow = Overflow(max_bytes=max_bytes)
        self.writer.on_fault = self.overflow.start
        self.seconds = 0.0
        self.receiver = Receiver(
            Decoder(DecodeLimits()),
            backlog=self.backlog,
            writer=self.writer,
            emitter=None,
            overflow=self.overflow,
            clock=lambda: 1_700_000_000.0,
            timer=lambda: self.seconds,
        )
        self.spool = make_spool(
            self.folder, max_bytes=max_bytes, reserve_bytes=reserve_bytes
        )
        self.spooler = Spooler(
            self.spool,
            self.overflow,
            receiver=self.receiver,
            backlog=self.backlog,
            writer=self.writer,
            sync_seconds=0.01,
        )
        self.tasks: list[asyncio.Task[None]] = []
        self.kept = True

    async def start(self) -> Spooling:
        await self.writer.open()
        self.tasks = [asyncio.create_task(self.writer.run())]
        await self.spooler.open()
        self.tasks.append(asyncio.create_task(self.spooler.run()))
        return self

    def take(self, *texts: str) -> None:
        for text in texts:
            self.receiver.receive(payload(text), PEER, "web7")

    async def until(self, condition: Callable[[], Any]) -> None:
        """Let the loop run until the condition holds."""
        async with asyncio.timeout(20):
            while not condition():
                for task in self.tasks:
                    if task.done():
                        task.result()
                await asyncio.sleep(0.001)

    async def stall(self) -> None:
        """Have the writer meet the lock that somebody holds; one record waits."""
        self.take("stalled")
        await self.until(lambda: self.writer.stalled)

    async def settle(self) -> None:
        """Wait until all that has come is stored, and the spool is not in use."""
        await self.until(
            lambda: (
                self.spooler.is_idle
                and not self.overflow.active
                and not self.backlog.waiting_records
            )
        )

    async def stop(self, *, patient: bool = True) -> None:
        """Stop as the service does; without patience, before all is stored."""
        if not self.tasks:
            return
        writing, spooling = self.tasks
        self.tasks = []
        if patient:
            await self.spooler.drain(20)
        self.spooler.stop()
        await asyncio.wait_for(spooling, 20)
        self.backlog.close()
        if not patient:
            self.writer.give_up(leave_rest=True)
        await asyncio.wait({writing}, timeout=20)
        error = writing.exception()
        assert error is None or isinstance(error, NoTimeLeft)
        rest = self.backlog.take(self.backlog.waiting_records).records
        self.kept = await self.spooler.finish(rest)
        await self.database.finish()

    async def die(self) -> None:
        """End as a killed process does, between two transactions."""
        for task in self.tasks:
            task.cancel()
        await asyncio.wait(self.tasks)
        self.tasks = []
        await self.database.close()
        self.database._claim.release()
        from store.spool_model import abandon

        abandon(self.spool)

    def messages(self) -> list[str]:
        with closing(sqlite3.connect(self.path)) as reader:
            rows = reader.execute("SELECT message FROM logs ORDER BY id")
            return [row[0] for row in rows]

    def accounts(self) -> tuple[int, int]:
        """What came in, and what became of it: these are equal at any time."""
        receiver = self.receiver
        return (
            receiver.received_total + receiver.recovered_total,
            self.writer.stored_total
            + receiver.rejected_total.total()
            + receiver.shed_total.total()
            + self.backlog.waiting_records
            + self.spooler.waiting_records,
        )

    @property
    def is_balanced(self) -> bool:
        came, became = self.accounts()
        return came == became
