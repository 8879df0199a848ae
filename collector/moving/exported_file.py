"""What a file that was exported says of itself."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from collector.errors import TransferError
from collector.moving.bounded_lines import MAX_LINE_BYTES, bounded_lines, plain


class _Beginning(msgspec.Struct):
    id: int
    created: float


def last_record(target: Path, output_format: str) -> tuple[int, float]:
    """Return the id of the last record in a complete file, and its time.

    Raises TransferError where that can't be told.
    """
    found = (0, 0.0)
    try:
        with target.open("rb") as file:
            start = file.read(2)
            file.seek(0)
            stream = plain(file, start)
            records = _of_csv if output_format == "csv" else _of_lines
            for record in records(stream, str(target)):
                found = record
    except OSError as error:
        raise TransferError(f"{target}: cannot be read: {error.strerror}") from None
    except (ValueError, IndexError, csv.Error) as error:
        raise TransferError(
            f"{target}: cannot be gone on with: its last record is not whole ({error})"
        ) from None
    return found


def _of_lines(stream: BinaryIO, name: str) -> Iterator[tuple[int, float]]:
    last = b""
    for line, _ in bounded_lines(stream, name):
        last = line
    if last:
        found = msgspec.json.decode(last, type=_Beginning)
        yield found.id, found.created


def _of_csv(stream: BinaryIO, name: str) -> Iterator[tuple[int, float]]:
    before = csv.field_size_limit(MAX_LINE_BYTES)
    try:
        text = io.TextIOWrapper(cast("io.BufferedIOBase", stream), "utf-8", newline="")
        rows = csv.reader(text)
        if next(rows, [])[:2] != ["id", "created"]:
            raise ValueError(f"{name} does not begin with the names of the columns")
        last: list[str] = []
        for row in rows:
            last = row
        if last:
            yield int(last[0]), float(last[1])
    finally:
        csv.field_size_limit(before)
