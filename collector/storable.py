"""Storable values: texts that UTF-8 can hold, values that JSON can.

Received values are odd; what they become here is bounded, and fits.
"""

from __future__ import annotations

import math
from typing import Final, final

import msgspec

# What a key may occupy.
MAX_KEY_CHARS: Final = 512

# All extra attributes of a record together; what is beyond is cut off.
MAX_EXTRA_CHARS: Final = 1024 * 1024
MAX_EXTRA_VALUES: Final = 20_000

# Nesting of one attribute, whatever the settings permit: SQLite's JSON functions
# take 1,000 levels, and the stack of Python as many calls.
MAX_EXTRA_DEPTH: Final = 200

# Long texts are repaired in place of characters, not with longer escapes,
# so that a hostile text can't grow.
MAX_ESCAPED_CHARS: Final = 1024 * 1024

CUT: Final = "…"

INT64_MIN: Final = -(1 << 63)
INT64_MAX: Final = (1 << 63) - 1
MAX_DECIMAL_BITS: Final = 1024


def clean(text: str) -> str:
    """Return `text` without lone surrogates and NUL, which are escaped."""
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            if len(text) <= MAX_ESCAPED_CHARS:
                text = text.encode("utf-8", "backslashreplace").decode("utf-8")
            else:
                text = text.encode("utf-8", "replace").decode("utf-8")
    if "\0" in text:
        text = text.replace("\0", "\\0" if len(text) <= MAX_ESCAPED_CHARS else "␀")
    return text


@final
class ExtraWalk:
    """Makes the values of one record's extra attributes fit for JSON."""

    def __init__(self) -> None:
        self._chars: int = MAX_EXTRA_CHARS
        self._values: int = MAX_EXTRA_VALUES
        self._depth: int = 0

    def value(self, value: object) -> object:
        """Return a plain value that JSON holds; what is beyond the bounds is cut."""
        self._values -= 1
        if self._values < 0:
            return CUT
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, int):
            if INT64_MIN <= value <= INT64_MAX:
                return value
            return self._text(text_of(value))
        if isinstance(value, float):
            return value if math.isfinite(value) else str(value)
        if isinstance(value, list | dict):
            if self._depth >= MAX_EXTRA_DEPTH:
                return CUT
            self._depth += 1
            inside = self._inside(value)
            self._depth -= 1
            return inside
        return self._text(str(type(value)))

    def _inside(
        self, value: list[object] | dict[str, object]
    ) -> list[object] | dict[str, object]:
        if isinstance(value, list):
            items: list[object] = []
            for item in value:
                items.append(self.value(item))
                if self._values < 0:
                    break
            return items
        pairs: dict[str, object] = {}
        for key, item in value.items():
            pairs[self._text(key)] = self.value(item)
            if self._values < 0:
                break
        return pairs

    def spent(self) -> bool:
        """Tell whether nothing more is to be kept."""
        return self._values <= 0 or self._chars <= 0

    def name(self, text: str) -> str:
        """Return the name of an attribute, which counts as text."""
        return self._text(text[:MAX_KEY_CHARS])

    def _text(self, text: str) -> str:
        left = self._chars
        if len(text) > left:
            text = text[:left] + CUT
        self._chars = max(0, left - len(text))
        return clean(text)


def text_of(value: object) -> str:
    """Return a bounded text for a value of any plain type."""
    if isinstance(value, str):
        return clean(value[:MAX_EXTRA_CHARS])
    if isinstance(value, int) and not isinstance(value, bool):
        if value.bit_length() <= MAX_DECIMAL_BITS:
            return str(value)
        # Only the first digits are made: a number may have millions.
        left_out = (value.bit_length() - MAX_DECIMAL_BITS) & ~3
        return hex(value >> left_out)[:MAX_KEY_CHARS] + CUT
    if value is None or isinstance(value, (bool, float)):
        return str(value)
    return msgspec.json.encode(ExtraWalk().value(value)).decode("utf-8")
