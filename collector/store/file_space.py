"""The space that a database takes, and giving back what it does not need."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final

from collector.store.fetching import Rows, fetching

# Some builds of SQLite overwrite each freed page, by way of the log: then removing
# takes as much space at first as it frees. This does so only where it is free.
KEEP_FREED_PAGES: Final = "PRAGMA secure_delete = FAST"

# Free pages that are kept for the next records: a part of the file, and some more.
SPARE_SHARE: Final = 0.05
SPARE_PAGES: Final = 256

# Pages given back in one step.
STEP_PAGES: Final = 500


@dataclass(frozen=True, slots=True)
class Space:
    """Pages of a database file, without its write-ahead log."""

    page_bytes: int
    pages: int
    free_pages: int

    @property
    def file_bytes(self) -> int:
        """The size of the file."""
        return self.page_bytes * self.pages

    @property
    def used_bytes(self) -> int:
        """What is in use of it."""
        return self.page_bytes * (self.pages - self.free_pages)

    def surplus_pages(self, max_bytes: int | None) -> int:
        """Return how many free pages are worth giving back.

        All that are beyond `max_bytes` are, and others than those to spare.
        """
        spare = int(self.pages * SPARE_SHARE) + SPARE_PAGES
        beyond = 0
        if max_bytes is not None:
            beyond = self.pages - max_bytes // self.page_bytes
        return max(0, min(self.free_pages, max(beyond, self.free_pages - spare)))


def measure(rows: Rows) -> Space:
    """Return how large a database is."""
    return Space(
        *(
            rows(f"PRAGMA {name}", ())[0][0]
            for name in ("page_size", "page_count", "freelist_count")
        )
    )


def give_back(connection: sqlite3.Connection, max_bytes: int | None = None) -> bool:
    """Give some of the surplus back to the file system; tell if there was any."""
    rows = fetching(connection)
    surplus = measure(rows).surplus_pages(max_bytes)
    if not surplus:
        return False
    # Not by execute: it would stop after the first page.
    connection.executescript(f"PRAGMA incremental_vacuum({min(surplus, STEP_PAGES)})")
    return measure(rows).surplus_pages(max_bytes) < surplus
