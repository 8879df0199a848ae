"""What a file that was exported says of itself."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec

from collector.errors import TransferError
from collector.moving.bounded_lines import MAX_LINE_BYTES, plain


class _Beginning(msgspec.Struct):
    id: int
    created: float


def last_record(target: Path, output_format: str) -> tuple[int, float]:
    """Return the id of the last record in a complete file, and its time; zeros if none.

    Raises TransferError where that can't be told.
    """
    try:
        with target.open("rb") as file:
            start = file.read(2)
            file.seek(0)
            stream = plain(file, start)
            found = _of_csv(stream) if output_format == "csv" else _of_lines(stream)
    except OSError as error:
        raise TransferError(f"{target}: cannot be read: {error.strerror}") from None
    except (ValueError, IndexError, EOFError, zlib.error, csv.Error) as error:
        raise TransferError(
            f"{target}: cannot be gone on with, its last record is not whole: {error}"
        ) from None
    if found is None:
        return 0, 0.0
    if not 0 < found[0] < 2**63:
        raise TransferError(
            f"{target}: cannot be gone on with, {found[0]} is no id of a record"
        )
    return found


def _of_lines(stream: IO[bytes]) -> tuple[int, float] | None:
    last = b""
    while line := stream.readline(MAX_LINE_BYTES):
        last = line
    if not last:
        return None
    if not last.endswith(b"\n"):
        raise ValueError("it has no end")
    found = msgspec.json.decode(last, type=_Beginning)
    return found.id, found.created


def _of_csv(stream: IO[bytes]) -> tuple[int, float] | None:
    before = csv.field_size_limit(MAX_LINE_BYTES)
    try:
        rows = csv.reader(_whole_lines(stream))
        if next(rows, [])[:2] != ["id", "created"]:
            raise ValueError("it does not begin with the names of the columns")
        last: list[str] = []
        for row in rows:
            last = row
        return (int(last[0]), float(last[1])) if last else None
    finally:
        csv.field_size_limit(before)


def _whole_lines(stream: IO[bytes]) -> Iterator[str]:
    while line := stream.readline(MAX_LINE_BYTES):
        if not line.endswith(b"\n"):
            raise ValueError("it has no end")
        yield line.decode()
