"""`logcollector export`: write records to a file, whole and exact."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from collector.cli.misspelt import hint_at_misspelt
from collector.cli.progress_bar import progress_bar
from collector.cli.query_command import QueryCommand
from collector.cli.reading import Reading, reading_options
from collector.cli.rendering.counted import counted
from collector.moving.exporting import (
    FORMATS,
    Request,
    Writer,
    check_target,
    export_to_file,
    export_to_stream,
    format_of,
    reopen,
)
from collector.moving.line import LineWriter
from collector.store.reader import Deadline, open_reader

STDOUT = Path("-")


@click.command(cls=QueryCommand)
@reading_options(shown=False, timeout=None)
@click.option("--to", "target", type=click.Path(path_type=Path), metavar="FILE",
              default=STDOUT, help="Where to write; - or without: stdout.")  # fmt: skip
@click.option("--format", "-o", "file_format", type=click.Choice(FORMATS),
              help="What to write.  "
              "[default: by FILE's ending, else jsonl]")  # fmt: skip
@click.option("--after", type=click.IntRange(0), default=0, metavar="ID",
              help="Only ids after this one.")  # fmt: skip
@click.option("--limit", "-n", type=click.IntRange(1), metavar="N",
              help="Only the first N.")  # fmt: skip
@click.option("--continue", "goes_on", is_flag=True,
              help="Add to a FILE that is complete what is new since, of the query "
              "that is given now.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Make a FILE anew that is there.")
def command(
    *,
    reading: Reading,
    target: Path,
    file_format: str | None,
    after: int,
    limit: int | None,
    goes_on: bool,
    overwrite: bool,
) -> None:
    """Write records to a file, whole and exact, the oldest first.

    FILE is there when it is complete; an export that was interrupted goes on
    where it was when it is called again. A name that ends in .gz is compressed.
    `logcollector import` reads jsonl.

    \b
    Examples:
      logcollector export --to logs.jsonl.gz
      logcollector export --to errors.csv 'level>=error since:7d'
      logcollector export --to logs.jsonl.gz --continue
      logcollector export logger:myapp.db | jq .message
    """
    if goes_on and overwrite:
        raise click.UsageError("--continue and --overwrite exclude each other")
    if goes_on and limit is not None:
        raise click.UsageError("--continue and --limit exclude each other")
    if target == STDOUT and (goes_on or overwrite):
        raise click.UsageError("--continue and --overwrite need a file: --to FILE")
    chosen = file_format or format_of(target)
    if chosen is None:
        raise click.UsageError(
            f"{target}: no format has this ending; name one with --format: "
            f"{', '.join(FORMATS)}"
        )
    if chosen == "parquet" and target.suffix == ".gz":
        raise click.UsageError("parquet is compressed by itself; leave out the .gz")
    request = Request(
        database=reading.database,
        asked=reading.asked,
        node_at=reading.node_at,
        format=chosen,
        after=after,
        limit=limit,
    )
    with open_reader(reading.database, Deadline(reading.timeout_seconds)) as reader:
        writer = writer_of(chosen)
        if target == STDOUT:
            stream = sys.stdout.buffer
            # On a terminal the records themselves show how far it is.
            is_wanted = not sys.stdout.isatty()
            try:
                with progress_bar("exporting", is_wanted=is_wanted) as progress:
                    written = export_to_stream(
                        reader, request, writer, stream, progress
                    )
            except BrokenPipeError:
                # Enough, as of commands that only read. An export to a file that
                # can't tell how it went is none of them.
                return
            if not written:
                hint_at_misspelt(reader, reading.node, target="--to")
            return
        if goes_on and os.path.lexists(target):
            begun = reopen(reader, request, target)
            query = ", with the query as it is given now"
        else:
            begun = check_target(target, request, overwrite=overwrite)
            query = ""
        if begun:
            click.echo(f"{target}: goes on behind id {begun}{query}", err=True)
        with progress_bar("exporting") as progress:
            written = export_to_file(reader, request, writer, target, progress)
        click.echo(f"{target}: {counted(written, 'record')}", err=True)
        # With --continue, there may be some in the file.
        if not written and not begun:
            hint_at_misspelt(reader, reading.node, target="--to")


def writer_of(output_format: str) -> Writer:
    """Return what makes a format; each is imported where it is used."""
    match output_format:
        case "parquet":
            from collector.moving.parquet import ParquetWriter

            return ParquetWriter()
        case "csv":
            from collector.cli.exported_csv import CsvWriter

            return CsvWriter()
    return LineWriter()
