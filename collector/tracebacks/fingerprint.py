"""Fingerprints: the same for errors of one cause, whatever their values.

What counts is the type's own name and, of each frame, the function and the
module's place (see module_path.py). Messages, line numbers and source lines
do not count. Each function counts once, however often and in what order a
recursion came through it, and the last frame again: it is where it was raised.
The comprehensions of Python 3.11 do not count: later ones have no frames.

Causes and contexts count in their order, equal neighbours (of retries) once;
the members of groups, and tracebacks in messages, in no order and once each.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from collector.tracebacks.module_path import module_path
from collector.tracebacks.raised import Frame, Raised, Traceback

# Bytes, two letters each: among 10,000 groups two are alike once in 5 million.
ID_BYTES: Final = 6

# In which function such an error is raised is chance.
RECURSION: Final = "RecursionError"

# What is not known to be an exception is told by its first words.
_MAX_WORDS_CHARS: Final = 200

_INLINED: Final = frozenset({"<listcomp>", "<dictcomp>", "<setcomp>"})
_DIGITS: Final = re.compile(r"\d+")


def fingerprint(traceback: Traceback) -> str:
    """Return a traceback's fingerprint, in hexadecimal digits."""
    chain: list[str] = []
    others: list[str] = []
    for raised in traceback.raised:
        outer = not raised.depth and raised.link != "quoted"
        (chain if outer else others).append(_told(raised))
    return digest(chain, others)


def digest(chain: Sequence[str], others: Sequence[str] = ()) -> str:
    """Return the fingerprint of what is told of exceptions."""
    different = [told for told, _ in groupby(chain)]
    whole = "\0\0\0".join(("\0\0".join(different), *sorted(set(others))))
    return hashlib.blake2b(
        whole.encode("utf-8", "backslashreplace"), digest_size=ID_BYTES
    ).hexdigest()


def _told(raised: Raised) -> str:
    """Return what tells one exception from others."""
    name = own_name(raised.type)
    if not name and not raised.frames:
        return _DIGITS.sub("#", raised.message[:_MAX_WORDS_CHARS].partition("\n")[0])
    return f"{name}\0{told_of_stack(name, raised.frames)}"


def own_name(type_name: str) -> str:
    """Return a type's name without its module, which is another one in a script."""
    return type_name.rpartition(".")[2]


def told_of_stack(name: str, frames: Sequence[Frame]) -> str:
    """Return what a stack tells of an exception of that name."""
    steps = [
        f"{module_path(frame.file)}\0{frame.function}"
        for frame in frames
        if frame.function not in _INLINED
    ]
    if name == RECURSION:
        steps = _recurring(steps)
    elif steps:
        steps = [*dict.fromkeys(steps), steps[-1]]
    return "\0".join(steps)


def _recurring(steps: list[str]) -> list[str]:
    """Return the way into a recursion, and what recurs in it, in no order.

    In which of its functions the stack was full is chance.
    """
    counts = Counter(steps)
    begin = next((n for n, step in enumerate(steps) if counts[step] > 1), len(steps))
    return steps[:begin] + sorted({step for step in steps if counts[step] > 1})


def last_frame(raised: Raised) -> Frame | None:
    """Return where an exception was raised, None where the text does not say."""
    return next((each for each in raised.frames[::-1] if each.function), None)
