"""`logcollector errors`: what goes wrong, grouped by its cause."""

from __future__ import annotations

import sys
from typing import Any, Final

import click

from collector.cli.error_objects import COLUMNS, SHOWN_CHARS, objects_of
from collector.cli.error_show import command as show
from collector.cli.misspelt import hint_at_misspelt
from collector.cli.progress_line import progress_line
from collector.cli.query_command import QueryCommand
from collector.cli.reading import Reading, reading_options
from collector.cli.rendering.error_texts import ErrorTexts
from collector.cli.stats import draws_unicode, written
from collector.store.error_groups import (
    MOST_GROUPS,
    ErrorGroup,
    Errors,
    error_groups,
)
from collector.store.reader import Deadline, Reader, open_reader

NO_ERRORS: Final = "no errors\n"

# The greatest comes first.
ORDERS: Final = {
    "count": lambda group: group.count,
    "last": lambda group: group.last,
    "first": lambda group: group.first,
}


class ErrorsCommand(QueryCommand):
    """A command with a query, but for `show` as its first word."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Return a context to run this, or `show`, in."""
        if args[:1] == ["show"]:
            return show.make_context(f"{info_name} show", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


@click.command(cls=ErrorsCommand)
@reading_options(fields=False)
@click.option("--limit", "-n", type=click.IntRange(0), default=20, show_default=True,
              help="Most errors to show; 0: all.")  # fmt: skip
@click.option("--sort", type=click.Choice(list(ORDERS)), default="count",
              show_default=True,
              help="Which come first: the most frequent, those seen last, or those "
              "that are new.")  # fmt: skip
def command(*, reading: Reading, limit: int, sort: str) -> None:
    """Group errors by their cause: what is raised, and where.

    An error is a record with a traceback, also one in its message. They are of
    one group when type and functions are the same; messages, values and line
    numbers may differ. Takes the same queries as `query`.

    With `show` as the first word, shows one group: logcollector errors show ID.
    To look for that word, put another one, an option or -- in front of it.

    \b
    Examples:
      logcollector errors --since today
      logcollector errors 'logger:myapp.db host:web*' --sort last
      logcollector errors --sort first -n 5 -o json
      logcollector errors show 3fa91c20ab12
    """
    with (
        open_reader(reading.database, Deadline(reading.timeout_seconds)) as reader,
        progress_line() as progress,
    ):
        errors = error_groups(reader, reading.node, progress=progress)
        # Where the sizes are equal, the order is that of the counts.
        groups = sorted(errors.groups, key=ORDERS[sort], reverse=True)
        text = _shown(reader, reading, groups[: limit or None], errors)
        if not groups:
            progress.clear()
            hint_at_misspelt(reader, reading.node)
    sys.stdout.write(text)
    if errors.left_out:
        click.echo(
            f"logcollector: more than {MOST_GROUPS:,} different errors; "
            f"{errors.left_out:,} records of others are left out; narrow it down",
            err=True,
        )


def _shown(
    reader: Reader, reading: Reading, groups: list[ErrorGroup], errors: Errors
) -> str:
    if reading.format not in ("text", "table"):
        objects = objects_of(reader, groups, errors.timeline, most_chars=SHOWN_CHARS)
        return written(objects, COLUMNS, reading.format)
    if not groups:
        return NO_ERRORS
    texts = ErrorTexts(
        zone=reading.zone,
        color=reading.color,
        unicode=draws_unicode(),
        width=reading.width,
    )
    draw = texts.blocks if reading.format == "text" else texts.table
    text = draw(groups, errors.timeline)
    if len(groups) < len(errors.groups):
        text += f"... and {len(errors.groups) - len(groups):,} more (--limit 0: all)\n"
    return text
