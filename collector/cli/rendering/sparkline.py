"""Sparklines: a few counts as one row of small columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

# The first is for nothing at all, so that any count is seen.
_BLOCKS: Final = "·▁▂▃▄▅▆▇█"
_ASCII: Final = "._:-=+*#@"


def sparkline(counts: Sequence[int], *, unicode: bool) -> str:
    """Return a sign for each count, the highest for the greatest of them."""
    signs = _BLOCKS if unicode else _ASCII
    most = max(counts, default=0)
    steps = len(signs) - 1
    # Rounded up.
    return "".join(
        signs[-(-count * steps // most)] if count else signs[0] for count in counts
    )
