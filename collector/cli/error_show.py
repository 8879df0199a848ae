"""`logcollector errors show`: one group of errors, with a whole traceback."""

from __future__ import annotations

import re
import sys
from typing import Final

import click

from collector.cli.error_objects import COLUMNS, objects_of
from collector.cli.progress_line import progress_line
from collector.cli.query_command import QueryCommand
from collector.cli.reading import Reading, reading_options
from collector.cli.rendering.error_texts import ErrorTexts, error_text
from collector.cli.rendering.formats import renderer
from collector.cli.stats import draws_unicode, written
from collector.store.error_groups import ErrorGroup, error_groups
from collector.store.reader import Deadline, open_reader
from collector.store.search import fetch

# Of several groups that an ID may mean, so many are named.
NAMED_GROUPS: Final = 5

_ID: Final = re.compile(r"[0-9a-f]{1,12}")


@click.command(cls=QueryCommand)
@click.argument("group_id", metavar="ID")
@reading_options(fields=False)
def command(*, reading: Reading, group_id: str) -> None:
    """Show one group of errors, and the whole traceback of its newest record.

    The ID is that of `logcollector errors`, or its first digits if no other
    begins with them. A query behind it, and flags, choose records of the group.

    \b
    Examples:
      logcollector errors show 3fa91c20ab12
      logcollector errors show 3fa9 host:web1 --since today
      logcollector errors show 3fa9 -o json | jq -r '.[0].example'
    """
    wanted = group_id.lower()
    if _ID.fullmatch(wanted) is None:
        raise click.UsageError(
            f"{group_id!r} is no ID; expected hexadecimal digits, as `logcollector "
            "errors` shows them. To look for the word show, write -- in front of it: "
            "logcollector errors -- show ..."
        )
    with (
        open_reader(reading.database, Deadline(reading.timeout_seconds)) as reader,
        progress_line() as progress,
    ):
        errors = error_groups(reader, reading.node, only=wanted, progress=progress)
        group = _one(errors.groups, wanted)
        if reading.format not in ("text", "table"):
            objects = objects_of(reader, [group], errors.timeline)
            sys.stdout.write(written(objects, COLUMNS, reading.format))
            return
        rows = fetch(reader, [group.last_id])
    texts = ErrorTexts(
        zone=reading.zone,
        color=reading.color,
        unicode=draws_unicode(),
        width=reading.width,
    )
    lines = renderer(
        "text",
        fields=None,
        zone=reading.zone,
        color=reading.color,
        width=reading.width,
        needles=reading.needles,
    )
    sys.stdout.write(texts.details(group, errors.timeline))
    for row in rows:
        sys.stdout.write("\n" + lines.row(row))


def _one(groups: list[ErrorGroup], wanted: str) -> ErrorGroup:
    if not groups:
        raise click.UsageError(
            f"no error that was found has the ID {wanted}; `logcollector errors` "
            "with the same query and flags shows those there are"
        )
    if len(groups) > 1:
        named = "".join(
            f"\n  {group.id}  {error_text(group)[:100]}"
            for group in groups[:NAMED_GROUPS]
        )
        raise click.UsageError(
            f"{len(groups):,} errors have an ID that begins with {wanted}:{named}"
        )
    return groups[0]
