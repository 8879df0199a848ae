"""`logcollector stats`: how many records, when, of what."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Final

import click
import msgspec

from collector.cli.buckets import Buckets, nice_seconds
from collector.cli.misspelt import hint_at_misspelt, hint_at_names
from collector.cli.progress_line import progress_line
from collector.cli.query_command import QueryCommand
from collector.cli.reading import Reading, reading_options
from collector.cli.rendering.comma_separated import csv_line
from collector.cli.rendering.counts_table import CountRow, counts_table
from collector.cli.rendering.histogram import Bucket, histogram
from collector.cli.rendering.levels import LevelGroup, level_group
from collector.cli.rendering.printable import encodable
from collector.emit.visible import escaped
from collector.query.extras import extra_label
from collector.query.fields import FIELD_NAMES, MAX_PATH_KEYS
from collector.store.logger_tree import LoggerNode
from collector.store.reader import Deadline, Reader, open_reader
from collector.store.rolling_up import DAY, HOUR, MINUTE
from collector.store.search import Progress, time_span
from collector.store.stats import (
    GROUPINGS,
    Group,
    by_function,
    by_time,
    created_times,
    group_records,
)

# Without --by: bars of the histogram, and rows of the tables below it.
MOST_BARS: Final = 40
OVERVIEW_ROWS: Final = 10
TABLE_ROWS: Final = 20

NO_RECORDS: Final = "no records\n"

# What the columns of a group's key are called.
KEYS: Final = {
    "level": ("level",),
    "logger": ("logger",),
    "callsite": ("file", "line", "function", "logger"),
    "host": ("host",),
    "process": ("host", "process", "pid"),
}
# And what is told of a group, or of a piece of time.
GROUP_NUMBERS: Final = ("count", "share", "levels", "first", "last")
TIME_COLUMNS: Final = ("start", "label", "count", "levels")
TIMES: Final = {"minute": MINUTE, "hour": HOUR, "day": DAY}


def complete_by(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[str]:
    """Return what records can be counted by, that begins so."""
    return [name for name in (*GROUPINGS, *TIMES) if name.startswith(incomplete)]


@click.command(cls=QueryCommand)
@reading_options(fields=False)
@click.option("--by", metavar="WHAT", shell_complete=complete_by,
              help="Count by level, logger, callsite, host, process, minute, hour, "
              "day, or a key of extra.")  # fmt: skip
@click.option("--limit", "-n", type=click.IntRange(0),
              help="Most rows of a table; 0: all.  "
              "[default: 20, without --by 10]")  # fmt: skip
def command(*, reading: Reading, by: str | None, limit: int | None) -> None:
    """Count records: a histogram, tables.

    Without --by: a histogram over time, and the levels and loggers (JSON and
    CSV have the histogram alone). Of a list in extra, its first item counts.
    Takes the same queries as `query`.

    \b
    Examples:
      logcollector stats --since today
      logcollector stats --by callsite 'level>=warning'
      logcollector stats --by hour logger:myapp.db -o json
      logcollector stats --by user.id timeout
    """
    by = None if by is None else encodable(by)
    with (
        open_reader(reading.database, Deadline(reading.timeout_seconds)) as reader,
        progress_line() as progress,
    ):
        tally = Tally(reader, reading, progress)
        if by is None and reading.format in ("text", "table"):
            text = tally.overview(OVERVIEW_ROWS if limit is None else limit)
        elif by is None or by in TIMES:
            buckets = tally.buckets(None if by is None else TIMES[by])
            counted = tally.by_time(buckets)
            text = (
                tally.drawn(counted, buckets)
                if reading.format in ("text", "table")
                else written(
                    tally.time_objects(counted, buckets), TIME_COLUMNS, reading.format
                )
            )
        else:
            groups = tally.by_name(by)
            limit = TABLE_ROWS if limit is None else limit
            text = (
                tally.table(by, groups, limit)
                if reading.format in ("text", "table")
                else written(
                    tally.objects(by, groups, limit),
                    (*key_names(by), *GROUP_NUMBERS),
                    reading.format,
                )
            )
        if not tally.has_found:
            progress.clear()
            hint_at_misspelt(reader, reading.node)
        elif tally.unknown_key:
            progress.clear()
            hint_at_names(reader, [tally.unknown_key])
    sys.stdout.write(text)


class Tally:
    """Counts what a command was asked for, and shows it.

    `has_found`: whether there is a record of that. `unknown_key`: the name that they
    were to be counted by, when none of them has such a key of extra.
    """

    def __init__(self, reader: Reader, reading: Reading, progress: Progress) -> None:
        self._reader = reader
        self._reading = reading
        self._progress = progress
        self.has_found = False
        self.unknown_key = ""

    def overview(self, limit: int) -> str:
        """Return a histogram, and tables of levels and loggers."""
        buckets = self.buckets(None)
        counted = self.by_time(buckets)
        if not counted:
            return NO_RECORDS
        parts = [self.drawn(counted, buckets)]
        parts += [self.table(by, self.by_name(by), limit) for by in ("level", "logger")]
        return "\n".join(parts)

    def buckets(self, seconds: int | None) -> Buckets:
        """Return buckets of a length, or of one that suits the records."""
        if seconds is None:
            first, last = time_span(self._reader, self._reading.node)
            seconds = nice_seconds(last - first, MOST_BARS)
        return Buckets(seconds, self._reading.zone)

    def by_time(self, buckets: Buckets) -> list[Group]:
        """Return a group for each bucket that has records."""
        groups = group_records(
            self._reader,
            self._reading.node,
            by_time(buckets.rollup_seconds()),
            progress=self._progress,
            regroup=lambda key: (buckets.start(key[0]),),
        )
        self.has_found = bool(groups)
        return groups

    def by_name(self, by: str) -> list[Group]:
        """Return the groups that have something in common, the largest first."""
        grouping = GROUPINGS.get(by)
        if grouping is None:
            path = by.removeprefix("extra.")
            if not path or path.count(".") >= MAX_PATH_KEYS:
                raise click.UsageError(
                    f"--by: expected a name of 1 to {MAX_PATH_KEYS} parts"
                )
            if path == by and by.lower() in {name.lower() for name in FIELD_NAMES}:
                known = ", ".join([*GROUPINGS, *TIMES])
                raise click.UsageError(
                    f"--by {by}: records are counted by {known}, or a key of extra "
                    f"(extra.{by}, if it is one)"
                )
            self._reader.register([extra_label(path)])
            grouping = by_function(extra_label(path).name)
        groups = group_records(
            self._reader, self._reading.node, grouping, progress=self._progress
        )
        self.has_found = bool(groups)
        if by not in GROUPINGS and all(group.key == (None,) for group in groups):
            self.unknown_key = "" if "." in by else by
        groups.sort(key=lambda group: (-group.count, str(group.key)))
        return groups

    def drawn(self, groups: list[Group], buckets: Buckets) -> str:
        """Return groups by time as a histogram."""
        if not groups:
            return NO_RECORDS
        counts = {group.key[0]: by_level(group) for group in groups}
        bars = [
            Bucket(buckets.label(start), counts.get(start, {}))
            for start in buckets.filled(list(counts))
        ]
        return histogram(
            bars,
            width=self._reading.width,
            color=self._reading.color,
            unicode=draws_unicode(),
        )

    def time_objects(
        self, groups: list[Group], buckets: Buckets
    ) -> list[dict[str, Any]]:
        """Return groups by time as plain objects, in the order of time."""
        by_start = {group.key[0]: group for group in groups}
        return [
            {
                "start": start,
                "label": buckets.label(start),
                "count": by_start[start].count if start in by_start else 0,
                "levels": named_levels(by_start.get(start)),
            }
            for start in buckets.filled(list(by_start))
        ]

    def table(self, by: str, groups: list[Group], limit: int) -> str:
        """Return groups as a table."""
        if not groups:
            return NO_RECORDS
        shown = groups[: limit or None]
        times = self._times(shown)
        rows = [
            CountRow(
                names_of(by, group),
                by_level(group),
                times.get(group.first_id),
                times.get(group.last_id),
            )
            for group in shown
        ]
        headings = {"callsite": ("file:line", "function", "logger")}.get(
            by, key_names(by)
        )
        text = counts_table(
            rows,
            headings,
            total=sum(group.count for group in groups),
            width=self._reading.width,
            color=self._reading.color,
            unicode=draws_unicode(),
            zone=self._reading.zone,
        )
        if len(shown) < len(groups):
            text += f"... and {len(groups) - len(shown):,} more (--limit 0: all)\n"
        return text

    def objects(self, by: str, groups: list[Group], limit: int) -> list[dict[str, Any]]:
        """Return groups as plain objects, the largest first."""
        shown = groups[: limit or None]
        times = self._times(shown)
        total = sum(group.count for group in groups)
        return [
            {
                **dict(zip(key_names(by), group.key, strict=True)),
                "count": group.count,
                "share": round(group.count / total, 6),
                "levels": named_levels(group),
                "first": times.get(group.first_id),
                "last": times.get(group.last_id),
            }
            for group in shown
        ]

    def _times(self, groups: list[Group]) -> dict[int, float]:
        ids = [each for group in groups for each in (group.first_id, group.last_id)]
        return created_times(self._reader, ids)


def key_names(by: str) -> tuple[str, ...]:
    """Return what the columns of a group's key are called."""
    # A key of extra must not take the place of a number.
    return KEYS.get(by, (f"extra.{by}" if by in GROUP_NUMBERS else by,))


