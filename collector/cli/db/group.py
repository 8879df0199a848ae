"""`logcollector db`: look after a database."""

from __future__ import annotations

from typing import Final

import click

from collector.cli.lazy_group import LazyGroup

COMMANDS: Final = {
    "info": ("collector.cli.db.info", "What is in it, and what that takes."),
    "check": ("collector.cli.db.check", "Check that it is sound."),
    "backup": ("collector.cli.db.backup", "Copy it, also while it is written to."),
    "vacuum": ("collector.cli.db.vacuum", "Give free space back to the disk."),
    "prune": ("collector.cli.db.prune", "Remove what is too old, or too much."),
    "reindex": ("collector.cli.db.reindex", "Make the search index anew."),
}
READING: Final = frozenset({"info"})


@click.group(cls=LazyGroup, commands_by_name=COMMANDS, reading=READING)
def command() -> None:
    """Look after a database."""
