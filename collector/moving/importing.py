"""Importing: records of files and other databases into a database."""

from __future__ import annotations

import io
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, cast

from collector.errors import CollectorError, TransferError
from collector.moving import dagrunner
from collector.moving.bounded_lines import GZIP_MAGIC, plain
from collector.moving.json_lines import JsonLines
from collector.moving.portion import Portion
from collector.moving.stored_records import StoredRecords
from collector.store.graft import was_ours
from collector.store.import_target import ImportTarget, chars_of
from collector.store.salvage import Losses
from collector.store.source import HEADER, Kind, Source, open_source

STDIN: Final = Path("-")

# Records that are looked up together, and their characters, all in memory.
WINDOW_RECORDS: Final = 20_000
WINDOW_CHARS: Final = 16_000_000

# What else a file may be, by how it begins.
_OTHERS: Final = {
    b"PAR1": "a parquet file, which can be exported and not imported",
    b"PK\x03\x04": "a zip file: unpack it first",
    b"\xfd7zXZ\x00": "an xz file: unpack it first",
    b"(\xb5/\xfd": "a zstd file: unpack it first",
    b"BZh": "a bzip2 file: unpack it first",
}

# Called with how much of how much of a source is read.
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Summary:
    """What has come so far of importing one source.

    there: records that were in the database already. first_reject: what is
    wrong with the first line that was rejected. lost: what is in a
    damaged source and can't be read. is_grafted: whether that has lost its
    first page.
    """

    imported: int = 0
    there: int = 0
    rejected: int = 0
    first_reject: str = ""
    lost: Losses = field(default_factory=Losses)
    is_grafted: bool = False

    @property
    def is_any(self) -> bool:
        """Whether anything was read."""
        return bool(self.imported or self.there or self.rejected or self.lost.keys)


def import_from(
    path: Path, target: ImportTarget, summary: Summary, progress: Progress
) -> None:
    """Import all records of a file, or of stdin for `-`, counted in `summary`.

    Raises TransferError or ReadError for what can't be read; what had been
    read by then is imported.
    """
    if path == STDIN:
        stdin = io.BufferedReader(cast("io.RawIOBase", sys.stdin.buffer))
        lines = JsonLines("stdin", at=time.time())
        portions = lines_of(stdin, stdin.peek(1), lines)
        bring(portions, target, summary, progress)
        return
    try:
        with path.open("rb") as file:
            # A pipe can't be read twice.
            start = file.peek(len(HEADER))[: len(HEADER)]
            found = os.fstat(file.fileno())
            is_pipe = not stat.S_ISREG(found.st_mode)
            if is_pipe or not is_database(path, start):
                at = time.time() if is_pipe else found.st_mtime
                portions = lines_of(file, start, JsonLines(str(path), at=at))

                def read(done: int, total: int) -> None:
                    if not is_pipe:
                        # Of a compressed file, too.
                        done, total = file.tell(), found.st_size
                    progress(done, total)

                bring(portions, target, summary, read)
                return
    except OSError as error:
        reason = error.strerror or error
        raise TransferError(f"{path}: cannot be read: {reason}") from None
    with open_source(path) as source:
        summary.lost = source.lost
        summary.is_grafted = source.is_grafted
        bring(database_portions(source, path), target, summary, progress)


def is_database(path: Path, start: bytes) -> bool:
    """Tell whether a file that begins so is one, also where it has lost its start."""
    looks_like_json = start.lstrip()[:1] in (b"{", b"[")
    return start == HEADER or (not looks_like_json and was_ours(path))


def lines_of(file: BinaryIO, start: bytes, lines: JsonLines) -> Iterator[Portion]:
    """Return what the JSON lines of a file hold that begins with `start`."""
    if b"\0" in start and not start.startswith((GZIP_MAGIC, *_OTHERS)):
        raise TransferError(
            f"{lines.name}: neither JSON lines nor a database; of a database that has "
            "lost its beginning, the sqlite3 shell's .recover may save what is left"
        )
    for magic, meaning in _OTHERS.items():
        if start.startswith(magic):
            raise TransferError(f"{lines.name}: is {meaning}")
    return lines.portions(plain(file, start))


def database_portions(source: Source, path: Path) -> Iterator[Portion]:
    """Yield the records of a database; `done` counts their ids."""
    total = source.high - source.low + 1
    if source.kind is Kind.COLLECTOR:
        stored = StoredRecords()
        for rows in source.records():
            yield Portion(
                [stored.record(row) for row in rows],
                done=rows[-1].id - source.low + 1,
                total=total,
            )
        return
    at = path.stat().st_mtime
    for logs in source.logs():
        yield Portion(
            [dagrunner.record_of(row, at=at) for row in logs],
            done=logs[-1][0] - source.low + 1,
            total=total,
        )


def bring(
    portions: Iterator[Portion],
    target: ImportTarget,
    summary: Summary,
    progress: Progress,
) -> None:
    """Import what is not there yet, and count what came of it in `summary`."""
    target.begin()
    # Without look-ups the lock is free while the next portion is read.
    for window in windows(portions) if target.looks_up else portions:
        fresh = target.fresh(window.records)
        summary.there += len(window.records) - len(fresh)
        if window.rejects and not summary.rejected:
            summary.first_reject = window.rejects[0].detail
        summary.rejected += len(window.rejects)
        try:
            target.store(fresh, window.rejects)
        finally:
            summary.imported = target.stored
        progress(window.done, window.total)


def windows(portions: Iterator[Portion]) -> Iterator[Portion]:
    """Yield portions joined to as much as is worth looking up together."""
    window = Portion()
    chars = 0
    try:
        for portion in portions:
            window.records += portion.records
            window.rejects += portion.rejects
            window.done, window.total = portion.done, portion.total
            chars += sum(map(chars_of, portion.records))
            if len(window.records) >= WINDOW_RECORDS or chars >= WINDOW_CHARS:
                yield window
                window, chars = Portion(), 0
    except CollectorError:
        # A source that can be read no further.
        yield window
        raise
    yield window
