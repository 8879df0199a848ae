"""`logcollector processes`: each run of a process that has logged."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, Final

import click

from collector.cli.misspelt import hint_at_misspelt
from collector.cli.options import Seconds
from collector.cli.progress_line import progress_line
from collector.cli.query_command import QueryCommand
from collector.cli.reading import Reading, reading_options
from collector.cli.rendering.brush import Brush, level_brushes
from collector.cli.rendering.levels import level_group
from collector.cli.rendering.listing import Column, listing
from collector.cli.rendering.times import TimeTexts
from collector.cli.stats import NO_RECORDS, draws_unicode, written
from collector.store.processes import (
    Run,
    State,
    now_of,
    process_runs,
    received_times,
    states,
)
from collector.store.reader import Deadline, Reader, open_reader
from collector.store.stats import created_times
from collector.store.words import Words, words

SILENT_SECONDS: Final = 600.0
MOST_ROWS: Final = 50

COLUMNS: Final = (
    "host", "pid", "process", "logger", "started", "first", "last", "count",
    "worst", "state", "first_id", "last_id", "last_level", "last_logger",
    "last_message",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """A run and what is told of it; texts are None for removed records."""

    run: Run
    state: State
    first: float | None
    last: float | None
    first_words: Words | None
    last_words: Words | None


@click.command(cls=QueryCommand)
@reading_options(fields=False)
@click.option("--silent", "silent_seconds", type=Seconds(0), default=SILENT_SECONDS,
              show_default=True, metavar="SECONDS",
              help="A run without a record for so long is silent.")  # fmt: skip
@click.option("--ended", is_flag=True, help="Only runs that are silent or gone.")
@click.option("--limit", "-n", type=click.IntRange(0), default=MOST_ROWS,
              show_default=True, help="Most runs to show; 0: all.")  # fmt: skip
def command(
    *, reading: Reading, silent_seconds: float, ended: bool, limit: int
) -> None:
    """List each run of a process: who logged, from when to when.

    A run is a host, a PID, a name and a start, so restarts are apart; the
    newest comes first. Count and worst level are of the records that match a
    query, first and last record are the run's own in the query's time.
    `logger` is that of its first record.

    No record says that a process has ended. A run is `active` if it has logged
    within --silent of the newest record; `silent` if not: it may have ended, or
    have nothing to say; `gone` if another run on its host has its PID since.
    The last words of those that are silent or gone stand below them. Where a
    client does not tell when it was started, a PID that was silent for a day
    is taken for a new run.

    \b
    Examples:
      logcollector processes --since today
      logcollector processes --ended --silent 60 host:web1
      logcollector processes 'level>=error' -o json | jq '.[].last_message'
    """
    with (
        open_reader(reading.database, Deadline(reading.timeout_seconds)) as reader,
        progress_line() as progress,
    ):
        runs = process_runs(reader, reading.node, progress)
        heard = received_times(reader, [run.last_id for run in runs])
        now = now_of(reader, reading.node, heard)
        known = states(runs, heard, now=now, silent_seconds=silent_seconds)
        chosen = [
            (run, state)
            for run, state in zip(runs, known, strict=True)
            if not ended or state is not State.ACTIVE
        ]
        chosen.sort(key=lambda pair: (-pair[0].first_id, pair[0].origin))
        told = tell(reader, chosen[: limit or None])
        if not runs:
            progress.clear()
            hint_at_misspelt(reader, reading.node)
    if reading.format in ("text", "table"):
        sys.stdout.write(shown(told, reading) if told else NO_RECORDS)
        if len(told) < len(chosen):
            more = len(chosen) - len(told)
            sys.stdout.write(f"... and {more:,} more (--limit 0: all)\n")
    else:
        sys.stdout.write(written([*map(plain, told)], COLUMNS, reading.format))


def tell(reader: Reader, chosen: list[tuple[Run, State]]) -> list[Told]:
    """Return what is told of runs."""
    ids = [each for run, _ in chosen for each in (run.first_id, run.last_id)]
    times = created_times(reader, ids)
    said = words(reader, ids)
    return [
        Told(
            run,
            state,
            times.get(run.first_id),
            times.get(run.last_id),
            said.get(run.first_id),
            said.get(run.last_id),
        )
        for run, state in chosen
    ]


def plain(told: Told) -> dict[str, Any]:
    """Return a run as a plain object; what was not told is None."""
    run, last = told.run, told.last_words
    return {
        "host": run.origin.hostname,
        "pid": run.origin.process or None,
        "process": run.origin.process_name or None,
        "logger": told.first_words and told.first_words.logger,
        "started": run.origin.started or None,
        "first": told.first,
        "last": told.last,
        "count": run.count,
        "worst": level_group(run.worst).name,
        "state": told.state.value,
        "first_id": run.first_id,
        "last_id": run.last_id,
        "last_level": last and last.level,
        "last_logger": last and last.logger,
        "last_message": last and last.message,
    }


def shown(several: list[Told], reading: Reading) -> str:
    """Return runs as a listing, with last words below those that have ended."""
    time = TimeTexts(reading.zone).seconds
    brushes = level_brushes(color=reading.color)
    groups = [level_group(told.run.worst) for told in several]
    origins = [told.run.origin for told in several]
    dry = Brush()
    columns = [
        Column("host", [origin.hostname or "-" for origin in origins]),
        Column("pid", [str(origin.process or "-") for origin in origins], right=True),
        Column("process", [origin.process_name or "-" for origin in origins],
               spare=1),
        Column("logger", [first.logger if (first := told.first_words) else "-"
                          for told in several], spare=2),
        Column("started", [time(origin.started or None) for origin in origins]),
        Column("first", [time(told.first) for told in several], spare=3),
        Column("last", [time(told.last) for told in several]),
        Column("count", [f"{told.run.count:,}" for told in several], right=True),
        Column("worst", [group.name for group in groups],
               brushes=[brushes[group] for group in groups]),
        Column("state", [told.state.value for told in several],
               brushes=[dry if told.state is State.ACTIVE else brushes[group]
                        for told, group in zip(several, groups, strict=True)]),
    ]  # fmt: skip
    return listing(
        columns,
        width=reading.width,
        color=reading.color,
        unicode=draws_unicode(),
        below=[*map(last_words, several)],
    )


def last_words(told: Told) -> str:
    """Return the last record of a run that has ended, as far as can be known."""
    if told.state is State.ACTIVE or told.last_words is None:
        return ""
    level, _, logger, message = told.last_words
    return f"{level} {logger}: {message}"
