"""`logcollector db check`: whether a database is sound."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from collector.cli.database_path import database_path
from collector.cli.db.no_arguments import NoArguments
from collector.cli.options import database_option, text_or_json_option, timeout_option
from collector.cli.progress_line import progress_line
from collector.cli.rendering.printable import one_line
from collector.cli.stats import written
from collector.store.consistency import check, damage
from collector.store.finding import Finding
from collector.store.reader import Deadline, open_reader


@click.command(cls=NoArguments)
@database_option
@click.option("--full", is_flag=True,
              help="Also compare SQLite's own indexes with their tables.")  # fmt: skip
@text_or_json_option
@timeout_option(None)
def command(
    *, database: Path | None, full: bool, output_format: str, timeout: float | None
) -> None:
    """Check that a database is sound: the file, and what its tables say.

    Each record has its call site and origin, each rollup counts the records
    that are there, the search index holds what it says it holds (by samples).
    The daemon may run meanwhile. Tells what is wrong and what helps; exit status
    1 then.

    \b
    Examples:
      logcollector db check
      logcollector db check --full --db /var/lib/logcollector/logs.sqlite
    """
    path = database_path(database)
    with (
        open_reader(path, Deadline(timeout)) as reader,
        progress_line("checking") as progress,
    ):
        found = [*damage(reader, thorough=full), *check(reader, progress)]
    if output_format == "json":
        columns = tuple(Finding.__dataclass_fields__)
        click.echo(written([*map(asdict, found)], columns, "json"), nl=False)
    else:
        for one in found:
            click.echo(f"{one_line(one.table)}: {one_line(one.text)}")
        for remedy in dict.fromkeys(one.remedy for one in found):
            tables = dict.fromkeys(one.table for one in found if one.remedy == remedy)
            click.echo(f"{one_line(', '.join(tables))}: {remedy}", err=True)
        click.echo(f"{path}: " + ("not sound" if found else "sound"), err=True)
    if found:
        sys.exit(1)
