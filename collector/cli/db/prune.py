"""`logcollector db prune`: remove what is too old, or too much."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, tzinfo
from pathlib import Path
from typing import TypeVar

import click

from collector.cli.database_path import database_path
from collector.cli.db.no_arguments import NoArguments
from collector.cli.options import database_option, timeout_option
from collector.cli.progress_bar import progress_bar
from collector.cli.rendering.counted import counted
from collector.cli.rendering.status_text import size
from collector.cli.rendering.times import TimeTexts
from collector.cli.settings_file import read_settings
from collector.cli.time_zone import local_zone
from collector.retaining import retention_policy
from collector.setting_values import parse_age, parse_max_size
from collector.store.beside import PAUSE_SECONDS, open_beside
from collector.store.fetching import fetching
from collector.store.prune_forecast import Forecast, forecasts
from collector.store.prune_run import PruneRun
from collector.store.reader import Deadline, open_reader
from collector.store.retention import LEVEL_CLASSES, Policy

Result = TypeVar("Result")


@click.command(cls=NoArguments)
@database_option
@click.option("--max-age", metavar="AGE",
              help="Remove what is older: 90d, 12h, 4w ...")  # fmt: skip
@click.option("--level", "-l", "level_ages", multiple=True, metavar="LEVEL=AGE",
              help="Another age for a level (debug=2d); again for others.")  # fmt: skip
@click.option("--max-size", metavar="SIZE",
              help="Remove the oldest beyond this size: 20GB ...")  # fmt: skip
@click.option("--utc", is_flag=True, help="Times in UTC, not in local time.")
@timeout_option(60.0, "Give up a dry run after so long.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
def command(
    *,
    database: Path | None,
    max_age: str | None,
    level_ages: tuple[str, ...],
    max_size: str | None,
    utc: bool,
    timeout: float,
    dry_run: bool,
) -> None:
    """Remove records that are too old, or too much.

    Without flags, as [retention] in the settings says. The daemon may run
    meanwhile. A record's age is the time since it was received, or imported; of a
    pause in which nothing came, or a jump of the clock, a day counts.
    The newest record stays.

    \b
    Examples:
      logcollector db prune --max-age 90d --level debug=2d --dry-run
      logcollector db prune --max-size 20GB
    """
    policy = asked_policy(max_age, level_ages, max_size)
    path = database_path(database)
    if dry_run:
        with open_reader(path, Deadline(timeout)) as reader:
            found = list(forecasts(reader.rows, policy, time.time()))
        click.echo(told(found, UTC if utc else local_zone()), nl=False)
        return
    with open_beside(path) as connection:
        expected = forecasts(fetching(connection), policy, time.time())
        run = PruneRun(policy, connection, removed_before=None)
        before = run.space()
        total = sum(each.records for each in expected)
        with progress_bar("removing") as progress:
            while run.step():
                progress(run.removed.total(), total)
                time.sleep(PAUSE_SECONDS)
        after = run.space()
    click.echo(
        f"{path}: {counted(run.removed.total(), 'record')} removed, "
        f"{size(before.file_bytes)} -> {size(after.file_bytes)}",
        err=True,
    )


def asked_policy(
    max_age: str | None, level_ages: Sequence[str], max_size: str | None
) -> Policy:
    """Return what the flags ask for; without any, what the settings do."""
    if max_age is None and not level_ages and max_size is None:
        policy = retention_policy(read_settings())
        if not policy:
            raise click.UsageError(
                "nothing to go by: give --max-age, --level or --max-size, or set "
                "[retention] in the settings"
            )
        return policy
    return Policy(
        max_age_seconds=_parsed("--max-age", max_age, parse_age),
        level_ages=dict(map(_level_age, level_ages)),
        max_bytes=_parsed("--max-size", max_size, parse_max_size),
    )


def _level_age(text: str) -> tuple[str, float]:
    level, equals, age = text.partition("=")
    if not equals or level.lower() not in LEVEL_CLASSES:
        raise click.UsageError(
            f"--level {text}: expected LEVEL=AGE, with one of "
            f"{', '.join(LEVEL_CLASSES)}"
        )
    seconds = _parsed("--level", text, lambda _: parse_age(age))
    assert seconds is not None
    return level.lower(), seconds


def _parsed(
    flag: str, text: str | None, parse: Callable[[str], Result]
) -> Result | None:
    if text is None:
        return None
    try:
        return parse(text)
    except ValueError as error:
        raise click.UsageError(f"{flag} {text}: {error}") from None


def told(found: list[Forecast], zone: tzinfo) -> str:
    """Return what would be removed, a line each."""
    names = {numbers: name for name, numbers in LEVEL_CLASSES.items()}
    times = TimeTexts(zone)
    lines = [
        f"{'about ' if each.reason == 'size' else ''}"
        f"{counted(each.records, 'record')} "
        f"{'of ' + names[each.levels] + ' ' if each.levels else ''}"
        f"for {'their age' if each.reason == 'age' else 'the size of the database'}, "
        f"created from {times.seconds(each.first)} to {times.seconds(each.last)}"
        for each in found
    ]
    return "".join(f"{line}\n" for line in lines) or "nothing would be removed\n"
