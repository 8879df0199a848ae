"""`logcollector rejects list`: which rejects there are."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Final

import click

from collector.cli.database_path import database_path
from collector.cli.options import database_option, timeout_option
from collector.cli.rejects.selecting import selection_options
from collector.cli.rendering.columns import display_width, padded, shortened
from collector.cli.rendering.formats import FORMATS
from collector.cli.rendering.printable import one_line
from collector.cli.rendering.times import TimeTexts
from collector.cli.stats import written
from collector.cli.terminal import terminal_width
from collector.store.reader import Deadline, open_reader
from collector.store.rejected import Kept, Selection, newest_first, number_of

HEADINGS: Final = ("id", "received", "peer", "bytes", "reason", "detail")


@click.command()
@selection_options()
@click.option("--limit", "-n", type=click.IntRange(0), default=100, show_default=True,
              help="Most to show, the newest; 0: all.")  # fmt: skip
@click.option("--format", "-o", "output_format", type=click.Choice(FORMATS),
              default=FORMATS[0], show_default=True,
              help="How to show it.")  # fmt: skip
@timeout_option(60.0)
@database_option
def command(
    *,
    selection: Selection,
    zone: tzinfo,
    limit: int,
    output_format: str,
    timeout: float,
    database: Path | None,
) -> None:
    """List rejects, the newest first: when, of whom, how long, and why.

    \b
    Examples:
      logcollector rejects list
      logcollector rejects list --reason not_a_mapping --since today
      logcollector rejects list -n 0 -o jsonl
    """
    path = database_path(database)
    with open_reader(path, Deadline(timeout)) as reader:
        found = list(newest_first(reader, selection, limit or None))
        # Only where the limit was reached there may be more.
        more = number_of(reader, selection) - len(found) if len(found) == limit else 0
    if output_format in ("text", "table"):
        width = terminal_width()
        sys.stdout.write(
            _aligned(
                [_cells(one, TimeTexts(zone)) for one in found],
                # In text nothing is cut off.
                width if output_format == "table" else None,
            )
        )
        if more > 0:
            sys.stdout.write(f"... and {more:,} more (--limit 0: all)\n")
        if not found and sys.stderr.isatty():
            click.echo("no rejects", err=True)
        return
    objects = [one._asdict() for one in found]
    sys.stdout.write(written(objects, Kept._fields, output_format))


def _cells(one: Kept, times: TimeTexts) -> tuple[str, ...]:
    values = (
        one.id,
        times.seconds(one.received),
        one.peer,
        one.payload_bytes,
        one.reason,
        one.detail,
    )
    return tuple(one_line(value) for value in values)


def _aligned(rows: Sequence[tuple[str, ...]], width: int | None) -> str:
    """Return rows below their headings; the last column gets what is left."""
    if not rows:
        return ""
    widths = [
        max(map(display_width, column)) for column in zip(HEADINGS, *rows, strict=True)
    ]
    lines = []
    for row in (HEADINGS, *rows):
        *cells, last = row
        line = "  ".join(
            padded(cell, size, right=heading in ("id", "bytes"))
            for heading, cell, size in zip(HEADINGS, cells, widths, strict=False)
        )
        if width is not None:
            room = max(8, width - display_width(line) - 2)
            last = shortened(last, room, gap="...")
        lines.append(f"{line}  {last}".rstrip())
    return "\n".join(lines) + "\n"
