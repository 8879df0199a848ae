"""Fingerprints of many texts, of which few have a stack of their own.

Records that a program logs at one place differ in the exception's message,
below a stack that is the same to the letter. So what plain stacks tell is
remembered, and only the line below is read: that is ten times as fast. It
changes no fingerprint. Whatever is not plain is read in whole.
"""

from __future__ import annotations

import re
from typing import Final

from collector.tracebacks.exception_line import type_and_message
from collector.tracebacks.fingerprint import (
    RECURSION,
    digest,
    fingerprint,
    own_name,
    told_of_stack,
)
from collector.tracebacks.foreign import exception_in
from collector.tracebacks.lines import MAX_CHARS
from collector.tracebacks.parser import (
    HEADER,
    MAX_RAISED,
    traceback_in,
)

# What is remembered, in characters of stacks.
MAX_KNOWN_CHARS: Final = 8_000_000

_LINK: Final = re.compile(
    "\n\n(?:The above exception was the direct cause of the following exception:"
    "|During handling of the above exception, another exception occurred:)\n\n"
)
# Where the first line begins that is no longer a stack's.
_BELOW: Final = re.compile(r"\n(?=\S)")
# What a text that is not plain has: line ends, colours, the frames of groups.
# Searched for one by one, they are found ten times as fast as by a pattern.
_SPECIAL: Final = ("\r", "\x1b", "+---")
# And what has no place in front of a traceback, or in its message.
_MARKS: Final = ("exception:", "occurred:", 'File "', "Exception Group ")


class Fingerprints:
    """Tells the fingerprints of texts."""

    def __init__(self) -> None:
        self._stacks: dict[tuple[str, bool], str | None] = {}
        self._chars = 0

    def of_exception(self, text: str) -> str | None:
        """Return the fingerprint of an exception's text, None if nothing is raised."""
        quick = self._quick(text)
        if quick is not None:
            return quick
        traceback = exception_in(text)
        return None if traceback is None else fingerprint(traceback)

    def of_message(self, text: str) -> str | None:
        """Return the fingerprint of the traceback in a message, None without one."""
        quick = self._quick(text)
        if quick is not None:
            return quick
        traceback = traceback_in(text)
        return None if traceback is None else fingerprint(traceback)

    def _quick(self, text: str) -> str | None:
        """Return the fingerprint of a plain text, None if it is not plain."""
        begin = text.find(HEADER)
        if begin < 0 or len(text) > MAX_CHARS or _has_any(text, _SPECIAL):
            return None
        if begin and _has_any(text[:begin], _MARKS):
            return None
        parts = _LINK.split(text[begin:])
        if len(parts) >= MAX_RAISED:
            return None
        chain: list[str] = []
        for part in parts:
            told = self._told(part)
            if told is None:
                return None
            chain.append(told)
        return digest(chain)

    def _told(self, part: str) -> str | None:
        """Return what is told of one exception, None if it is not plain."""
        below = _BELOW.search(part, len(HEADER))
        if below is None or not part.startswith(f"{HEADER}\n"):
            return None
        start = below.end()
        message = part[start:]
        if HEADER in message or _has_any(message, _MARKS):
            return None
        found = type_and_message(message.partition("\n")[0])
        if found is None:
            return None
        name = own_name(found[0])
        stack = self._stack(part[:start], name)
        return None if stack is None else f"{name}\0{stack}"

    def _stack(self, text: str, name: str) -> str | None:
        key = (text, name == RECURSION)
        if key in self._stacks:
            return self._stacks[key]
        told: str | None = None
        traceback = traceback_in(f"{text}{name}")
        if traceback is not None:
            *others, raised = traceback.raised
            # An indented stack ends elsewhere, and without any name.
            if not others and own_name(raised.type) == name:
                told = told_of_stack(name, raised.frames)
        self._chars += len(text)
        if self._chars > MAX_KNOWN_CHARS:
            self._stacks.clear()
            self._chars = len(text)
        self._stacks[key] = told
        return told


def _has_any(text: str, pieces: tuple[str, ...]) -> bool:
    for piece in pieces:  # noqa: SIM110 - a generator takes twice as long
        if piece in text:
            return True
    return False