def by_level(group: Group | LoggerNode) -> dict[LevelGroup, int]:
    """Return a group's counts by level, as they are drawn."""
    counts: dict[LevelGroup, int] = {}
    for levelno, number in group.levels.items():
        level = level_group(levelno)
        counts[level] = counts.get(level, 0) + number
    return counts


def named_levels(group: Group | LoggerNode | None) -> dict[str, int]:
    """Return a group's counts by the names of levels."""
    counts = {} if group is None else by_level(group)
    return {level.name: number for level, number in counts.items()}


def names_of(by: str, group: Group) -> tuple[str, ...]:
    """Return a group's key as texts for a table."""
    if by == "callsite":
        path, line, *rest = group.key
        return (f"{path}:{line}", *map(str, rest))
    return tuple("-" if part is None else str(part) for part in group.key)


def written(
    objects: list[dict[str, Any]], columns: Sequence[str], output_format: str
) -> str:
    """Return plain objects, which have these columns, as JSON, JSON lines or CSV."""
    if output_format == "json":
        whole = escaped(msgspec.json.encode(objects).decode())
        return msgspec.json.format(whole) + "\n"
    if output_format == "jsonl":
        lines = (escaped(msgspec.json.encode(each).decode()) for each in objects)
        return "".join(f"{line}\n" for line in lines)
    flat = [column for column in columns if column != "levels"]
    rows = [[each[column] for column in flat] for each in objects]
    return "".join(map(csv_line, [flat, *rows]))


def draws_unicode() -> bool:
    """Tell whether stdout can take the characters of bars."""
    try:
        "█▏".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
