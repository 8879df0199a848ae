"""`logcollector new`: what to look at after a deploy."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import Final

import click

from collector.cli.closer_look import CloserLook
from collector.cli.findings import COLUMNS, Findings
from collector.cli.misspelt import hint_at_misspelt
from collector.cli.progress_line import progress_line
from collector.cli.query_command import QueryCommand
from collector.cli.reading import Reading, reading_options
from collector.cli.rendering.findings_text import FindingsText
from collector.cli.rendering.status_text import span
from collector.cli.rendering.times import TimeTexts
from collector.cli.stats import draws_unicode, written
from collector.query.narrowing import time_bounds
from collector.query.times import parse_time
from collector.store.novelty import Novelty, novelty
from collector.store.periods import Periods, periods, recorded_times, without_times
from collector.store.reader import Deadline, open_reader

MOST_ROWS: Final = 10

# What most rates did is said where it is as much as this, or as little.
NOTABLE: Final = 1.2


@click.command(cls=QueryCommand)
@reading_options(fields=False)
@click.option("--against", metavar="TIME",
              help="Compare with the time from then to --since; 1d: the day before "
              "it.  [default: as long as since then]")  # fmt: skip
@click.option("--limit", "-n", type=click.IntRange(0), default=MOST_ROWS,
              show_default=True, help="Most of each kind to show; 0: all.")  # fmt: skip
def command(*, reading: Reading, against: str | None, limit: int) -> None:
    """Tell what is new since a time, or changed: what to look at after a deploy.

    New are errors, call sites, loggers and processes of which the database has
    no record before --since. A call site that only has another line number is
    not new. Changed are rates that are at least twice or half of what they
    were, and not by chance: from 3 records to 9 is nothing to tell. What most
    call sites did is left out of it. A process that was started anew, or has a
    successor of its name on its host, is not quiet.

    With a query, all that is of the records that match; but a process is new
    only if it had logged nothing at all.

    \b
    Examples:
      logcollector new --since 14:30
      logcollector new --since 2h --against 1d --level warning
      logcollector new --since yesterday --until today logger:myapp
      logcollector new --since 1h -o json | jq '.[] | select(.kind == "new_error")'
    """
    since, until = time_bounds(reading.node)
    if since is None:
        raise click.UsageError("say since when: new --since 2h, or --since 14:30")
    start = None if against is None else _start(against, since, reading)
    with (
        open_reader(reading.database, Deadline(reading.timeout_seconds)) as reader,
        progress_line() as progress,
    ):
        recorded = recorded_times(reader)
        compared = periods(
            recorded, since=since, until=until, start=start, now=time.time()
        )
        if compared is None:
            sys.stdout.write(_nothing(recorded, since, reading))
            return
        found = novelty(reader, without_times(reading.node), compared, progress)
        if not found.before + found.after:
            progress.clear()
            hint_at_misspelt(reader, reading.node)
        findings = Findings(
            reader,
            compared,
            limit=limit,
            times=TimeTexts(reading.zone),
            look=CloserLook.of(click.get_current_context().params),
        ).of(found)
    if reading.format not in ("text", "table"):
        objects = [each.plain() for each in findings]
        sys.stdout.write(written(objects, COLUMNS, reading.format))
        return
    text = FindingsText(
        zone=reading.zone,
        color=reading.color,
        unicode=draws_unicode(),
        width=reading.width,
    ).sections(findings)
    summary = "\n".join(_summary(found, compared, reading, limit))
    sys.stdout.write(f"{summary}\n\n{text}" if text else f"{summary}\n")


def _start(against: str, since: float, reading: Reading) -> float:
    """Return when the time to compare with begins."""
    try:
        start = parse_time(against, now=since, zone=reading.zone)
    except ValueError as error:
        raise click.UsageError(f"--against {against}: {error}") from None
    if start >= since:
        raise click.UsageError(f"--against {against}: this is not before --since")
    return start


def _nothing(recorded: tuple[int, int], since: float, reading: Reading) -> str:
    """Return what there is to say where there is nothing to compare."""
    if reading.format in ("json", "jsonl", "csv"):
        return written([], COLUMNS, reading.format)
    if not any(recorded):
        return "no records\n"
    text = TimeTexts(reading.zone).minutes
    first, last = recorded
    side = "before" if since <= first else "since"
    return (
        f"nothing to compare: no records {side} {text(since)} "
        f"(they are from {text(first)} to {text(last)})\n"
    )


def _summary(
    found: Novelty, compared: Periods, reading: Reading, limit: int
) -> Iterator[str]:
    """Yield lines that tell what was compared, and how much is not shown."""
    time = TimeTexts(reading.zone).seconds
    yield (
        f"{found.after:,} records in the {span(compared.stop - compared.since)} since "
        f"{time(compared.since)}, {found.before:,} in the "
        f"{span(compared.since - compared.start)} before"
    )
    if not 1 / NOTABLE < found.ordinary < NOTABLE:
        yield f"most call sites log {found.ordinary:.2g} times as often as before"
    kinds: dict[str, dict[str, Sequence[object]]] = {
        "new": {
            "errors": found.new_errors,
            "call sites": found.new_call_sites,
            "loggers": found.new_loggers,
            "processes": found.new_processes,
        },
        "changed": {
            "errors": found.error_rates,
            "call sites": found.call_site_rates,
            "loggers": found.logger_rates,
            "processes": found.process_rates,
        },
    }
    told = [
        f"{what}: {', '.join(f'{kind} {len(each):,}' for kind, each in some.items())}"
        for what, several in kinds.items()
        if (some := {kind: each for kind, each in several.items() if each})
    ]
    yield "; ".join(told) if told else "nothing is new, and no rate has changed"
    if limit and any(
        len(each) > limit for several in kinds.values() for each in several.values()
    ):
        yield f"{limit:,} of each are shown (--limit 0: all)"
