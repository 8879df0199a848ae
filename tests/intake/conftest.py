"""A receiver with a real writer behind it, and what the daemon says meanwhile."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from intake.spooling import Spooling

from collector.intake.receiver import Receiver
from collector.store.backlog import Backlog
from collector.store.writable import WritableDatabase
from collector.store.writer import Writer
from collector.wire.decoder import Decoder
from collector.wire.limits import DecodeLimits


class Parts:
    """A receiver with a real writer behind it, and small bounds."""

    def __init__(self, database, path, high_records) -> None:
        self.path = path
        self.database = database
        self.backlog = Backlog(high_records=high_records, high_bytes=1 << 30)
        self.writer = Writer(
            database,
            self.backlog,
            batch_records=100,
            flush_interval_seconds=0.001,
            max_rejects=1000,
        )
        self.receiver = Receiver(
            Decoder(DecodeLimits()),
            backlog=self.backlog,
            writer=self.writer,
            emitter=None,
            clock=lambda: 1_700_000_000.0,
            timer=lambda: 500.0,
        )
        self.writing = None

    def start(self) -> None:
        self.writing = asyncio.create_task(self.writer.run())

    async def finish(self) -> None:
        if self.writing is None:
            self.start()
        self.backlog.close()
        await asyncio.wait_for(self.writing, 20)

    async def until(self, condition) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0)

    def rows(self, sql):
        with closing(sqlite3.connect(self.path)) as reader:
            return reader.execute(sql).fetchall()

    def take(self, data: bytes, peer: str = "10.0.0.7") -> None:
        self.receiver.receive(data, peer, "web7")

    def is_balanced(self) -> bool:
        """Tell whether all that was received is accounted for."""
        receiver = self.receiver
        return receiver.received_total == (
            self.writer.stored_total
            + self.backlog.waiting_records
            + receiver.rejected_total.total()
            + receiver.shed_total.total()
        )


@pytest.fixture
async def make_parts(tmp_path):
    """Makes receivers with all that belongs to them."""
    made = []

    async def make(high_records=10_000):
        path = tmp_path / "logs.sqlite"
        database = WritableDatabase(path, synchronous="off")
        made.append(Parts(database, path, high_records))
        return made[-1]

    yield make
    for parts in made:
        if parts.writing is not None and not parts.writing.done():
            parts.writer.give_up(leave_rest=False)
            parts.backlog.close()
            await asyncio.wait({parts.writing}, timeout=10)
        await parts.database.finish()


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
