"""The line on stderr that says how far something is."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import click

# A search that takes longer says how far it is.
SAY_PROGRESS_SECONDS: Final = 1.0


class ProgressLine:
    """A line on stderr that says how far something is, once it takes long.

    `doing` is what it does, `of` with what.
    """

    def __init__(self, doing: str = "searching", of: str = "records") -> None:
        self._doing = doing
        self._of = of
        self._begun = time.monotonic()
        self._shown = ""

    def __call__(self, done: int, total: int) -> None:
        """Say that so much is done."""
        late = time.monotonic() - self._begun >= SAY_PROGRESS_SECONDS
        if not late or not sys.stderr.isatty():
            return
        text = f"{self._doing}: {done / max(1, total):.0%} of {total:,} {self._of}"
        if text != self._shown:
            click.echo(f"\r{text}\x1b[K", err=True, nl=False)
            self._shown = text

    def clear(self) -> None:
        """Take the line back, before anything else is written."""
        if self._shown:
            click.echo("\r\x1b[K", err=True, nl=False)
            self._shown = ""


@contextmanager
def progress_line(
    doing: str = "searching", of: str = "records"
) -> Iterator[ProgressLine]:
    """Give what tells on stderr how far something is, and clear it at the end."""
    line = ProgressLine(doing, of)
    try:
        yield line
    finally:
        line.clear()
