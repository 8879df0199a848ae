"""Read the pickles of stock SocketHandlers by what they have in common.

Most bytes of a stock record come again and again: the attributes' names, the
path and function of a log statement, the process. So a record is read as
three runs of opcodes that are looked up whole, with the values that vary
between them: the message, three times, the process, extra attributes.

A shortcut beside the machine in pickles.py, and never more than that: it
takes only opcodes that make numbers, short texts, None, and small lists and
dictionaries of these (and memoizes nothing, as nothing is fetched again), and
leaves every other payload, also every malformed one, to the machine. Both
read the same attributes.
"""

from __future__ import annotations

import struct
import sys
from typing import Final, final

from collector.wire.opaque import MAX_KEY_CHARS

# A dictionary, memoized, and the first attribute's name: protocol 1, which is
# what SocketHandler.makePickle writes.
START: Final = b"}q\x00(X\x04\x00\x00\x00nameq\x01X"

# A run ends behind one of these names and the byte of its memo index, in
# front of a value that varies.
MESSAGE: Final = b"X\x03\x00\x00\x00msgq"
CREATED: Final = b"X\x07\x00\x00\x00createdq"
PROCESS: Final = b"X\x07\x00\x00\x00processq"

# The values of created, msecs and relativeCreated with the names between.
TIMES: Final = struct.Struct(">xd13xd23xd")
MSECS: Final = b"X\x05\x00\x00\x00msecsq"
RELATIVE: Final = b"X\x0f\x00\x00\x00relativeCreatedq"
FIRST_TIME: Final = 0
SECOND_TIME: Final = 21
THIRD_TIME: Final = 52

_DOUBLE: Final = struct.Struct(">d")

# Bounds of what is kept: a peer can make up runs without end.
MAX_RUN_BYTES: Final = 2048
MAX_KEPT: Final = 4096
MAX_TEXT_BYTES: Final = 65536
MAX_DIGITS: Final = 24

# More values than this are for the machine, which counts its operations; and
# so are deeper ones, which it cuts.
MAX_EXTRA: Final = 100
MAX_DEPTH: Final = 8


# Attributes that stand outside of runs.
VARYING: Final = frozenset({"msg", "created", "msecs", "relativeCreated", "process"})


@final
class Run:
    """Attributes that stand together in the pickle, all of them constant."""

    __slots__ = ("attributes",)

    def __init__(self, attributes: dict[str, object]) -> None:
        self.attributes: Final = attributes


@final
class StockReader:
    """Reads stock records, remembering the runs it has seen."""

    def __init__(self) -> None:
        self._runs: dict[bytes, Run] = {}
        self._templates: dict[tuple[Run, Run, Run], dict[str, object]] = {}
        self._scanner: _Scanner = _Scanner()

    def read(self, data: bytes) -> dict[str, object] | None:
        """Return the attributes in `data`; None where the machine must read it.

        The attributes are plain values, as `plain` makes them.
        """
        if not data.startswith(START):
            return None
        try:
            return self._read(data)
        except (IndexError, ValueError, struct.error):
            # Truncated or malformed: the machine says what is wrong.
            return None

    def _read(self, data: bytes) -> dict[str, object] | None:
        # The first run begins behind the opcodes that make the dictionary.
        end = _run_end(data, 4, MESSAGE)
        first = self._run(data, 4, end, MESSAGE)
        if first is None or data[end] != 0x58:
            return None
        start = end + 5
        end = start + _four(data, end + 1)
        if end - start > MAX_TEXT_BYTES or data[end] != 0x71:
            return None
        message = data[start:end].decode("utf-8")
        start = end + 2
        end = _run_end(data, start, CREATED)
        second = self._run(data, start, end, CREATED)
        if second is None or not _are_times(data, end):
            return None
        created, msecs, relative = TIMES.unpack_from(data, end)
        start = end + TIMES.size
        end = _run_end(data, start, PROCESS)
        third = self._run(data, start, end, PROCESS)
        if third is None:
            return None
        runs = (first, second, third)
        template = self._templates.get(runs)
        if template is None:
            template = self._keep_template(runs)
        attributes = template.copy()
        attributes["msg"] = message
        attributes["created"] = created
        attributes["msecs"] = msecs
        attributes["relativeCreated"] = relative
        scanner = self._scanner
        scanner.pos = end
        scanner.left = MAX_EXTRA
        scanner.depth = 0
        attributes["process"] = scanner.value(data)
        return scanner.attributes(data, attributes)

    def _run(self, data: bytes, start: int, end: int, mark: bytes) -> Run | None:
        """Return the run between two positions; None where it is none."""
        if end == 0:
            return None
        raw = data[start:end]
        run = self._runs.get(raw)
        if run is None:
            run = _Scanner().run(raw, mark)
            if run is not None:
                if len(self._runs) >= MAX_KEPT:
                    self._runs.clear()
                self._runs[raw] = run
        return run

    def _keep_template(self, runs: tuple[Run, Run, Run]) -> dict[str, object]:
        if len(self._templates) >= MAX_KEPT:
            self._templates.clear()
        # In the order in which a stock record has them.
        template: dict[str, object] = {}
        template.update(runs[0].attributes)
        template["msg"] = None
        template.update(runs[1].attributes)
        for name in ("created", "msecs", "relativeCreated"):
            template[name] = None
        template.update(runs[2].attributes)
        template["process"] = None
        self._templates[runs] = template
        return template


