"""Options that several commands have."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])

database_option: Final = click.option(
    "--db", "database", type=click.Path(path_type=Path), metavar="FILE",
    help="The database.  [default: as in the settings, else logs.sqlite]",
)  # fmt: skip

text_or_json_option: Final = click.option(
    "--format", "-o", "output_format", type=click.Choice(("text", "json")),
    default="text", show_default=True, help="How to show it.",
)  # fmt: skip


class Seconds(click.FloatRange):
    """A length of time: a number, and not `nan`, which is in every range."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        """Return the seconds that a text stands for."""
        seconds = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value!r} is not a valid number.", param, ctx)
        return seconds


def timeout_option(
    default: float | None,
    about: str = "Give up after so long.",
    *,
    most: float | None = None,
) -> Callable[[Function], Function]:
    """Return the option --timeout; a default of None is never."""
    return click.option(
        "--timeout", type=Seconds(0, most, min_open=True), default=default,
        show_default="never" if default is None else True, metavar="SECONDS",
        help=about,
    )  # fmt: skip
