"""Databases that the real inserter has filled, and what is known of them."""

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from collector.query.log_row import LogRow
from collector.query.predicate import predicate
from collector.query.tree import Everything, Node
from collector.record import Record
from collector.store.backlog import Batch
from collector.store.database import open_database
from collector.store.inserter import Inserter
from collector.store.reader import Deadline, Reader, open_reader
from collector.store.search import Search
from collector.store.search_index import create_index, index_some, parts

ROLLUPS = "SELECT * FROM rollups ORDER BY seconds, start, call_site_id"


@cache
def new_database() -> bytes:
    """Return the bytes of a database that the daemon has just made."""

    async def make(path: Path) -> None:
        await (await open_database(path, synchronous="off")).close()

    with TemporaryDirectory() as folder:
        path = Path(folder) / "logs.sqlite"
        # A test may run in a loop of its own.
        with ThreadPoolExecutor() as threads:
            threads.submit(asyncio.run, make(path)).result()
        return path.read_bytes()


class Stored:
    """One database, with a connection that writes as the daemon does."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.connection = connection
        self._inserter = Inserter()

    def add(self, *records: Record) -> None:
        """Store records, as one batch."""
        self._inserter.store(
            self.connection, batch=Batch(list(records), [], 0), max_rejects=10
        )

    def index(self, records: int = 1 << 60) -> None:
        """Index up to so many records that are not indexed yet."""
        assert create_index(self.connection)
        index_some(self.connection, records)

    def indexed(self, piece: str) -> list[int]:
        """Return the ids that the index itself has for a piece, each entry."""
        return indexed(self.connection, piece)

    def can_empty_its_log(self) -> bool:
        """Write all of the log into the database, and tell whether nobody reads it."""
        self.connection.execute("PRAGMA busy_timeout = 0")
        [(busy, pages, _)] = self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return (busy, pages) == (0, 0)

    def spoil_schema(self) -> None:
        """Make the schema nonsense, so that the database can't be opened again."""
        self.connection.executescript(
            "PRAGMA writable_schema = ON;"
            "UPDATE sqlite_master SET sql = 'CREATE NONSENSE' WHERE name = 'records';"
        )

    def rows(self) -> list[LogRow]:
        """Return all records as the view shows them, in order."""
        columns = ", ".join(LogRow._fields)
        found = self.connection.execute(f"SELECT {columns} FROM logs ORDER BY id")
        return [LogRow._make(row) for row in found]

    def matching(self, node: Node) -> list[LogRow]:
        """Return the records that the query's predicate holds for, in order."""
        holds = predicate(node)
        return [row for row in self.rows() if holds(row)]


def indexed(connection: sqlite3.Connection, piece: str) -> list[int]:
    """Return the ids that the parts of the index have for a piece, each entry."""
    return [
        row[0]
        for part in parts(connection)
        for row in connection.execute(
            f"SELECT rowid FROM {part.name} WHERE {part.name} MATCH ? ORDER BY rowid",
            [f'"{piece}"'],
        )
    ]


def remove(path: Path) -> None:
    """Remove a database with all that belongs to it, if it is there."""
    for end in ("", "-wal", "-shm"):
        Path(f"{path}{end}").unlink(missing_ok=True)


@contextmanager
def opened(path: Path) -> Iterator[Stored]:
    """Open a database that is there, to write to it as the daemon does."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = off")
        yield Stored(path, connection)


@contextmanager
def new_stored(path: Path) -> Iterator[Stored]:
    """Make a database of the newest schema, over one that is there."""
    remove(path)
    path.write_bytes(new_database())
    with opened(path) as one:
        yield one


@contextmanager
def reading(path: Path) -> Iterator[Reader]:
    """Open a database for reading, without a deadline."""
    with open_reader(path, Deadline(None)) as reader:
        yield reader


def messages(path: Path) -> list[str]:
    """Return all messages in a database as a reader finds them, in order."""
    with reading(path) as reader:
        rows = Search(reader, Everything()).rows(newest_first=False)
        return [row.message for row in rows]


def expected_rollups(connection: sqlite3.Connection) -> list[tuple[int, ...]]:
    """Return what ROLLUPS must find, counted one record at a time."""
    ids: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    for record_id, created, site in connection.execute(
        "SELECT id, created, call_site_id FROM records ORDER BY id"
    ):
        for seconds in (60, 3600, 86400):
            ids[seconds, int(created) // seconds * seconds, site].append(record_id)
    return sorted((*key, len(each), min(each), max(each)) for key, each in ids.items())
