"""`logcollector query`: find records."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

import click

from collector.cli.misspelt import hint_at_misspelt, hint_at_names
from collector.cli.progress_line import progress_line
from collector.cli.query_command import QueryCommand
from collector.cli.reading import Reading, reading_options
from collector.cli.showing import Screen
from collector.query.log_row import LogRow
from collector.store.context import with_context
from collector.store.reader import Deadline, open_reader
from collector.store.search import Search
from collector.store.stats import count


@click.command(cls=QueryCommand)
@reading_options()
@click.option("--limit", "-n", type=click.IntRange(0), default=100, show_default=True,
              help="Most records to show; 0: all.")  # fmt: skip
@click.option("--order", type=click.Choice(["newest", "oldest"]), default="newest",
              show_default=True,
              help="Which come first, in the order of arrival.")  # fmt: skip
@click.option("--newest-last", is_flag=True,
              help="The newest records, but shown as they came.")  # fmt: skip
@click.option("--before", type=int, metavar="ID", help="Only ids before this one.")
@click.option("--after", type=int, metavar="ID", help="Only ids after this one.")
@click.option("--count", "count_only", is_flag=True, help="Only say how many.")
@click.option("--context", "-C", type=click.IntRange(0, 1000), default=0, metavar="N",
              help="Also show the N records before and after each that the same "
              "process logged.")  # fmt: skip
def command(
    *,
    reading: Reading,
    limit: int,
    order: str,
    newest_last: bool,
    before: int | None,
    after: int | None,
    count_only: bool,
    context: int,
) -> None:
    """Find records: by words, fields, times.

    Words are looked for in messages and tracebacks. See docs/query.md for all
    of the language; put quotes around what the shell would read itself. With
    --context, a line of -- stands between surroundings that are apart.

    \b
    Examples:
      logcollector query connection refused
      logcollector query 'level>=error logger:myapp.db since:2h'
      logcollector query '"disk full" OR "no space"' --host 'web*' --count
      logcollector query user.id=42 -o jsonl | jq .message
      logcollector query -n 1 'has:exc' -o json
      logcollector query --before 81234 --level warning
    """
    if newest_last and order == "oldest":
        raise click.UsageError("--newest-last and --order oldest exclude each other")
    newest_first = order == "newest"
    screen = Screen(reading)
    with (
        open_reader(reading.database, Deadline(reading.timeout_seconds)) as reader,
        progress_line() as progress,
    ):
        search = Search(
            reader, reading.node, before=before, after=after, progress=progress
        )
        if count_only:
            if before is None and after is None:
                number = count(reader, reading.node, progress)
            else:
                number = sum(1 for _ in search.ids(newest_first=newest_first))
            click.echo(number)
            if not number:
                progress.clear()
                hint_at_misspelt(reader, reading.node)
            return
        last_id = 0
        shown = 0

        def counted(rows: Iterable[LogRow]) -> Iterator[LogRow]:
            nonlocal last_id, shown
            for row in rows:
                last_id = row.id
                shown += 1
                progress.clear()
                yield row

        rows: Iterable[LogRow] = counted(
            search.rows(newest_first=newest_first, limit=limit or None)
        )
        if newest_last:
            rows = reversed(list(rows))
        if context:
            backwards = newest_first and not newest_last
            screen.show_groups(
                with_context(reader, rows, context, newest_first=backwards)
            )
        else:
            screen.show_groups([(False, rows)])
        if not shown:
            progress.clear()
            if sys.stderr.isatty():
                click.echo("no records", err=True)
            hint_at_misspelt(reader, reading.node)
        elif screen.never_found:
            hint_at_names(reader, sorted(screen.never_found))
    if shown and shown == limit and sys.stderr.isatty():
        flag = "--before" if newest_first else "--after"
        click.echo(f"more: {flag} {last_id}", err=True)
