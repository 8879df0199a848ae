"""The lines of a text that are read: not all of those that are very long."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

# Of longer texts the beginning and the end are read.
MAX_CHARS: Final = 262_144
MAX_LINE_CHARS: Final = 8_192

_COLORS: Final = re.compile(r"\x1b\[[0-9;]{0,20}m")


def lines_of(text: str) -> Iterator[str]:
    """Yield the lines of a text that are read, without colours."""
    if len(text) > MAX_CHARS:
        half = MAX_CHARS // 2
        text = f"{text[:half]}\n{text[-half:]}"
    if "\x1b" in text:
        text = _COLORS.sub("", text)
    for line in text.split("\n"):
        yield line[:MAX_LINE_CHARS].rstrip("\r")
