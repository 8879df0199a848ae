"""Lines of a file, also a compressed one, none of them longer than a bound."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from typing import IO, Final, cast

from collector.errors import TransferError

# The largest frame, every byte of it written as an escape, and some more.
MAX_LINE_BYTES: Final = 100 * 1024 * 1024

GZIP_MAGIC: Final = b"\x1f\x8b"

# Of a line that is too long, what is kept to show.
_SHOWN_BYTES: Final = 64 * 1024
_READ_BYTES: Final = 1024 * 1024


def plain(file: IO[bytes], start: bytes) -> IO[bytes]:
    """Return a file as it is without compression; `start` is how it begins."""
    if start.startswith(GZIP_MAGIC):
        return cast("IO[bytes]", gzip.GzipFile(fileobj=file))
    return file


def bounded_lines(file: IO[bytes], name: str) -> Iterator[tuple[bytes, int]]:
    """Yield lines without their newline, and the length of each in bytes.

    A line is cut to its beginning where it is longer than the bound: then it
    is shorter than its length. Raises TransferError, with the name of the
    file, for what can't be read.
    """
    try:
        while line := file.readline(MAX_LINE_BYTES):
            size = len(line)
            if size == MAX_LINE_BYTES and not line.endswith(b"\n"):
                line = line[:_SHOWN_BYTES]
                while rest := file.readline(_READ_BYTES):
                    size += len(rest)
                    if rest.endswith(b"\n"):
                        break
                if size == MAX_LINE_BYTES:
                    # It ends just there, with the file.
                    size += 1
            else:
                line = line.rstrip(b"\r\n")
                size = len(line)
            yield line, size
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TransferError(f"{name}: cannot be read further: {reason}") from None
