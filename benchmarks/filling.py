"""A database filled with the corpus, and the same records as lines of text.

The records go through the store's own inserter and indexer steps, over a
connection set up as the daemon's, but for syncing: no one pulls the plug.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from corpus import DAY, Corpus
from processes import BenchmarkError
from sizes import companions, contents_bytes

from collector.emit.formatter import CollectorFormatter
from collector.store.backlog import Batch
from collector.store.database import CHECKPOINT_PAGES, open_database
from collector.store.indexer import STEP_RECORDS
from collector.store.inserter import Inserter
from collector.store.search_index import create_index, index_some

SAY_EVERY = 1_000_000


@dataclass(frozen=True, slots=True)
class Filling:
    """A filled database, its lines of text, and what filling it took."""

    database: Path
    lines: Path
    records: int
    fill_seconds: float
    index_seconds: float
    record_bytes: int
    index_bytes: int

    @classmethod
    def known(cls, database: Path) -> Filling | None:
        """Return what was noted beside a database that is there already."""
        note = beside(database, "note")
        if not (database.exists() and note.exists()):
            return None
        figures = json.loads(note.read_text())
        return cls(database=database, lines=beside(database, "lines"), **figures)

    def note(self) -> None:
        """Note the figures beside the database."""
        figures = asdict(self)
        del figures["database"], figures["lines"]
        beside(self.database, "note").write_text(json.dumps(figures))


def beside(database: Path, what: str) -> Path:
    """Return the path of what belongs to a database."""
    return Path(f"{database}.{what}")


def fill(
    database: Path, *, records: int, seed: int, say: Callable[[str], None]
) -> Filling:
    """Fill a new database with the corpus of the week that ended last midnight."""
    for leftover in companions(database):
        leftover.unlink()
    corpus = Corpus(records=records, end=int(time.time()) // DAY * DAY, seed=seed)
    lines = beside(database, "lines")
    asyncio.run(create(database))
    with closing(connected(database)) as connection:
        before = time.perf_counter()
        insert(connection, corpus, lines, say)
        checkpoint(connection)
        fill_seconds = time.perf_counter() - before
        record_bytes = contents_bytes(connection)
        before = time.perf_counter()
        index(connection, say)
        checkpoint(connection)
        index_seconds = time.perf_counter() - before
        all_bytes = contents_bytes(connection)
    filling = Filling(
        database=database,
        lines=lines,
        records=records,
        fill_seconds=fill_seconds,
        index_seconds=index_seconds,
        record_bytes=record_bytes,
        index_bytes=all_bytes - record_bytes,
    )
    filling.note()
    return filling


async def create(database: Path) -> None:
    """Create the database as the daemon does."""
    connection = await open_database(database, synchronous="off")
    await connection.close()


def connected(database: Path) -> sqlite3.Connection:
    """Open it as the daemon does, for another thread to use, unsynced."""
    connection = sqlite3.connect(
        database, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    return connection


def insert(
    connection: sqlite3.Connection,
    corpus: Corpus,
    lines: Path,
    say: Callable[[str], None],
) -> None:
    """Store the corpus, and write it as the daemon would show it."""
    inserter = Inserter()
    formatter = CollectorFormatter()
    stored = 0
    with (
        lines.open("w", encoding="utf-8") as file,
        ThreadPoolExecutor(max_workers=1) as thread,
    ):
        storing: Future[None] | None = None
        # One batch is made while SQLite is busy with the one before it.
        for records in corpus.batches():
            file.writelines(f"{formatter.format_record(each)}\n" for each in records)
            if storing:
                storing.result()
            batch = Batch(records, [], 0)
            storing = thread.submit(
                inserter.store, connection, batch=batch, max_rejects=1000
            )
            if stored // SAY_EVERY != (stored + len(records)) // SAY_EVERY:
                say(f"{stored + len(records):,} stored")
            stored += len(records)
        if storing:
            storing.result()


def index(connection: sqlite3.Connection, say: Callable[[str], None]) -> None:
    """Make the search index in the steps of the daemon."""
    if not create_index(connection):
        raise BenchmarkError("this SQLite can't have a search index")
    left = index_some(connection, STEP_RECORDS)
    while left:
        now = index_some(connection, STEP_RECORDS)
        if now // SAY_EVERY != left // SAY_EVERY:
            say(f"{now:,} left to index")
        left = now


def checkpoint(connection: sqlite3.Connection) -> None:
    """Bring all of the log into the database."""
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
