"""`logcollector db reindex`: make the search index anew."""

from __future__ import annotations

import time
from pathlib import Path

import click

from collector.cli.database_path import database_path
from collector.cli.db.no_arguments import NoArguments
from collector.cli.options import database_option
from collector.cli.progress_bar import progress_bar
from collector.errors import ReadError
from collector.store.beside import PAUSE_SECONDS, open_beside
from collector.store.search_index import (
    create_index,
    erase_some,
    index_some,
    remaining,
)

# Records of one transaction.
STEP_RECORDS = 2000


@click.command(cls=NoArguments)
@database_option
def command(database: Path | None) -> None:
    """Make the search index anew, from all records.

    The daemon may run meanwhile, and searches go on: they scan what is not
    indexed yet.

    \b
    Examples:
      logcollector db reindex
      logcollector db reindex --db /var/lib/logcollector/logs.sqlite
    """
    path = database_path(database)
    with open_beside(path) as connection:
        if not create_index(connection, anew=True):
            raise ReadError("this SQLite can't have an index: it lacks FTS5's trigrams")
        left = remaining(connection)
        total = left
        with progress_bar("indexing") as progress:
            while left:
                left = index_some(connection, STEP_RECORDS)
                progress(total - left, total)
                time.sleep(PAUSE_SECONDS)
        # What the old one took.
        while erase_some(connection):
            time.sleep(PAUSE_SECONDS)
    click.echo(f"{path}: indexed", err=True)
