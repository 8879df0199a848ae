"""`logcollector import`: add records of files and other databases."""

from __future__ import annotations

from pathlib import Path

import click

from collector.cli.database_path import database_path
from collector.cli.options import database_option
from collector.cli.progress_bar import progress_bar
from collector.cli.rendering.counted import counted
from collector.cli.rendering.printable import one_line
from collector.errors import CollectorError, ReadError
from collector.moving.importing import STDIN, Summary, import_from
from collector.store.import_target import open_target

# What is imported is to be as durable as what is collected.
SYNCHRONOUS = "full"


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...",
                type=click.Path(exists=True, dir_okay=False, allow_dash=True,
                                path_type=Path))  # fmt: skip
@database_option
def command(files: tuple[Path, ...], database: Path | None) -> None:
    """Add the records of files and other databases to a database.

    FILE is one that `export` or `query -o jsonl` wrote, JSON lines with the
    attributes of LogRecord, both also compressed by gzip; another collector's
    database, also a damaged one; or a database of dagrunner's. - is stdin.
    What is there already is not added again; but what tells no time is another
    record each time it comes by - or a pipe. The collector may run meanwhile, and
    the database is made if there is none.

    \b
    Examples:
      logcollector import logs.jsonl.gz
      logcollector import logs.sqlite.damaged-20261120T101500Z
      logcollector import --db all.sqlite web1.sqlite web2.sqlite
    """
    path = database_path(database)
    failed = False
    with open_target(path, synchronous=SYNCHRONOUS) as target:
        for file in files:
            if file.exists() and path.samefile(file):
                raise click.UsageError(f"{file}: is the database to import into")
            name = "stdin" if file == STDIN else one_line(str(file))
            summary = Summary()
            end = "; it broke off, and can be run again"
            try:
                with progress_bar(name) as progress:
                    import_from(file, target, summary, progress)
                end = ""
            except CollectorError as error:
                if len(files) == 1:
                    raise
                # The others can be imported nevertheless.
                click.echo(f"logcollector: {one_line(str(error))}", err=True)
                failed = True
            finally:
                if summary.is_any or not end:
                    click.echo(f"{name}: {told(summary)}{end}", err=True)
            if summary.rejected and not summary.imported + summary.there:
                click.echo(
                    f"logcollector: {name}: has nothing that can be imported: JSON "
                    "lines are wanted, or a database (`export` writes such lines with "
                    "-o jsonl)",
                    err=True,
                )
                failed = True
    if failed:
        raise ReadError("not all files were imported")


def told(summary: Summary) -> str:
    """Return what came of importing a file, for people."""
    parts = [f"{summary.imported:,} imported"]
    if summary.there:
        parts.append(f"{summary.there:,} already there")
    if summary.rejected:
        parts.append(
            f"{counted(summary.rejected, 'line')} rejected (see the table rejects; "
            f"the first: {one_line(summary.first_reject)})"
        )
    if summary.lost.keys:
        shown = summary.lost.ranges[:5]
        ranges = ", ".join(f"{a}-{b}" if a < b else str(a) for a, b in shown)
        more = ", ..." if len(summary.lost.ranges) > len(shown) else ""
        parts.append(f"{summary.lost.keys:,} ids can't be read ({ranges}{more})")
    if summary.is_grafted:
        parts.append("its first page is lost, and was replaced in a copy")
    return ", ".join(parts)
