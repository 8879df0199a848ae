"""A reading: what a command is asked to read, and how to show it."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any, TypeVar

import click

from collector.cli.candidates import (
    complete_host,
    complete_level,
    complete_logger,
    complete_query,
)
from collector.cli.database_path import database_path
from collector.cli.json_escapes import write_json_escapes
from collector.cli.options import database_option, timeout_option
from collector.cli.question import Flag, asked, looked_for, written
from collector.cli.terminal import terminal_has_colors, terminal_width
from collector.cli.time_zone import local_zone
from collector.query.tree import Node

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Reading:
    """What a command is asked to read, and how to show it.

    asked: the query as it was written, with the flags and the time zone that it
    means. node_at: the query with its times worked out for an epoch second, as
    `node` is for now.
    """

    database: Path
    node: Node
    asked: str
    node_at: Callable[[float], Node]
    timeout_seconds: float | None
    zone: tzinfo
    color: bool
    width: int
    format: str
    fields: str | None
    needles: tuple[str, ...]


def reading_options(
    *, fields: bool = True, shown: bool = True, timeout: float | None = 60.0
) -> Callable[[Function], Function]:
    """Add the filters, --db and what says how to show to a command.

    It is called with one Reading, as `reading`, in their place. `timeout` is
    the default of --timeout; what is not `shown` is not formatted here.
    """
    # Not above: commands that show no records need not load it.
    from collector.cli.rendering.formats import FORMATS

    # The last one comes first in --help.
    options = [
        timeout_option(timeout, "Give up a search after so long."),
        click.option("--utc", is_flag=True, help="Times in UTC, not in local time."),
        click.option("--grep", "-g", "texts", multiple=True, metavar="TEXT",
                     help="Only with this text, as it is, in message or traceback."),
        click.option("--until", metavar="TIME", help="Only before this."),
        click.option("--since", "-s", metavar="TIME",
                     help="Only since: 2h, today, 2026-11-20, 10:30 ..."),
        click.option("--host", metavar="NAME", shell_complete=complete_host,
                     help="Only of this host (* for any)."),
        click.option("--logger", metavar="NAME", shell_complete=complete_logger,
                     help="Only of this logger and those below it."),
        click.option("--level", "-l", metavar="LEVEL", shell_complete=complete_level,
                     help="Only of this level or above."),
        database_option,
    ]  # fmt: skip
    if shown:
        options.insert(
            1,
            click.option("--no-color", is_flag=True, help="No colours on a terminal."),
        )
        options.insert(
            3,
            click.option("--format", "-o", "output_format", type=click.Choice(FORMATS),
                         default=FORMATS[0], show_default=True,
                         help="How to show it."),
        )  # fmt: skip
    if fields and shown:
        options.insert(
            4,
            click.option("--fields", metavar="NAMES",
                         help="What to show of each: time,level,message,extra.user"),
        )  # fmt: skip

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def command(
            *,
            words: tuple[str, ...],
            database: Path | None,
            timeout: float | None,
            utc: bool,
            level: str | None,
            logger: str | None,
            host: str | None,
            since: str | None,
            until: str | None,
            texts: tuple[str, ...],
            fields: str | None = None,
            output_format: str = FORMATS[0],
            no_color: bool = False,
            **others: Any,
        ) -> Any:
            zone = UTC if utc else local_zone()
            flags: list[Flag] = [
                ("--level", "level", ">=", level),
                ("--logger", "logger", ":", logger),
                ("--host", "host", ":", host),
                ("--since", "since", ":", since),
                ("--until", "until", ":", until),
            ]
            if output_format in ("json", "jsonl"):
                write_json_escapes()
            text = " ".join(words)

            def node_at(now: float) -> Node:
                return asked(text, flags, texts, zone=zone, now=now)

            node = node_at(time.time())
            terminal = sys.stdout.isatty()
            reading = Reading(
                database=database_path(database),
                node=node,
                asked=written(text, flags, texts, zone),
                node_at=node_at,
                timeout_seconds=timeout,
                zone=zone,
                color=terminal and not no_color and terminal_has_colors(),
                width=terminal_width(),
                format=output_format,
                fields=fields,
                needles=(*texts, *looked_for(node)),
            )
            return function(reading=reading, **others)

        wrapped: Any = command
        for option in options:
            wrapped = option(wrapped)
        argument = click.argument(
            "words", nargs=-1, metavar="[QUERY]...", shell_complete=complete_query
        )
        return argument(wrapped)  # type: ignore[no-any-return]

    return decorate
