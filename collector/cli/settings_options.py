"""Options for settings: one flag for each, made from its declaration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import msgspec

from collector.settings import ENVIRONMENT_PREFIX, Settings, descriptions

Function = TypeVar("Function", bound=Callable[..., Any])

# A table can't be a flag.
WITHOUT_FLAG: Final = ("logging",)


def settings_options(function: Function) -> Function:
    """Add --config and a flag for each setting to a command.

    Flags not given come as None.
    """
    about = descriptions()
    for field in reversed(msgspec.structs.fields(Settings)):
        if field.name in WITHOUT_FLAG:
            continue
        name = "--" + field.name.replace("_", "-")
        default = msgspec.json.encode(field.default).decode().strip('"')
        help_text = about[field.name]
        is_list = isinstance(field.default, tuple)
        if field.name != "format" and not is_list:
            help_text += f"  [default: {default}]"
        is_bool = field.type is bool or isinstance(field.default, bool)
        function = click.option(
            f"{name}/--no-{name[2:]}" if is_bool else name,
            field.name,
            default=None,
            multiple=is_list,
            metavar=None if is_bool else _metavar(field.default),
            help=help_text,
        )(function)
    return click.option(
        "--config",
        "config_file",
        type=click.Path(path_type=Path),
        envvar=ENVIRONMENT_PREFIX + "CONFIG",
        help="Settings file (TOML).",
    )(function)


def _metavar(default: object) -> str:
    if isinstance(default, int):
        return "N"
    if isinstance(default, float):
        return "SECONDS"
    return "TEXT"


def given(flags: dict[str, Any]) -> dict[str, object]:
    """Return the flags that were given."""
    return {key: value for key, value in flags.items() if value not in (None, ())}
