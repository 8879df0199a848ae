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
from typing import Final

from collector.tracebacks.module_path import module_path
from collector.tracebacks.raised import Frame, Raised, Traceback

# Bytes, two letters each: among 10,000 groups two are alike once in 5 million.
ID_BYTES: Final = 6

# What is not known to be an exception is told by its first words.
_MAX_WORDS_CHARS: Final = 200

_INLINED: Final = frozenset({"<listcomp>", "<dictcomp>", "<setcomp>"})
_DIGITS: Final = re.compile(r"\d+")


def fingerprint(traceback: Traceback) -> str:
    """Return a traceback's fingerprint, in hexadecimal digits."""
    chain: list[str] = []
    others: set[str] = set()
    for raised in traceback.raised:
        told = _told(raised)
        if raised.depth or raised.link == "quoted":
            others.add(told)
        elif not chain or chain[-1] != told:
            chain.append(told)
    whole = "\0\0\0".join(("\0\0".join(chain), *sorted(others)))
    digest = hashlib.blake2b(
        whole.encode("utf-8", "backslashreplace"), digest_size=ID_BYTES
    )
    return digest.hexdigest()


def _told(raised: Raised) -> str:
    """Return what tells one exception from others."""
    name = raised.type.rpartition(".")[2]
    steps = [
        f"{module_path(frame.file)}\0{frame.function}"
        for frame in raised.frames
        if frame.function not in _INLINED
    ]
    if not steps and not name:
        return _DIGITS.sub("#", raised.message[:_MAX_WORDS_CHARS].partition("\n")[0])
    if name == "RecursionError":
        steps = _recurring(steps)
    elif steps:
        steps = [*dict.fromkeys(steps), steps[-1]]
    return "\0".join((name, *steps))


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
