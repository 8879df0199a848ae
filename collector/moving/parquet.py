"""Records as an Apache Parquet file, with pyarrow where that is installed."""

from __future__ import annotations

import io
from typing import Any, Final

from collector.errors import TransferError
from collector.moving.line import COLUMNS, values_of
from collector.store.stored_rows import StoredRow

# Records of a row group, and their characters, all of which is in memory.
GROUP_ROWS: Final = 50_000
GROUP_CHARS: Final = 32_000_000

_NUMBERS: Final = {"id", "levelno", "process", "thread", "lineno"}
_TIMES: Final = {"created", "received", "started"}


class ParquetWriter:
    """Makes a Parquet file, a row group at a time.

    It has the columns of a line: times as epoch seconds, `extra` as JSON text.
    Such a file can't be gone on with: what is in it is told at its end. Raises
    TransferError where pyarrow is not installed.
    """

    def __init__(self) -> None:
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError:
            raise TransferError(
                "parquet needs pyarrow: pip install pyarrow, or choose --format jsonl"
            ) from None
        self._pa: Any = pa
        self._schema = pa.schema([(name, _type(pa, name)) for name in COLUMNS])
        self._made = _Made()
        # Names and levels repeat, messages hardly do.
        repeated = [name for name in COLUMNS if name not in {"message", "extra", "id"}]
        self._writer: Any = pq.ParquetWriter(
            self._made,
            self._schema,
            compression="zstd",
            use_dictionary=repeated,
        )
        self._rows: list[tuple[object, ...]] = []
        self._chars = 0

    def begin(self) -> bytes:
        """Return the beginning of the file."""
        return self._made.take()

    def encoded(self, rows: list[StoredRow]) -> bytes:
        """Return the row group that is full with these records, if one is."""
        self._rows += map(values_of, rows)
        self._chars += sum(row.chars for row in rows)
        if len(self._rows) >= GROUP_ROWS or self._chars >= GROUP_CHARS:
            self._write_group()
        return self._made.take()

    def end(self) -> bytes:
        """Return the rest of the file."""
        if self._rows:
            self._write_group()
        self._writer.close()
        return self._made.take()

    def _write_group(self) -> None:
        columns = zip(*self._rows, strict=True)
        try:
            table = self._pa.table(
                [
                    self._pa.array(column, type=field.type)
                    for column, field in zip(columns, self._schema, strict=True)
                ],
                schema=self._schema,
            )
        except (self._pa.ArrowException, TypeError) as error:
            raise TransferError(
                f"a record can't be put into parquet: {error}"
            ) from None
        self._writer.write_table(table)
        self._rows, self._chars = [], 0


def _type(pa: Any, name: str) -> Any:
    if name in _NUMBERS:
        return pa.int64()
    return pa.float64() if name in _TIMES else pa.string()


class _Made(io.RawIOBase):
    """A file whose content is taken away as it grows."""

    def __init__(self) -> None:
        self._content = bytearray()
        self._taken_bytes = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._content += data
        return len(data)

    def tell(self) -> int:
        return self._taken_bytes + len(self._content)

    def take(self) -> bytes:
        content = bytes(self._content)
        self._taken_bytes += len(content)
        self._content.clear()
        return content
