"""The screen: rows to stdout, in the format and the colours asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import click

from collector.cli.reading import Reading
from collector.cli.rendering.extras import decoded, found
from collector.cli.rendering.fields import parse_fields
from collector.cli.rendering.formats import renderer
from collector.query.log_row import LogRow


class Screen:
    """Writes rows to stdout. Raises UsageError for fields that make no sense.

    `never_found`: the fields, written as a name alone and read as a key of extra,
    that no row has had.
    """

    def __init__(self, reading: Reading) -> None:
        try:
            fields = None if reading.fields is None else parse_fields(reading.fields)
        except ValueError as error:
            raise click.UsageError(f"--fields: {error}") from None
        self.never_found = {
            field.label for field in fields or () if field.path == (field.label,)
        }
        self._separates = reading.format == "text"
        self._renderer = renderer(
            reading.format,
            fields=fields,
            zone=reading.zone,
            color=reading.color,
            width=reading.width,
            needles=reading.needles,
        )

    def show_groups(self, groups: Iterable[tuple[bool, Iterable[LogRow]]]) -> None:
        """Write the rows of groups, and what comes before and after all.

        In text a line stands before each group that is apart from the last.
        """
        self.begin()
        first = True
        try:
            for is_apart, rows in groups:
                if is_apart and not first and self._separates:
                    self._write("--\n")
                first = False
                for row in rows:
                    self._note(row)
                    self._write(self._renderer.row(row))
        finally:
            # Also after an error, what was written is whole.
            self.end()

    def begin(self) -> None:
        """Write what comes before all rows."""
        self._write(self._renderer.begin())

    def add(self, rows: Iterable[LogRow]) -> None:
        """Write rows at once."""
        for row in rows:
            self._note(row)
            self._write(self._renderer.row(row))
        self._write(self._renderer.flush())
        sys.stdout.flush()

    def end(self) -> None:
        """Write what comes after all rows."""
        self._write(self._renderer.end())

    def _note(self, row: LogRow) -> None:
        if self.never_found:
            extra = decoded(row.extra)
            self.never_found = {
                name for name in self.never_found if found(extra, (name,)) is None
            }

    def _write(self, text: str) -> None:
        if text:
            # Colours are decided already.
            sys.stdout.write(text)
