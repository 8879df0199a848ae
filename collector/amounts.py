"""Amounts as people write them: lengths of time and sizes."""

from __future__ import annotations

import re
from typing import Final

_SECONDS: Final = {
    "s": 1,
    "m": 60,
    "h": 3600,
    "d": 86_400,
    "w": 604_800,
    "y": 31_536_000,
}
_BYTES: Final = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
_NUMBER: Final = r"([0-9]{1,15}(?:\.[0-9]{1,9})?)"
_PIECE: Final = re.compile(rf"{_NUMBER}([smhdwy])")
_DURATION: Final = re.compile(rf"(?:{_PIECE.pattern}){{1,6}}")
_SIZE: Final = re.compile(rf"{_NUMBER} ?([kmgt]?i?b|)")

DURATION_FORMS: Final = "a length of time such as 90s, 30m, 12h, 1d12h, 4w, 1y"
SIZE_FORMS: Final = "a size such as 500MB, 20GB, 1.5TB, 512MiB, or a number of bytes"


def duration_seconds(text: str) -> float:
    """Return the seconds of a length of time, as 1d12h. Raises ValueError."""
    lower = text.lower()
    if not _DURATION.fullmatch(lower):
        raise ValueError(f"expected {DURATION_FORMS}")
    return sum(float(amount) * _SECONDS[unit] for amount, unit in _PIECE.findall(lower))


def size_bytes(text: str) -> int:
    """Return the bytes of a size, as 20GB or 512MiB. Raises ValueError."""
    found = _SIZE.fullmatch(text.strip().lower())
    if found is None or found[2] not in _BYTES:
        raise ValueError(f"expected {SIZE_FORMS}")
    return int(float(found[1]) * _BYTES[found[2]])
