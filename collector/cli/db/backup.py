"""`logcollector db backup`: a copy of a database, also while it is written to."""

from __future__ import annotations

from pathlib import Path

import click

from collector.cli.database_path import database_path
from collector.cli.options import database_option
from collector.cli.progress_line import progress_line
from collector.cli.rendering.status_text import size
from collector.store.backup import back_up


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@database_option
@click.option("--overwrite", is_flag=True, help="Replace TARGET if it is there.")
def command(*, target: Path, database: Path | None, overwrite: bool) -> None:
    """Copy the database to the file TARGET: one state of it, whole and checked.

    The daemon may write meanwhile. TARGET is there only when all of it is; it is
    a database like the other, to be read, or put in the place of that one while
    the daemon is stopped. What waits in the spool is not in it.

    \b
    Examples:
      logcollector db backup /backup/logs.sqlite
      logcollector db backup --overwrite /backup/logs-$(date +%a).sqlite
    """
    path = database_path(database)
    with progress_line("copying", "pages") as progress:
        copied = back_up(path, target, overwrite=overwrite, progress=progress)
    click.echo(f"{target}: {size(copied)}", err=True)
