"""Write attributes as SocketHandler does: a pickle of protocol 1.

Plain values need few opcodes, and nothing here is ever read, so this needs no
`pickle`. The bytes are those that the standard library makes (each text is
memoized, though none is fetched again), as `stock.py` reads them fastest.
"""

from __future__ import annotations

import struct
from typing import Final, final

_DOUBLE: Final = struct.Struct(">d")
_LENGTH: Final = struct.Struct("<I")
_SHORT: Final = struct.Struct("<H")
_INT32: Final = struct.Struct("<i")

# What is nested more deeply is cut off here, as every decoder of ours has done.
MAX_DEPTH: Final = 100
CUT: Final = "…"


# Short texts (names, levels, paths) come again in every record: they are encoded
# once.
TEXTS_KEPT: Final = 4096
TEXT_KEPT_CHARS: Final = 32

# What keeps a value in the memo, by its number; those above have four bytes.
_MEMO: Final = tuple(b"q" + bytes([number]) for number in range(256))


@final
class StockWriter:
    """Writes pickles one after the other."""

    def __init__(self) -> None:
        self._texts: dict[str, bytes] = {}
        self._parts: list[bytes] = []
        self._memoized: int = 0

    def pickled(self, attributes: dict[str, object]) -> bytes:
        """Return the pickle of a record's attributes.

        Values are None, bool, int, float, str and lists and dicts (with str keys)
        of these; any other raises TypeError.
        """
        self._parts = []
        self._memoized = 0
        self._mapping(attributes, 1)
        self._parts.append(b".")
        return b"".join(self._parts)

    def _value(self, value: object, depth: int) -> None:
        parts = self._parts
        if isinstance(value, str):
            self._text(value)
        elif value is None:
            parts.append(b"N")
        elif isinstance(value, bool):
            parts.append(b"I01\n" if value else b"I00\n")
        elif isinstance(value, int):
            parts.append(_integer(value))
        elif isinstance(value, float):
            parts.append(b"G" + _DOUBLE.pack(value))
        elif not isinstance(value, (dict, list)):
            raise TypeError(f"a record has no value of type {type(value).__name__}")
        elif depth > MAX_DEPTH:
            self._text(CUT)
        elif isinstance(value, dict):
            self._mapping(value, depth + 1)
        else:
            self._list(value, depth + 1)

    def _mapping(self, value: dict[str, object], depth: int) -> None:
        self._parts.append(b"}")
        self._memoize()
        if not value:
            return
        # One alone is set without a mark.
        if len(value) > 1:
            self._parts.append(b"(")
        for key, item in value.items():
            self._text(key)
            self._value(item, depth)
        self._parts.append(b"u" if len(value) > 1 else b"s")

    def _list(self, value: list[object], depth: int) -> None:
        self._parts.append(b"]")
        self._memoize()
        if not value:
            return
        if len(value) > 1:
            self._parts.append(b"(")
        for item in value:
            self._value(item, depth)
        self._parts.append(b"e" if len(value) > 1 else b"a")

    def _text(self, text: str) -> None:
        written = self._texts.get(text)
        if written is None:
            encoded = text.encode("utf-8", "surrogatepass")
            written = b"X" + _LENGTH.pack(len(encoded)) + encoded
            if len(text) <= TEXT_KEPT_CHARS:
                if len(self._texts) >= TEXTS_KEPT:
                    self._texts.clear()
                self._texts[text] = written
        self._parts.append(written)
        self._memoize()

    def _memoize(self) -> None:
        """Keep the value before it under the next number."""
        number = self._memoized
        self._memoized = number + 1
        if number < 256:
            self._parts.append(_MEMO[number])
        else:
            self._parts.append(b"r" + _LENGTH.pack(number))


def _integer(value: int) -> bytes:
    if 0 <= value < 0x100:
        return b"K" + value.to_bytes(1, "little")
    if 0 <= value < 0x10000:
        return b"M" + _SHORT.pack(value)
    if -0x80000000 <= value < 0x80000000:
        return b"J" + _INT32.pack(value)
    return b"L%dL\n" % value
