"""`logcollector db`: look after a database."""

from __future__ import annotations

from typing import Final

import click

from collector.cli.lazy_group import LazyGroup

COMMANDS: Final = {
    "prune": ("collector.cli.db.prune", "Remove what is too old, or too much."),
    "reindex": ("collector.cli.db.reindex", "Make the search index anew."),
}


@click.group(cls=LazyGroup, commands_by_name=COMMANDS)
def command() -> None:
    """Look after a database."""
