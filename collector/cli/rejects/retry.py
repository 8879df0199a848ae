"""`logcollector rejects retry`: store what can be read today."""

from __future__ import annotations

import sqlite3
import sys
import time
from datetime import tzinfo
from pathlib import Path

import click

from collector.cli.database_path import database_path
from collector.cli.options import database_option, timeout_option
from collector.cli.progress_line import progress_line
from collector.cli.rejects.selecting import no_such, selection_options, tell_of_none
from collector.cli.rejects.today import Today
from collector.cli.rendering.printable import one_line
from collector.errors import DecodeError
from collector.record import Record
from collector.store.beside import PAUSE_SECONDS, open_beside
from collector.store.failures import Failure, classify
from collector.store.reader import Deadline, Reader, open_reader
from collector.store.rejected import (
    Kept,
    Selection,
    oldest_first,
    payload_of,
    store_again,
    unknown,
)


@click.command()
@selection_options(must_choose=True)
@timeout_option(None, "Give up a search after so long.")
@database_option
def command(
    *,
    selection: Selection,
    zone: tzinfo,  # noqa: ARG001 - of the options
    timeout: float | None,
    database: Path | None,
) -> None:
    """Decode rejects again, and store those that are records now.

    With the limits that are in the settings today, so that what was too much for
    earlier ones gets in, and with what this version can read. Each becomes a
    record, received when it came, and is a reject no more; why others are not is
    told. The daemon may run meanwhile. Exit status 1 when some remain, or
    one that is named is not there.

    \b
    Examples:
      logcollector rejects retry 12 13
      logcollector rejects retry --reason too_many_items
      logcollector rejects retry --all
    """
    path = database_path(database)
    today = Today()
    stored = remaining = 0
    with (
        open_reader(path, Deadline(timeout)) as reader,
        open_beside(path) as connection,
        progress_line("decoding", "rejects") as progress,
    ):
        missing = unknown(reader, selection.ids)
        for page in oldest_first(reader, selection):
            records, reasons = _decoded(reader, today, page)
            done = _stored(connection, records, reasons)
            stored += done
            remaining += len(reasons)
            progress.clear()
            for reject_id, reason in reasons.items():
                click.echo(f"{reject_id}: {one_line(reason)}")
            time.sleep(PAUSE_SECONDS)
            reader.deadline.restart()
    if stored + remaining:
        told = f"{path}: {stored:,} stored, {remaining:,} remain rejected"
        click.echo(told, err=True)
    elif not missing:
        tell_of_none(path)
    if missing:
        raise no_such(path, missing)
    if remaining:
        sys.exit(1)


def _decoded(
    reader: Reader, today: Today, page: list[Kept]
) -> tuple[dict[int, Record], dict[int, str]]:
    """Return the records of rejects, and why others are none, by their ids."""
    records: dict[int, Record] = {}
    reasons: dict[int, str] = {}
    for reject in page:
        payload = payload_of(reader, reject.id)
        if payload is None:
            continue
        try:
            records[reject.id] = today.record(reject, payload)
        except DecodeError as error:
            reasons[reject.id] = str(error)
    return records, reasons


def _stored(
    connection: sqlite3.Connection,
    records: dict[int, Record],
    reasons: dict[int, str],
) -> int:
    """Store records; return how many. What SQLite refuses is added to the reasons."""
    try:
        return len(store_again(connection, records))
    except (sqlite3.Error, OverflowError, ValueError) as error:
        if classify(error) is not Failure.RECORD:
            raise
        if len(records) == 1:
            reasons.update(dict.fromkeys(records, f"refused by SQLite: {error}"))
            return 0
    # One of them is at fault, and must not keep the others out.
    return sum(
        _stored(connection, {reject_id: record}, reasons)
        for reject_id, record in records.items()
    )
