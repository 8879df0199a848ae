"""Real databases in temporary folders, with a writer that runs on them."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from store.rights import public_folder
from store.stored import Stored, new_stored

from collector.record import Record
from collector.store.backlog import Backlog
from collector.store.writable import WritableDatabase
from collector.store.writer import Writer


class Running:
    """A writer at work on a database of its own."""

    def __init__(self, database: Any, path: Path, **options: Any) -> None:
        self.database = database
        self.path = path
        self.backlog = Backlog(high_records=1_000_000, high_bytes=1 << 40)
        settings: dict[str, Any] = {
            "batch_records": 8192,
            "flush_interval_seconds": 0.001,
            "max_rejects": 1000,
        }
        self.writer = Writer(database, self.backlog, **{**settings, **options})
        self.task: asyncio.Task[None] | None = None

    def add(self, *records: Record) -> None:
        for record in records:
            self.backlog.add(record, 100)

    def start(self) -> None:
        self.task = asyncio.create_task(self.writer.run())

    async def finish(self) -> None:
        """Let the writer write all there is; raises what it raises."""
        if self.task is None:
            self.start()
        assert self.task is not None
        self.backlog.close()
        await asyncio.wait_for(self.task, 30)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let the loop run until the condition holds."""
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0)

    async def script(self, sql: str) -> None:
        """Run statements on the writer's own connection."""
        await self.database.run(lambda connection: connection.executescript(sql))

    async def trace(self, callback: Callable[[str], object] | None) -> None:
        """Have the writer's own connection tell of its statements."""
        await self.database.run(lambda c: c.set_trace_callback(callback))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return what another connection reads."""
        with closing(sqlite3.connect(self.path)) as reader:
            return reader.execute(sql).fetchall()

    def messages(self) -> list[str]:
        """Return all stored messages in order, as the view gives them."""
        return [row[0] for row in self.rows("SELECT message FROM logs ORDER BY id")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a test makes its database."""
    return tmp_path / "logs.sqlite"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a test makes its spool."""
    return tmp_path / "spool"


@pytest.fixture
def stored(path: Path) -> Iterator[Stored]:
    """A database that is filled as the daemon does it, and has no records yet."""
    with new_stored(path) as one:
        yield one


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that every user can reach."""
    with public_folder() as folder:
        yield folder


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks are not waited for by those who read."""
    monkeypatch.setattr("collector.store.reader.BUSY_SECONDS", 0.0)


@pytest.fixture(scope="module")
def example_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where each example of a property makes its own database."""
    return tmp_path_factory.mktemp("examples") / "logs.sqlite"


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Makes Running writers, and closes them."""
    made: list[Running] = []

    async def make(**options: Any) -> Running:
        path = tmp_path / f"logs{len(made)}.sqlite"
        database = WritableDatabase(path, synchronous="off")
        await database.open()
        made.append(Running(database, path, **options))
        return made[-1]

    yield make
    for one in made:
        if one.task is not None and not one.task.done():
            one.writer.give_up(leave_rest=False)
            one.backlog.close()
            await asyncio.wait({one.task}, timeout=10)
        await one.database.finish()
