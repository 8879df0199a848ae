"""Exporting: records of a database into a file or a stream."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from collector.errors import TransferError
from collector.moving.exported_file import last_record
from collector.moving.part_file import (
    Note,
    discard,
    explaining,
    in_the_way,
    note_of,
    open_part,
    part_of,
    read_note,
    write_note,
)
from collector.query.tree import Node
from collector.store.exported import Export
from collector.store.reader import Reader
from collector.store.stored_rows import StoredRow
from collector.store.target_file import is_there

FORMATS: Final = ("jsonl", "csv", "parquet")

_ENDINGS: Final = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
}

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


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be exported.

    asked: the query as it was written. node_at: the query, its times worked
    out for an epoch second. after: only ids after this one. limit: only so many.
    """

    database: Path
    asked: str
    node_at: Callable[[float], Node]
    format: str
    after: int = 0
    limit: int | None = None

    @property
    def goes_on(self) -> bool:
        """Whether an interrupted export of this can be gone on with.

        A parquet file tells at its end what is in it, and how many records are in
        a part is not noted.
        """
        return self.format != "parquet" and self.limit is None

    def export(self, reader: Reader, *, at: float, after: int) -> Export:
        """Return the records behind an id, with the times of an epoch second."""
        return Export(reader, self.node_at(at), after=after, limit=self.limit)

    def note(self) -> Note:
        """Return the note on a part file of this that is just begun."""
        found = self.database.stat()
        place = f"{self.database.resolve()} {found.st_dev}:{found.st_ino}"
        asked = self.asked
        if self.after:
            asked += f" --after={self.after}"
        if self.limit is not None:
            asked += f" --limit={self.limit}"
        return Note(place, asked, time.time(), self.format)


def format_of(target: Path) -> str | None:
    """Return the format that a file's name stands for: JSON lines without an ending.

    None: it has one that no format has.
    """
    name = target.with_suffix("") if target.suffix == ".gz" else target
    return _ENDINGS.get(name.suffix.lower()) if name.suffix else "jsonl"


def export_to_stream(
    reader: Reader,
    request: Request,
    writer: Writer,
    stream: BinaryIO,
    progress: Progress,
) -> int:
    """Write records to a stream; return how many."""
    stream.write(writer.begin())
    written = 0
    export = request.export(reader, at=time.time(), after=request.after)
    for rows in followed(export, progress):
        stream.write(writer.encoded(rows))
        written += len(rows)
    stream.write(writer.end())
    stream.flush()
    return written


def export_to_file(
    reader: Reader,
    request: Request,
    writer: Writer,
    target: Path,
    progress: Progress,
) -> int:
    """Write records to a file, or those that its part file lacks; return how many.

    Raises TransferError when it can't be written.
    """
    note = read_note(target) or request.note()
    if not request.goes_on:
        note.last_id = note.size_bytes = 0
    written = 0
    with open_part(target, note) as part:
        if not note.size_bytes:
            part.write(writer.begin(), 0)
        after = max(request.after, note.last_id)
        export = request.export(reader, at=note.at, after=after)
        last_id = after
        for rows in followed(export, progress):
            last_id = rows[-1].id
            part.write(writer.encoded(rows), last_id)
            written += len(rows)
        part.write(writer.end(), last_id)
    return written


def followed(export: Export, progress: Progress) -> Iterator[list[StoredRow]]:
    """Yield the records of an export, and tell how far it is."""
    total = max(0, export.high - export.low + 1)
    for rows in export.steps():
        yield rows
        progress(rows[-1].id - export.low + 1, total)
    progress(total, total)


def check_target(target: Path, request: Request, *, overwrite: bool) -> int:
    """Make sure that a file may be written; return behind which id it goes on.

    That is 0 where nothing is there of it. With `overwrite` what is there and
    can't be gone on with is removed. Raises TransferError, and ReadError for what
    is no file of its own.
    """
    if not target.parent.is_dir():
        raise TransferError(f"{target}: is no file in a folder that is there")
    if is_there(request.database, target) and not overwrite:
        raise TransferError(
            f"{target}: is there already; --overwrite makes it anew, --continue "
            "adds what is new since"
        )
    fresh = request.note()
    with explaining(target):
        note = read_note(target)
    if note is None:
        return 0
    if (note.database, note.asked, note.format) == (
        fresh.database,
        fresh.asked,
        fresh.format,
    ):
        return note.last_id if request.goes_on else 0
    if not overwrite:
        raise in_the_way(
            part_of(target),
            "it is a part of another export (another query, database or format), "
            "which --overwrite does away with",
        )
    with explaining(target):
        discard(target)
    return 0


def reopen(reader: Reader, request: Request, target: Path) -> int:
    """Make a complete file a part file again; return the last id in it.

    Raises TransferError when it is not known to hold records of the database, and
    ReadError where it is no file of its own.
    """
    is_there(request.database, target)
    if request.format == "parquet":
        raise TransferError(
            f"{target}: a parquet file can't be added to; export what is new into "
            "another one, with --after"
        )
    with explaining(target):
        if read_note(target) is not None:
            raise in_the_way(part_of(target), "it is an export that has not ended")
    last_id, created = last_record(target, request.format)
    found = reader.rows("SELECT created FROM records WHERE id = ?", (last_id,))
    newest = reader.value("SELECT coalesce(max(id), 0) FROM records")
    if found[0][0] != created if found else newest < last_id:
        raise TransferError(
            f"{target}: its last record, with id {last_id}, is not one of "
            f"{request.database}"
        )
    note = request.note()
    note.last_id, note.size_bytes = last_id, target.stat().st_size
    with explaining(target):
        write_note(note_of(target), note)
        target.rename(part_of(target))
    return last_id
