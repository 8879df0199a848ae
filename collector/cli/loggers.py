"""`logcollector loggers`: the tree of loggers, with counts."""

from __future__ import annotations

import sys
from typing import Any, Final

import click

from collector.cli.misspelt import hint_at_misspelt
from collector.cli.progress_line import progress_line
from collector.cli.query_command import QueryCommand
from collector.cli.reading import Reading, reading_options
from collector.cli.rendering.branches import branches
from collector.cli.rendering.counts_table import CountRow, counts_table
from collector.cli.rendering.levels import level_group
from collector.cli.rendering.printable import one_line
from collector.cli.stats import (
    NO_RECORDS,
    by_level,
    draws_unicode,
    named_levels,
    written,
)
from collector.store.logger_tree import LoggerNode, flattened, largest, logger_tree
from collector.store.reader import Deadline, open_reader
from collector.store.stats import GROUPINGS, created_times, group_records

MOST_ROWS: Final = 100
COLUMNS: Final = (
    "logger", "parent", "depth", "own", "count", "share", "worst", "levels",
    "first", "last",
)  # fmt: skip


@click.command(cls=QueryCommand)
@reading_options(fields=False)
@click.option("--depth", "-d", type=click.IntRange(1), metavar="N",
              help="Only names of N parts; what is below is counted in.")  # fmt: skip
@click.option("--sort", type=click.Choice(["count", "name"]), default="count",
              show_default=True, help="What is first, side by side.")  # fmt: skip
@click.option("--limit", "-n", type=click.IntRange(0), default=MOST_ROWS,
              show_default=True,
              help="Most loggers to show, the largest; 0: all.")  # fmt: skip
def command(*, reading: Reading, depth: int | None, sort: str, limit: int) -> None:
    """Draw the tree of loggers, with counts.

    `count` has the records of a logger and of all below it, `own` those of
    itself alone; share, worst level, first and last are of all. A name that
    only leads to one other has no line.

    \b
    Examples:
      logcollector loggers --since today
      logcollector loggers --depth 2 'level>=warning'
      logcollector loggers -o json | jq '.[] | select(.own > 1000) | .logger'
    """
    with (
        open_reader(reading.database, Deadline(reading.timeout_seconds)) as reader,
        progress_line() as progress,
    ):
        groups = group_records(
            reader, reading.node, GROUPINGS["logger"], progress=progress
        )
        total = sum(group.count for group in groups)
        tops = logger_tree(groups, depth)
        nodes = list(flattened(in_order(tops, by_count=sort == "count")))
        shown = largest(nodes, limit) if limit else nodes
        ids = [each for node in shown for each in (node.first_id, node.last_id)]
        times = created_times(reader, ids)
        if not nodes:
            progress.clear()
            hint_at_misspelt(reader, reading.node)
    if reading.format not in ("text", "table"):
        objects = [plain(node, total, times) for node in shown]
        sys.stdout.write(written(objects, COLUMNS, reading.format))
    elif shown:
        sys.stdout.write(drawn(shown, total, times, reading))
        if len(shown) < len(nodes):
            more = len(nodes) - len(shown)
            sys.stdout.write(f"... and {more:,} more (--limit 0: all)\n")
    else:
        sys.stdout.write(NO_RECORDS)


def in_order(tops: list[LoggerNode], *, by_count: bool) -> list[LoggerNode]:
    """Put those side by side in order, on all levels of a tree."""
    if by_count:
        for several in (tops, *(node.children for node in flattened(tops))):
            several.sort(key=lambda node: (-node.count, node.name))
    return tops


def plain(node: LoggerNode, total: int, times: dict[int, float]) -> dict[str, Any]:
    """Return a node as a plain object, told from others by its name."""
    return {
        "logger": node.name,
        "parent": node.parent,
        "depth": node.depth,
        "own": node.own,
        "count": node.count,
        "share": round(node.count / total, 6),
        "worst": level_group(node.worst).name,
        "levels": named_levels(node),
        "first": times.get(node.first_id),
        "last": times.get(node.last_id),
    }


def drawn(
    nodes: list[LoggerNode], total: int, times: dict[int, float], reading: Reading
) -> str:
    """Return nodes as a tree, with their counts beside it."""
    unicode = draws_unicode()
    own = [f"{node.own:,}" for node in nodes]
    width = max(len("own"), *map(len, own))
    before = branches([node.depth for node in nodes], unicode=unicode)
    rows = [
        CountRow(
            (
                # Below its parent, a name is told by what it adds.
                branch + one_line(below_parent(node)),
                level_group(node.worst).name,
                number.rjust(width),
            ),
            by_level(node),
            times.get(node.first_id),
            times.get(node.last_id),
        )
        for node, branch, number in zip(nodes, before, own, strict=True)
    ]
    return counts_table(
        rows,
        ("logger", "worst", "own".rjust(width)),
        total=total,
        width=reading.width,
        color=reading.color,
        unicode=unicode,
        zone=reading.zone,
    )


def below_parent(node: LoggerNode) -> str:
    """Return what the name of a node adds to that of its parent."""
    name = node.name if node.parent is None else node.name[len(node.parent) + 1 :]
    return name or "-"
