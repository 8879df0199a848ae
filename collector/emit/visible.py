"""Make control characters visible before they reach a terminal or a file."""

from __future__ import annotations

import re
from typing import Final

# C0 and C1 controls without newline and tab; characters that reorder or hide
# text; the two separators that some programs take for line ends.
_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028\u2029"
    "\u202a-\u202e\u2060-\u2069\ufeff]"
)

# Lines after a record's first are marked, so that none can pass for a record.
CONTINUATION: Final = "\n    | "


def visible(text: str) -> str:
    """Return `text` with control characters escaped and later lines marked."""
    if text.isascii() and text.isprintable():
        return text
    text = _HIDDEN.sub(_escaped, text)
    if "\n" in text:
        text = text.rstrip("\n").replace("\n", CONTINUATION)
    return text


def escaped(line: str) -> str:
    """Return a line of JSON with what could steer a terminal as JSON escapes."""
    if line.isascii() and line.isprintable():
        return line
    # Within JSON these characters stand in texts only.
    for char in sorted(set(_HIDDEN.findall(line))):
        line = line.replace(char, f"\\u{ord(char):04x}")
    return line


def _escaped(match: re.Match[str]) -> str:
    number = ord(match.group())
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"
