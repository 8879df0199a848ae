"""Which rejects a command is for."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from collector.cli.question import asked
from collector.cli.rendering.counted import named
from collector.cli.time_zone import local_zone
from collector.errors import ReadError
from collector.query.narrowing import time_bounds
from collector.store.rejected import Selection

Function = TypeVar("Function", bound=Callable[..., Any])

# SQLite has no greater ids.
MAX_ID: Final = 2**63 - 1


def tell_of_none(path: Path) -> None:
    """Say that no reject is meant."""
    click.echo(f"{path}: there are no such rejects", err=True)


def no_such(path: Path, ids: Sequence[int]) -> ReadError:
    """Return the error for one or more ids that no reject has."""
    return ReadError(
        f"{path}: has no {named(len(ids), 'reject')} {', '.join(map(str, ids))}; "
        "`rejects list` tells which"
    )


def selection_options(*, must_choose: bool = False) -> Callable[[Function], Function]:
    """Add what chooses rejects to a command; it gets a `selection`, and `zone`.

    `must_choose`: choosing nothing is a mistake, unless --all says so.
    """
    options = [
        click.option("--utc", is_flag=True, help="Times in UTC, not in local time."),
        click.option("--until", metavar="TIME", help="Only received before this."),
        click.option("--since", "-s", metavar="TIME",
                     help="Only received since: 2h, today, 2026-11-20 ..."),
        click.option("--peer", metavar="ADDRESS", help="Only of this sender."),
        click.option("--reason", metavar="WORD", help="Only with this reason."),
        click.argument("ids", nargs=-1, metavar="[ID]...",
                       type=click.IntRange(1, MAX_ID)),
    ]  # fmt: skip
    if must_choose:
        options.insert(0, click.option("--all", "every", is_flag=True, help="All."))

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def command(
            *,
            ids: tuple[int, ...],
            reason: str | None,
            peer: str | None,
            since: str | None,
            until: str | None,
            utc: bool,
            every: bool = False,
            **others: Any,
        ) -> Any:
            zone = UTC if utc else local_zone()
            node = asked(
                "",
                [("--since", "since", ":", since), ("--until", "until", ":", until)],
                (),
                zone=zone,
                now=time.time(),
            )
            first, end = time_bounds(node)
            selection = Selection(
                ids=ids, reason=reason, peer=peer, since=first, until=end
            )
            if must_choose and every == (selection != Selection()):
                raise click.UsageError(
                    "say which: ID..., --reason, --peer, --since, --until; or --all"
                )
            return function(selection=selection, zone=zone, **others)

        wrapped: Any = command
        for option in options:
            wrapped = option(wrapped)
        return wrapped  # type: ignore[no-any-return]

    return decorate
