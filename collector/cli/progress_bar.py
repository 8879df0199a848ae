"""A bar on stderr that says how far a command is that changes or moves much."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

# Called with how much of how much is done.
Progress = Callable[[int, int], None]


@contextmanager
def progress_bar(label: str, *, is_wanted: bool = True) -> Iterator[Progress]:
    """Give what moves the bar; nobody but a terminal is shown one."""
    if not is_wanted or not sys.stderr.isatty():
        yield lambda *_: None
        return
    with click.progressbar(length=1, label=label, file=sys.stderr) as bar:

        def progress(done: int, total: int) -> None:
            # More may come of it than was expected.
            bar.length = max(total, done, 1)
            bar.update(max(0, done - bar.pos))

        yield progress
