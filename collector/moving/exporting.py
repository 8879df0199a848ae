"""Exporting: records of a database into a file or a stream."""

from __future__ import annotations

import csv
import gzip
import io
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import msgspec

from collector.errors import TransferError
from collector.moving.part_file import (
    Note,
    in_the_way,
    note_of,
    open_part,
    part_of,
    read_note,
)
from collector.query.tree import Node
from collector.store.exported import Export
from collector.store.reader import Reader
from collector.store.stored_rows import StoredRow

FORMATS: Final = ("jsonl", "csv", "parquet")

# A line of a file that is read to be gone on with.
MAX_LINE_BYTES: Final = 256 * 1024 * 1024

# Called with how many ids of how many are done.
Progress = Callable[[int, int], None]


class Writer(Protocol):
    """Makes bytes of records, in one of the formats."""

    def begin(self) -> bytes:
        """Return what comes before all records."""
        ...

    def encoded(self, rows: list[StoredRow]) -> bytes:
        """Return what is ready to be written with these records."""
        ...

    def end(self) -> bytes:
        """Return what is held back and what comes after all records."""
        ...


def format_of(target: Path) -> str | None:
    """Return the format that the ending of a file's name stands for."""
    ending = Path(target.stem if target.suffix == ".gz" else target.name).suffix
    known = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".parquet": "parquet"}
    return known.get(ending)
