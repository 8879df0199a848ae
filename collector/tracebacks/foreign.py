"""Exceptions without Python's header: alone, or of other languages.

A first line of a type and a message, as Java, JavaScript and .NET have it,
and below it frames that begin with `at`.
"""

from __future__ import annotations

import re
from typing import Final

from collector.tracebacks.exception_line import type_and_message
from collector.tracebacks.lines import lines_of
from collector.tracebacks.parser import (
    MAX_FRAMES,
    MAX_MESSAGE_CHARS,
    cut_off_in,
)
from collector.tracebacks.raised import Frame, Raised, Traceback

# What logging makes of exc_info=True where nothing is being handled.
NO_EXCEPTION: Final = "NoneType: None"

_AT: Final = re.compile(r"\s{1,40}at (.{1,1000})")
_NUMBERS: Final = re.compile(r":(?:line )?(\d{1,10})\b")
_UNCAUGHT: Final = re.compile(r'\A(?:Uncaught |Exception in thread "[^"]{0,200}" )')


def exception_in(text: str) -> Traceback | None:
    """Return what is raised in the text of an exception, None if nothing is.

    What can't be told is an exception without a type, with its text as message.
    """
    if text.strip() in ("", NO_EXCEPTION):
        return None
    return cut_off_in(text) or _foreign(text)


def _foreign(text: str) -> Traceback:
    message: list[str] = []
    frames: list[Frame] = []
    for line in lines_of(text):
        if found := _AT.match(line):
            if len(frames) < MAX_FRAMES:
                frames.append(_frame(found[1]))
        elif not frames:
            message.append(line)
    whole = _UNCAUGHT.sub("", "\n".join(message).strip(), count=1)
    first, newline, more = whole.partition("\n")
    name, begin = type_and_message(first) or ("", first)
    raised = Raised(name, (begin + newline + more)[:MAX_MESSAGE_CHARS], tuple(frames))
    return Traceback((raised,))


def _frame(text: str) -> Frame:
    """Return a frame; its place, without the numbers, stands for its function."""
    number = _NUMBERS.search(text)
    return Frame("", int(number[1]) if number else 0, _NUMBERS.sub("", text))
