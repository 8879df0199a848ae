"""`logcollector db vacuum`: give free space back to the disk."""

from __future__ import annotations

from pathlib import Path

import click

from collector.cli.database_path import database_path
from collector.cli.db.no_arguments import NoArguments
from collector.cli.options import database_option
from collector.cli.progress_line import progress_line
from collector.cli.rendering.status_text import size
from collector.store.vacuum import give_back, rewrite


@click.command(cls=NoArguments)
@database_option
@click.option("--full", is_flag=True,
              help="Write the file anew; the daemon must be stopped.")  # fmt: skip
def command(*, database: Path | None, full: bool) -> None:
    """Give back to the disk what was taken by records that are deleted.

    In small steps: the daemon may run meanwhile. With --full the file is also put
    in order, which makes it a little smaller; for that, twice as much as it holds
    must be free on the disk.

    \b
    Examples:
      logcollector db vacuum
      logcollector db vacuum --full --db /var/lib/logcollector/logs.sqlite
    """
    path = database_path(database)
    if full:
        before, after = rewrite(path)
    else:
        with progress_line("giving back", "pages") as progress:
            before, after = give_back(path, progress)
    click.echo(f"{path}: {size(before)} before, {size(after)} after", err=True)
