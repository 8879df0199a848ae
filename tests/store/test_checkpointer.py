"""The checkpointer: a log that has grown is cut back, and who keeps it is told."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from collector.store import checkpointer as module
from collector.store.checkpointer import (
    PAUSE_SECONDS,
    SAY_SECONDS,
    Checkpointer,
)
from collector.store.disk import log_bytes
from collector.store.writable import WritableDatabase

LIMIT = 200_000


class Watched:
    """A database whose log may have 200 KB, and its checkpointer."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = WritableDatabase(path, synchronous="off")
        self.now = 0.0
        self.checkpointer = Checkpointer(self.database, clock=lambda: self.now)

    async def grow(self) -> None:
        """Make the log larger than it may be."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            connection.execute("CREATE TABLE IF NOT EXISTS filler (data)")
            connection.execute("INSERT INTO filler VALUES (zeroblob(400000))")

        await self.database.run(write)
        assert log_bytes(self.path) > LIMIT

    async def look(self, now: float) -> None:
        self.now = now
        await self.checkpointer.look()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read in one transaction, as a long report does."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM records").fetchall()
            yield


@pytest.fixture
async def watched(path: Path, monkeypatch) -> AsyncIterator[Watched]:
    monkeypatch.setattr(module, "TOO_LARGE_BYTES", LIMIT)
    # Readers of these tests don't end while they are waited for.
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.01)
    one = Watched(path)
    await one.database.open()
    yield one
    await one.database.finish()


async def test_a_small_log_is_left_alone(watched, said):
    """As long as the log is small nothing is done; no log at all is small too."""
    await watched.look(0)
    size = log_bytes(watched.path)
    await watched.look(1)
    assert log_bytes(watched.path) == size > 0

    await watched.database.finish()
    await watched.look(2)
    assert log_bytes(watched.path) == 0
    assert said == []


async def test_a_large_log_is_cut_back(watched, said):
    """A log that nobody needs any more is cut back without a word."""
    await watched.grow()
    await watched.look(0)

    assert log_bytes(watched.path) == 0
    assert said == []


async def test_a_reader_is_told_of(watched, said):
    """Who keeps the log is told once a minute, with for how long, then the end."""
    await watched.grow()
    with watched.reading():
        await watched.grow()
        for now in (100.0, 101.0, 120.0, 100 + SAY_SECONDS - 1, 100 + SAY_SECONDS + 10):
            await watched.look(now)
        assert log_bytes(watched.path) > LIMIT
        assert len(said) == 2
        assert "reading in one transaction for 0 s or more" in said[0]
        assert "for 70 s or more" in said[1]
        assert f"{log_bytes(watched.path) // 1_000_000} MB" in said[1]
    await watched.look(200)
    assert log_bytes(watched.path) == 0
    await watched.look(201)
    await watched.look(202)

    assert [text for text in said if "small again" in text] == said[2:]
    assert len(said) == 3


async def test_the_writer_is_not_held_up_again_and_again(watched):
    """While a reader stays, attempts come after pauses; the writer has its turn."""
    attempts = []
    await watched.database.run(
        lambda c: c.set_trace_callback(
            lambda sql: attempts.append(sql) if "checkpoint" in sql else None
        )
    )
    await watched.grow()
    with watched.reading():
        await watched.grow()
        attempts.clear()
        for now in range(25):
            await watched.look(float(now))

    assert len(attempts) == 1 + 24 // int(PAUSE_SECONDS)


async def test_a_database_that_can_not_be_used_is_the_writers_business(watched, said):
    """A fault while it looks is neither raised nor said."""
    folder = watched.path.with_name("folder")
    folder.mkdir()
    watched.path.with_name("folder-wal").write_bytes(bytes(LIMIT + 1))
    unusable = WritableDatabase(folder, synchronous="off")

    await Checkpointer(unusable, clock=lambda: 0.0).look()
    assert said == []


async def test_the_wait_for_locks_is_as_before(watched):
    """However a checkpoint ends, the writer's own patience is what it was."""

    def patience(connection: sqlite3.Connection) -> int:
        return connection.execute("PRAGMA busy_timeout").fetchone()[0]

    before = await watched.database.run(patience)
    await watched.grow()
    with watched.reading():
        await watched.grow()
        await watched.look(0)
    await watched.look(100)

    assert await watched.database.run(patience) == before


async def test_it_looks_by_itself_until_it_is_cancelled(watched, monkeypatch):
    """It goes on looking, and may be cancelled at any time."""
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.001)
    await watched.grow()
    task = asyncio.create_task(watched.checkpointer.run())
    async with asyncio.timeout(10):
        while log_bytes(watched.path):
            await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await watched.database.run(lambda c: c.execute("SELECT 1"))


@pytest.mark.parametrize("way", ["removed", "moved"])
async def test_a_database_that_is_taken_away(running, make_record, said, way):
    """What comes once that was noticed is in a new file, whole; and it is said."""
    one = await running()
    one.start()
    one.add(make_record("before"))
    await one.until(lambda: one.writer.stored_total == 1)
    for path in one.path.parent.glob(f"{one.path.name}*"):
        if way == "removed":
            path.unlink()
        else:
            path.rename(path.with_name(f"old-{path.name}"))
    checkpointer = Checkpointer(one.database)
    await checkpointer.look()
    await checkpointer.look()
    one.add(make_record("after"))
    await one.finish()

    assert one.messages() == ["after"]
    assert len(said) == 1
    assert "moved or removed" in said[0]
