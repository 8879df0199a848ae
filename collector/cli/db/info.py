"""`logcollector db info`: what is in a database, and what it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path
from typing import Final

import click
import msgspec

from collector.cli.database_path import database_path
from collector.cli.db.no_arguments import NoArguments
from collector.cli.options import database_option, text_or_json_option, timeout_option
from collector.cli.rendering.printable import one_line
from collector.cli.rendering.status_text import size
from collector.cli.rendering.times import TimeTexts
from collector.cli.time_zone import local_zone
from collector.emit.visible import escaped
from collector.store.disk import file_bytes
from collector.store.inventory import Inventory, take_inventory
from collector.store.reader import Deadline, open_reader

# Up to this size a file is read whole without being asked: a second or so.
READ_WHOLE_BYTES: Final = 256 * 1024 * 1024


@click.command(cls=NoArguments)
@database_option
@click.option("--exact", is_flag=True,
              help="Sizes to the byte, also if the file is large.")  # fmt: skip
@text_or_json_option
@click.option("--utc", is_flag=True, help="Times in UTC, not in local time.")
@timeout_option(60.0)
def command(
    *,
    database: Path | None,
    exact: bool,
    output_format: str,
    utc: bool,
    timeout: float,
) -> None:
    """Show what is in a database: counts, times, sizes.

    Sizes of the tables are exact up to 256 MiB, or with --exact; else told from
    the newest rows.

    \b
    Examples:
      logcollector db info
      logcollector db info --exact --db /var/lib/logcollector/logs.sqlite
      logcollector db info -o json | jq .index_lag
    """
    path = database_path(database)
    with open_reader(path, Deadline(timeout)) as reader:
        inventory = take_inventory(
            reader, path, exact_sizes=exact or file_bytes(path) <= READ_WHOLE_BYTES
        )
    if output_format == "json":
        text = escaped(msgspec.json.encode(inventory).decode())
        click.echo(msgspec.json.format(text))
        return
    times = TimeTexts(UTC if utc else local_zone())
    for line in _lines(inventory, times):
        click.echo(one_line(line))


def _lines(one: Inventory, times: TimeTexts) -> Iterator[str]:
    yield f"{one.path}: {size(one.file_bytes)}, schema version {one.schema_version}"
    for name, value in (
        ("write-ahead log", size(one.log_bytes)),
        ("free within", size(one.free_bytes)),
        ("records", f"{one.records:,}{_ids(one)}"),
        ("created", _span(one.created, times.minutes)),
        ("received", _received(one, times)),
        ("call sites", f"{one.call_sites:,}"),
        ("origins", f"{one.origins:,}"),
        ("rollups", f"{one.rollups:,}"),
        ("rejects", f"{one.rejects:,}"),
        ("imports", f"{one.imports:,}" + _imported(one)),
        ("not indexed yet", _lag(one)),
    ):
        yield f"  {name:<18}{value}"
    about = "" if one.sizes_are_exact else ", about"
    yield f"  tables, with their indexes{about}:"
    for table in one.tables:
        yield f"    {table.name:<16}{size(table.bytes)}"


def _received(one: Inventory, times: TimeTexts) -> str:
    first, last = one.received
    if first is None or last is None or first <= last:
        return _span(one.received, times.seconds)
    # Imported records have newer ids.
    return (
        f"{times.seconds(first)} (id {one.first_id}), "
        f"{times.seconds(last)} (id {one.last_id})"
    )


def _ids(one: Inventory) -> str:
    return "" if one.first_id is None else f", ids {one.first_id} to {one.last_id}"


def _imported(one: Inventory) -> str:
    return f", {one.imported_ids:,} ids" if one.imports else ""


def _lag(one: Inventory) -> str:
    if not one.has_search_index:
        return "there is no search index (`logcollector db reindex` makes it)"
    return f"{one.index_lag:,}"


def _span(
    bounds: tuple[float | None, float | None], text: Callable[[object], str]
) -> str:
    first, last = bounds
    return "-" if first is None else f"{text(first)} to {text(last)}"
