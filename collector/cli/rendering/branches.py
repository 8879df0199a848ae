"""Branches: what is drawn before the names of a tree, a line for each node."""

from __future__ import annotations

from collections.abc import Sequence


def branches(depths: Sequence[int], *, unicode: bool) -> list[str]:
    """Return what stands before each node, given how deep each is.

    A node comes before what is below it; those at the top have depth 0.
    """
    fork, last, through = ("├─ ", "└─ ", "│  ") if unicode else ("|- ", "`- ", "|  ")
    drawn: list[str] = []
    # From the end: for each depth, whether another node follows at it.
    follows: list[bool] = []
    for depth in reversed(depths):
        del follows[depth + 1 :]
        follows += [False] * (depth + 1 - len(follows))
        lines = (through if more else "   " for more in follows[1:depth])
        own = (fork if follows[depth] else last) if depth else ""
        drawn.append("".join(lines) + own)
        follows[depth] = True
    return drawn[::-1]
