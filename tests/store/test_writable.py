"""The database as it is written: opened when needed, replaced when damaged."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from store.rights import without_rights
from store.test_stalls import locked

from collector.errors import StoreError
from collector.store.schema import APPLICATION_ID
from collector.store.writable import MAX_DAMAGED, WritableDatabase, checkpoint

ERROR = sqlite3.DatabaseError("database disk image is malformed")


@pytest.fixture
async def database(path: Path) -> AsyncIterator[WritableDatabase]:
    one = WritableDatabase(path, synchronous="off")
    yield one
    await one.finish()


def add_record(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE IF NOT EXISTS marks (mark)")
    connection.execute("INSERT INTO marks VALUES (1)")


def marks(path: Path) -> int:
    with closing(sqlite3.connect(path)) as reader:
        return reader.execute("SELECT count(*) FROM marks").fetchone()[0]


def siblings(path: Path) -> list[str]:
    return sorted(each.name for each in path.parent.iterdir())


def spoil(path: Path) -> None:
    """Leave a file that is ours by its mark, and is no database."""
    data = bytearray(b"\xff" * 8192)
    data[68:72] = APPLICATION_ID.to_bytes(4, "big")
    path.write_bytes(data)


async def test_a_job_opens_what_is_closed(database):
    """A job finds the database open, however often it was closed before."""
    await database.run(add_record)
    await database.close()
    await database.close()
    await database.run(add_record)
    await database.finish()
    await database.finish()
    await database.run(add_record)

    assert marks(database.path) == 3
    assert database.generation == 0


async def test_jobs_run_one_by_one(database):
    """Jobs of several tasks never run at the same time, in whatever order they come."""
    running = []

    def job(connection: sqlite3.Connection) -> str:
        running.append(1)
        assert len(running) == 1
        add_record(connection)
        running.pop()
        return threading.current_thread().name

    done = await asyncio.gather(*[database.run(job) for _ in range(20)])

    assert marks(database.path) == 20
    assert threading.current_thread().name not in done


async def test_what_a_job_raises_is_raised(database):
    """The error of a job reaches whoever asked for it; the next job runs."""
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        await database.run(lambda c: c.execute("SELECT * FROM nowhere"))
    with pytest.raises(ZeroDivisionError):
        await database.run(lambda _: 1 / 0)

    await database.run(add_record)


async def test_a_cancelled_job_is_done(database):
    """Who is cancelled while a job runs leaves it to its end, and the rest usable."""
    begun, go_on = threading.Event(), threading.Event()

    def job(connection: sqlite3.Connection) -> None:
        begun.set()
        assert go_on.wait(10)
        add_record(connection)

    await database.open()
    task = asyncio.create_task(database.run(job))
    await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    await database.run(add_record)

    assert marks(database.path) == 2


async def test_a_fault_that_may_pass_is_no_damage(path):
    """What is locked can't be opened now, and is opened later, in its place."""
    first = WritableDatabase(path, synchronous="off")
    await first.open()
    await first.run(lambda c: c.execute("PRAGMA journal_mode = DELETE"))
    await first.finish()
    database = WritableDatabase(path, synchronous="off")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            await database.open()
    await database.open()
    await database.finish()

    assert siblings(path) == [path.name]


async def test_what_is_damaged_is_set_aside_when_it_is_opened(database, said):
    """A file of ours that is no database makes way; it is kept, and that is said."""
    spoil(database.path)
    content = database.path.read_bytes()
    await database.run(add_record)

    assert database.generation == 1
    [aside] = database.path.parent.glob("*.damaged-*")
    assert aside.read_bytes() == content
    assert len(said) == 1
    assert aside.name in said[0]
    assert marks(database.path) == 1


async def test_the_log_goes_with_what_is_damaged(database, said):
    """What is committed may stand in the log only, so that is kept beside the file."""
    await database.run(add_record)
    log = database.path.with_name(database.path.name + "-wal")
    await database.run(lambda c: c.execute("PRAGMA wal_checkpoint(TRUNCATE)"))
    with closing(sqlite3.connect(database.path)) as reader:
        # While somebody reads, the last to close does not remove the log.
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM marks").fetchall()
        await database.run(add_record)
        content = log.read_bytes()
        await database.replace(ERROR)
    await database.run(add_record)

    [kept] = database.path.parent.glob("*.damaged-*-wal")
    assert kept.read_bytes() == content
    assert marks(database.path) == 1


async def test_replaced_again_within_a_second(database, said):
    """Each damaged file gets a name of its own; none overwrites another."""
    for number in range(3):
        await database.open()
        await database.run(add_record)
        await database.replace(ERROR)
        assert database.generation == number + 1

    assert len(list(database.path.parent.glob("*.damaged-*"))) == 3
    for aside in database.path.parent.glob("*.damaged-*"):
        assert marks(aside) == 1


async def test_a_disk_that_damages_everything(database):
    """With many damaged files beside it, one more is a fault for good."""
    for number in range(MAX_DAMAGED):
        database.path.with_name(f"{database.path.name}.damaged-{number}").touch()
        # Their logs don't count.
        database.path.with_name(f"{database.path.name}.damaged-{number}-wal").touch()
    spoil(database.path)
    with pytest.raises(StoreError, match="10 damaged files lie beside it already"):
        await database.open()

    assert database.path.exists()


async def test_what_can_not_be_moved_aside(public):
    """Where the damaged file can't be moved, that is said, with why."""
    path = public / "logs.sqlite"
    database = WritableDatabase(path, synchronous="off")
    await database.open()
    await database.close()
    path.chmod(0o666)
    with (
        without_rights(public),
        pytest.raises(StoreError, match=r"cannot be moved aside: .*denied"),
    ):
        await database.replace(ERROR)
    await database.finish()

    assert path.exists()
    assert database.generation == 0


async def test_another_programs_file_is_not_moved(database):
    """A file that is no database of ours stays where it is, whatever is in it."""
    database.path.write_bytes(b"something else entirely" * 100)
    with pytest.raises(StoreError, match="cannot be opened"):
        await database.open()

    assert siblings(database.path) == [database.path.name]
    database.path.unlink()


async def test_the_end_leaves_one_file(database):
    """After `finish` all is in the file, also while another program has it open."""
    with closing(sqlite3.connect(database.path)) as other:
        await database.run(add_record)
        other.execute("SELECT 1")
        await database.finish()
        log = database.path.with_name(database.path.name + "-wal")
        assert not log.exists() or not log.stat().st_size
    assert marks(database.path) == 1


async def test_an_end_that_can_not_write(database):
    """A lock at the end is no error: what is committed stands in the log."""
    await database.run(add_record)
    with locked(database.path):
        await database.finish()

    assert marks(database.path) == 1


async def test_a_checkpoint_tells_of_readers(database):
    """A checkpoint tells whether a reader keeps the log from being cut back."""
    await database.run(add_record)
    with closing(sqlite3.connect(database.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM marks").fetchall()
        await database.run(add_record)
        assert await database.run(checkpoint)
    assert not await database.run(checkpoint)


@pytest.mark.parametrize("name", ["itself", "symlink", "hard link"])
async def test_a_database_is_written_by_one(path, name):
    """A second one is told so, by whatever path it names the file."""
    first = WritableDatabase(path, synchronous="off")
    await first.open()
    other = path
    if name != "itself":
        other = path.with_name("other.sqlite")
        (other.symlink_to if name == "symlink" else other.hardlink_to)(path)
    second = WritableDatabase(other, synchronous="off")
    with pytest.raises(StoreError, match="another logcollector writes to it"):
        await second.open()
    await first.finish()

    await second.open()
    await second.finish()
