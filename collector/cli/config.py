"""`logcollector config`: show and check settings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
import msgspec

from collector.cli.settings_file import settings_file
from collector.cli.settings_options import given, settings_options
from collector.config import load_settings
from collector.config_toml import as_toml
from collector.settings import SECRETS, Settings


@click.group()
def command() -> None:
    """Show or check the settings."""


@command.command()
@click.option("--defaults", is_flag=True, help="Show the defaults alone.")
@settings_options
def show(defaults: bool, config_file: Path | None, **flags: Any) -> None:
    """Show all settings as they are in force, as TOML.

    With the same flags and environment as `serve`, this is what it would use.
    A token is not shown.

    \b
    Examples:
      logcollector config show
      logcollector config show --config config.toml --port 0
      logcollector config show --defaults > config.toml
    """
    settings = Settings()
    if not defaults:
        settings = load_settings(
            file=settings_file(config_file),
            environment=dict(os.environ),
            flags=given(flags),
        )
    # Too short to be taken for a token, should it be read back.
    hidden = {key: "(hidden)" for key in SECRETS if getattr(settings, key)}
    settings = msgspec.structs.replace(settings, **hidden)
    click.echo(as_toml(settings).rstrip("\n"))


@command.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
def check(file: Path | None) -> None:
    """Check a settings file, together with the environment.

    Reads the certificates and all else that `serve` would, but listens nowhere
    and opens no database. Without FILE, the one that LOGCOLLECTOR_CONFIG names.
    Exit status 2 when something is wrong.
    """
    # Heavy, and needed by this command alone.
    from collector.checking import check_start

    environment = dict(os.environ)
    if file is None and environment.get("LOGCOLLECTOR_CONFIG"):
        file = Path(environment["LOGCOLLECTOR_CONFIG"])
    file = settings_file(file)
    check_start(load_settings(file=file, environment=environment))
    click.echo(f"{file or 'the environment'}: all settings are right")
