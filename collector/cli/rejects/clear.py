"""`logcollector rejects clear`: delete rejects."""

from __future__ import annotations

import time
from datetime import tzinfo
from pathlib import Path

import click

from collector.cli.database_path import database_path
from collector.cli.options import database_option, timeout_option
from collector.cli.rejects.selecting import no_such, selection_options, tell_of_none
from collector.cli.rendering.counted import counted
from collector.store.beside import PAUSE_SECONDS, open_beside
from collector.store.reader import Deadline, open_reader
from collector.store.rejected import (
    STEP_REJECTS,
    Selection,
    delete,
    oldest_first,
    unknown,
)


@click.command()
@selection_options(must_choose=True)
@click.option("--yes", "-y", is_flag=True, help="Don't ask.")
@timeout_option(None, "Give up a search after so long.")
@database_option
def command(
    *,
    selection: Selection,
    zone: tzinfo,  # noqa: ARG001 - of the options
    yes: bool,
    timeout: float | None,
    database: Path | None,
) -> None:
    """Delete rejects for good. The daemon may run meanwhile.

    \b
    Examples:
      logcollector rejects clear 12 13
      logcollector rejects clear --reason frame_too_large --until 7d
      logcollector rejects clear --all --yes
    """
    path = database_path(database)
    with open_reader(path, Deadline(timeout)) as reader:
        missing = unknown(reader, selection.ids)
        ids = [one.id for page in oldest_first(reader, selection) for one in page]
    if ids and not yes:
        click.confirm(
            f"{path}: delete {counted(len(ids), 'reject')}?", abort=True, err=True
        )
    if ids:
        deleted = _deleted(path, ids)
        click.echo(f"{path}: {counted(deleted, 'reject')} deleted", err=True)
    elif not missing:
        tell_of_none(path)
    if missing:
        raise no_such(path, missing)


def _deleted(path: Path, ids: list[int]) -> int:
    """Delete rejects step by step; return how many were still there."""
    deleted = 0
    with open_beside(path) as connection:
        for start in range(0, len(ids), STEP_REJECTS):
            deleted += delete(connection, ids[start : start + STEP_REJECTS])
            time.sleep(PAUSE_SECONDS)
    return deleted
