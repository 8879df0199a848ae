"""`logcollector tail`: the newest records, and those that come."""

from __future__ import annotations

import signal
import time
from contextlib import closing
from typing import Final

import click

from collector.cli.misspelt import hint_at_misspelt
from collector.cli.progress_line import progress_line
from collector.cli.query_command import QueryCommand
from collector.cli.reading import Reading, reading_options
from collector.cli.showing import Screen
from collector.errors import NoSuchDatabase
from collector.query.log_row import LogRow
from collector.query.narrowing import time_bounds
from collector.query.tree import Everything
from collector.store.follow import Cursor
from collector.store.reader import Deadline, open_reader
from collector.store.search import Search

# How often to look whether something was committed: one system call or two.
LOOK_SECONDS: Final = 0.1

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@click.command(cls=QueryCommand)
@reading_options()
@click.option("--lines", "-n", type=click.IntRange(0), default=20, show_default=True,
              help="How many of the newest records to show first.")  # fmt: skip
@click.option("--follow", "-f", is_flag=True,
              help="Go on with those that come, until Ctrl-C.")  # fmt: skip
def command(*, reading: Reading, lines: int, follow: bool) -> None:
    """Show the newest records, and with -f those that come.

    Takes the same queries as `query`. With -f it goes on also when the daemon
    is restarted or another database is put in place of this one.

    \b
    Examples:
      logcollector tail
      logcollector tail -f --level warning
      logcollector tail -n 100 logger:myapp.db
      logcollector tail -f -o jsonl 'user.id=42' | jq .message
    """
    if follow:
        # Both are Ctrl-C then: they end also a search that takes long.
        for number in SIGNALS:
            signal.signal(number, signal.default_int_handler)
    if follow and time_bounds(reading.node)[1] is not None:
        raise click.UsageError("-f: with an end in time nothing would ever come")
    screen = Screen(reading)
    with closing(Cursor(reading.database)) as cursor:
        _show(cursor, screen, reading, lines, follow=follow)


def _show(
    cursor: Cursor, screen: Screen, reading: Reading, lines: int, *, follow: bool
) -> None:
    """Show the newest records, and follow if that is wanted, until Ctrl-C."""
    rows: list[LogRow] = []
    stopped = False
    try:
        rows = _newest(cursor, reading, lines, follow=follow)
    except KeyboardInterrupt:
        if not follow:
            raise
        stopped = True
    screen.begin()
    try:
        screen.add(reversed(rows))
        if follow and not stopped:
            _follow(cursor, screen, reading)
    except KeyboardInterrupt:
        if not follow:
            raise
    finally:
        screen.end()


def _newest(
    cursor: Cursor, reading: Reading, lines: int, *, follow: bool
) -> list[LogRow]:
    """Put the cursor behind the newest records; return so many, newest first."""
    try:
        last_id = cursor.skip_to_end()
    except NoSuchDatabase:
        if not follow or reading.database.exists():
            raise
        click.echo(f"{reading.database}: not there yet, waiting for it", err=True)
        return []
    if not last_id or not lines:
        return []
    with (
        open_reader(reading.database, Deadline(reading.timeout_seconds)) as reader,
        progress_line() as progress,
    ):
        search = Search(reader, reading.node, before=last_id + 1, progress=progress)
        rows = list(search.rows(newest_first=True, limit=lines))
        if not rows:
            progress.clear()
            hint_at_misspelt(reader, reading.node)
        return rows


def _follow(cursor: Cursor, screen: Screen, reading: Reading) -> None:
    from collector.query.predicate import predicate

    # Each record's search gets as much time as a whole query.
    deadline = Deadline(reading.timeout_seconds)

    def seconds_left() -> float:
        return deadline.seconds_left()

    matches = predicate(reading.node, seconds_left)
    everything = isinstance(reading.node, Everything)

    def wanted(row: LogRow) -> bool:
        nonlocal deadline
        deadline = Deadline(reading.timeout_seconds)
        return everything or matches(row)

    while True:
        screen.add(filter(wanted, cursor.new_rows()))
        time.sleep(LOOK_SECONDS)
