"""The line below a stack: the exception's type and the begin of its message."""

from __future__ import annotations

import re
from typing import Final

# What is kept of a type, which anybody may make up.
MAX_TYPE_CHARS: Final = 300

_NAME: Final = r"[^\W\d]\w*"
_TYPE: Final = re.compile(rf"{_NAME}(?:\.(?:{_NAME}|<locals>))*(?=: |:?\s*\Z)")


def type_and_message(line: str) -> tuple[str, str] | None:
    """Return both parts of such a line, or None if it is none."""
    found = _TYPE.match(line, 0, MAX_TYPE_CHARS)
    if found is None:
        return None
    return found[0], line[found.end() :].removeprefix(":").removeprefix(" ")
