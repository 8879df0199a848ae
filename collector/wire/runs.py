"""Runs: stretches of pickled attributes that come again in record after record.

Most of a stock record's bytes are the same for each call of a log statement:
the names of the attributes, the path, the function, the process. What a
stretch of opcodes does that only pushes and memoizes plain values depends on
nothing but its bytes, so it is worked out once and then looked up. This is
what makes the machine as fast as it is; it changes no result.
"""

from __future__ import annotations

import struct
from typing import Final, final

# How a stock record starts: a dictionary, memoized, and its first key.
STOCK_START: Final = b"}q\x00(X\x04\x00\x00\x00nameq\x01X"
STOCK_START_BYTES: Final = 4

# A run ends behind one of these keys, in front of a value that varies.
MESSAGE_KEY: Final = b"X\x03\x00\x00\x00msgq"
CREATED_KEY: Final = b"X\x07\x00\x00\x00createdq"
PROCESS_KEY: Final = b"X\x07\x00\x00\x00processq"

# Between the second run and the third: created, msecs and relativeCreated.
STAMPS: Final = struct.Struct(">xd13xd23xd")
_MSECS_KEY: Final = b"X\x05\x00\x00\x00msecsq"
_RELATIVE_KEY: Final = b"X\x0f\x00\x00\x00relativeCreatedq"
_MSECS_AT: Final = 9
_RELATIVE_AT: Final = 30
_BINFLOAT: Final = 0x47

# Bounds of what is kept: a peer can make up runs without end.
MAX_RUN_BYTES: Final = 2048
MAX_RUNS: Final = 4096


@final
class Run:
    """What a run does: the values it pushes, those it memoizes from an index on."""

    def __init__(
        self, values: list[object], memo_start: int, memoized: list[object]
    ) -> None:
        self.values: Final = values
        self.memo_start: Final = memo_start
        self.memoized: Final = memoized


@final
class RunTable:
    """The runs that are known, by their bytes; bounded."""

    def __init__(self) -> None:
        self._runs: dict[bytes, Run] = {}

    def take(
        self,
        data: bytes,
        start: int,
        key: bytes,
        stack: list[object],
        memo: list[object],
    ) -> int:
        """Do what the run that starts at `start` and ends with `key` does.

        Returns where it ends; `start` where there is no such run.
        """
        end = data.find(key, start, start + MAX_RUN_BYTES)
        if end < 0:
            return start
        # Behind the key stands the one byte of its memo index.
        end += len(key) + 1
        raw = data[start:end]
        run = self._runs.get(raw)
        if run is None:
            run = read_run(raw, len(memo))
            if run is None:
                return start
            if len(self._runs) >= MAX_RUNS:
                self._runs.clear()
            self._runs[raw] = run
        elif run.memo_start != len(memo):
            return start
        stack += run.values
        memo += run.memoized
        return end


def is_stamps(data: bytes, pos: int, memo_size: int) -> bool:
    """Tell whether the three times stand at `pos`, memoized as expected."""
    return (
        len(data) - pos > STAMPS.size
        and data[pos] == _BINFLOAT
        and data.startswith(_MSECS_KEY, pos + _MSECS_AT)
        and data[pos + _MSECS_AT + 11] == memo_size
        and data[pos + _MSECS_AT + 12] == _BINFLOAT
        and data.startswith(_RELATIVE_KEY, pos + _RELATIVE_AT)
        and data[pos + _RELATIVE_AT + 21] == memo_size + 1
        and data[pos + _RELATIVE_AT + 22] == _BINFLOAT
    )


def read_run(raw: bytes, memo_size: int) -> Run | None:
    """Work out what the opcodes in `raw` do, where they only push plain values.

    `memo_size` is the index that the first memoized value must have; the
    others must follow. None for anything else: the machine then reads it.
    """
    values: list[object] = []
    memoized: list[object] = []
    size = len(raw)
    pos = 0
    try:
        while pos < size:
            op = raw[pos]
            pos += 1
            if op == 0x58:  # BINUNICODE
                length = int.from_bytes(raw[pos : pos + 4], "little")
                pos += 4
                if length > size - pos:
                    return None
                values.append(raw[pos : pos + length].decode("utf-8"))
                pos += length
            elif op == 0x71:  # BINPUT
                if raw[pos] != memo_size + len(memoized):
                    return None
                memoized.append(values[-1])
                pos += 1
            elif op == 0x4E:  # NONE
                values.append(None)
            elif op == 0x4B:  # BININT1
                values.append(raw[pos])
                pos += 1
            elif op == 0x4D:  # BININT2
                values.append(raw[pos] | (raw[pos + 1] << 8))
                pos += 2
            elif op == 0x4C:  # LONG
                end = raw.find(b"L\n", pos, pos + 24)
                if end < 0:
                    return None
                values.append(int(raw[pos:end]))
                pos = end + 2
            else:
                return None
    except (IndexError, ValueError):
        return None
    return Run(values, memo_size, memoized)
