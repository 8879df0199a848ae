"""Following a database with a cursor, a look at a time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from collector.record import Record
from collector.store.follow import Cursor


@contextmanager
def following(path: Path) -> Iterator[Cursor]:
    """Follow a database from its first record on; close the cursor at the end."""
    cursor = Cursor(path)
    try:
        yield cursor
    finally:
        cursor.close()


def news(cursor: Cursor) -> list[str]:
    """Return the messages of one look."""
    return [row.message for row in cursor.new_rows()]


def texts(
    make_record: Callable[..., Record], first: int, last: int, word: str = "m"
) -> list[Record]:
    """Make records that are numbered."""
    return [make_record(f"{word}{n}") for n in range(first, last + 1)]
