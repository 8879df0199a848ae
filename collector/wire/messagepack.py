"""Read MessagePack as data, within the limits.

A reader of our own, because the budgets must hold before memory is taken:
an empty array is one byte on the wire and 56 in memory, and a map may have
colliding integers as keys. Keys become str here, so nothing foreign is hashed.
"""

from __future__ import annotations

import struct
from typing import Final, final

from collector.errors import DecodeError
from collector.wire.limits import DecodeLimits
from collector.wire.opaque import key_text

_FLOAT: Final = struct.Struct(">f")
_DOUBLE: Final = struct.Struct(">d")

# Nesting beyond this is no log record, and would exhaust the stack.
MAX_NESTING: Final = 200

# Bytes of texts that are not UTF-8 and are shown escaped, which is slow.
MAX_BYTES_ESCAPED: Final = 64 * 1024


@final
class MessagePackReader:
    """Reads MessagePack documents one after the other, within the same limits."""

    def __init__(self, limits: DecodeLimits) -> None:
        self._max_operations: int = limits.max_operations
        self._data: bytes = b""
        self._pos: int = 0
        self._left: int = 0
        self._max_text_bytes: int = limits.max_text_bytes
        self._text_left: int = 0
        self._escapes_left: int = 0

    def read(self, data: bytes) -> object:
        """Return the value of the document `data`: dicts, lists and scalars.

        Byte strings become bytes, extension values too. Raises DecodeError
        for anything that is not one whole document within the limits.
        """
        self._data = data
        self._pos = 0
        self._left = self._max_operations
        self._text_left = self._max_text_bytes
        self._escapes_left = MAX_BYTES_ESCAPED
        try:
            value = self._value(0)
        except IndexError:
            raise DecodeError("truncated_messagepack", "it ends too early") from None
        finally:
            self._data = b""
        if self._pos != len(data):
            raise DecodeError(
                "malformed_messagepack", f"{len(data) - self._pos} bytes follow its end"
            )
        return value

    def _value(self, depth: int) -> object:
        self._left -= 1
        if self._left < 0:
            raise DecodeError(
                "too_many_operations", f"it has more than {self._max_operations} values"
            )
        if depth > MAX_NESTING:
            raise DecodeError("too_deep", f"it is nested deeper than {MAX_NESTING}")
        kind = self._data[self._pos]
        self._pos += 1
        if kind < 0x80:
            return kind
        if kind < 0x90:
            return self._map(kind & 0x0F, depth)
        if kind < 0xA0:
            return self._array(kind & 0x0F, depth)
        if kind < 0xC0:
            return self._text(kind & 0x1F)
        if kind >= 0xE0:
            return kind - 0x100
        if kind == 0xC0:
            return None
        if kind == 0xC2:
            return False
        if kind == 0xC3:
            return True
        if 0xC4 <= kind <= 0xC6:
            return self._take(self._unsigned(1 << (kind - 0xC4)))
        if 0xC7 <= kind <= 0xC9:
            length = self._unsigned(1 << (kind - 0xC7))
            return self._extension(length)
        if kind == 0xCA:
            return _FLOAT.unpack(self._take(4))[0]
        if kind == 0xCB:
            return _DOUBLE.unpack(self._take(8))[0]
        if 0xCC <= kind <= 0xCF:
            return self._unsigned(1 << (kind - 0xCC))
        if 0xD0 <= kind <= 0xD3:
            raw = self._take(1 << (kind - 0xD0))
            return int.from_bytes(raw, "big", signed=True)
        if 0xD4 <= kind <= 0xD8:
            return self._extension(1 << (kind - 0xD4))
        if 0xD9 <= kind <= 0xDB:
            return self._text(self._unsigned(1 << (kind - 0xD9)))
        if kind == 0xDC or kind == 0xDD:
            return self._array(self._unsigned(2 if kind == 0xDC else 4), depth)
        if kind == 0xDE or kind == 0xDF:
            return self._map(self._unsigned(2 if kind == 0xDE else 4), depth)
        raise DecodeError("malformed_messagepack", f"0x{kind:02x} is no type")

    def _take(self, length: int) -> bytes:
        start = self._pos
        if length > len(self._data) - start:
            raise DecodeError(
                "truncated_messagepack",
                f"it claims {length} bytes where {len(self._data) - start} remain",
            )
        self._pos = start + length
        return self._data[start : self._pos]

    def _unsigned(self, width: int) -> int:
        return int.from_bytes(self._take(width), "big")

    def _text(self, length: int) -> str:
        raw = self._take(length)
        if not raw.isascii():
            # As in a pickle: up to four bytes a character, and again to read.
            self._text_left -= 8 * length
            if self._text_left < 0:
                raise DecodeError("too_much_text", "its texts would take too much")
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            self._escapes_left -= length
            if self._escapes_left < 0:
                return raw.decode("utf-8", "replace")
            return raw.decode("utf-8", "backslashreplace")

    def _extension(self, length: int) -> bytes:
        self._take(1)
        return self._take(length)

    def _array(self, count: int, depth: int) -> list[object]:
        self._claim(count)
        return [self._value(depth + 1) for _ in range(count)]

    def _map(self, count: int, depth: int) -> dict[str, object]:
        self._claim(2 * count)
        result: dict[str, object] = {}
        for _ in range(count):
            key = self._value(depth + 1)
            result[key_text(key)] = self._value(depth + 1)
        return result

    def _claim(self, count: int) -> None:
        # Each value takes a byte at least.
        if count > len(self._data) - self._pos:
            raise DecodeError(
                "truncated_messagepack", f"it claims {count} values more than it holds"
            )