@final
class _Scanner:
    """Reads the few opcodes that are taken here, from `pos` on.

    Its methods raise IndexError or ValueError for any other.
    """

    def __init__(self) -> None:
        self.pos: int = 0
        self.left: int = MAX_EXTRA
        self.depth: int = 0

    def run(self, raw: bytes, mark: bytes) -> Run | None:
        """Read a run: names and values, and one name at its end."""
        try:
            attributes: dict[str, object] = {}
            while True:
                start = self.pos
                name = self._name(raw)
                if self.pos == len(raw):
                    # A longer name may end in the bytes of the mark.
                    whole = start + len(mark) + 1 == len(raw)
                    return Run(attributes) if whole else None
                if name in VARYING:
                    # Of two of one name the later counts, as the machine says.
                    return None
                value = self.value(raw)
                if isinstance(value, (list, dict)):
                    return None  # what is remembered can't be changed
                # Looked up for each record: quicker with the very same texts.
                attributes[sys.intern(name)] = value
        except (IndexError, ValueError, struct.error):
            return None

    def attributes(
        self, data: bytes, attributes: dict[str, object]
    ) -> dict[str, object] | None:
        """Add names and values up to the end of the pickle."""
        while data[self.pos] == 0x58:  # BINUNICODE
            name = self._name(data)
            attributes[name] = self.value(data)
        # SETITEMS, STOP and nothing behind.
        if data[self.pos] != 0x75 or data[self.pos + 1] != 0x2E:
            return None
        return attributes if len(data) == self.pos + 2 else None

    def _name(self, data: bytes) -> str:
        name = self.value(data)
        if not isinstance(name, str) or len(name) > MAX_KEY_CHARS:
            raise ValueError("no name")
        return name

    def value(self, data: bytes) -> object:
        """Read one value."""
        self.left -= 1
        if self.left < 0 or self.depth > MAX_DEPTH:
            raise ValueError("too many values for this shortcut")
        op = data[self.pos]
        start = self.pos + 1
        if op == 0x58:  # BINUNICODE, then BINPUT
            start += 4
            end = start + _four(data, start - 4)
            if end - start > MAX_TEXT_BYTES or data[end] != 0x71:
                raise ValueError("no short text")
            self.pos = end + 2
            return data[start:end].decode("utf-8")
        if op == 0x4E:  # NONE
            self.pos = start
            return None
        if op == 0x4B:  # BININT1
            self.pos = start + 1
            return data[start]
        if op == 0x4D:  # BININT2
            self.pos = start + 2
            return data[start] | (data[start + 1] << 8)
        if op == 0x4A:  # BININT
            self.pos = start + 4
            number = _four(data, start)
            return number if number < 0x80000000 else number - 0x100000000
        if op == 0x47:  # BINFLOAT
            self.pos = start + 8
            return _DOUBLE.unpack_from(data, start)[0]
        if op == 0x4C:  # LONG
            end = data.find(b"L\n", start, start + MAX_DIGITS)
            if end < 0:  # compiled, data[start:-1] may be a SystemError
                raise ValueError("no short number")
            digits = data[start:end]
            if not digits.isdigit():
                raise ValueError("no plain number")
            self.pos = end + 2
            return int(digits)
        if op == 0x49 and data[start] == 0x30:  # INT, as which bools are written
            digits = data[start : start + 3]
            if digits == b"01\n" or digits == b"00\n":
                self.pos = start + 3
                return digits == b"01\n"
        if op == 0x7D:  # EMPTY_DICT, then BINPUT
            self.depth += 1
            pairs = self._dict(data)
            self.depth -= 1
            return pairs
        if op == 0x5D:  # EMPTY_LIST, then BINPUT
            self.depth += 1
            items = self._list(data)
            self.depth -= 1
            return items
        raise ValueError("not taken here")

    def _dict(self, data: bytes) -> dict[str, object]:
        self._container(data)
        result: dict[str, object] = {}
        if data[self.pos] == 0x28:  # MARK
            self.pos += 1
            while data[self.pos] != 0x75:  # SETITEMS
                name = self._name(data)
                result[name] = self.value(data)
            self.pos += 1
        return result

    def _list(self, data: bytes) -> list[object]:
        self._container(data)
        result: list[object] = []
        if data[self.pos] == 0x28:  # MARK
            self.pos += 1
            while data[self.pos] != 0x65:  # APPENDS
                result.append(self.value(data))
            self.pos += 1
        return result

    def _container(self, data: bytes) -> None:
        # A container of one item has no MARK. It is taken for an empty one
        # here, and then the item's own end is taken for nothing known: such
        # records are left to the machine.
        if data[self.pos + 1] != 0x71:  # BINPUT
            raise ValueError("not taken here")
        self.pos += 3


def _run_end(data: bytes, start: int, name: bytes) -> int:
    """Return where the run from `start` ends; 0 where there is none in reach."""
    found = data.find(name, start, start + MAX_RUN_BYTES)
    return found + len(name) + 1 if found >= 0 else 0


def _are_times(data: bytes, pos: int) -> bool:
    return (
        data[pos + FIRST_TIME] == 0x47
        and data[pos + SECOND_TIME] == 0x47
        and data[pos + THIRD_TIME] == 0x47
        and data.startswith(MSECS, pos + 9)
        and data.startswith(RELATIVE, pos + 30)
    )


def _four(data: bytes, pos: int) -> int:
    return (
        data[pos] | (data[pos + 1] << 8) | (data[pos + 2] << 16) | (data[pos + 3] << 24)
    )
