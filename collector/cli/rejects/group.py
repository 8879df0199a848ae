"""`logcollector rejects`: what could not be stored as records, and why."""

from __future__ import annotations

from typing import Final

import click

from collector.cli.lazy_group import LazyGroup

COMMANDS: Final = {
    "list": ("collector.cli.rejects.listing", "Which there are, and why."),
    "show": ("collector.cli.rejects.show", "One of them, with its bytes."),
    "export": ("collector.cli.rejects.export", "Their payloads, as JSON or files."),
    "retry": ("collector.cli.rejects.retry", "Store those that can be read today."),
    "clear": ("collector.cli.rejects.clear", "Delete them."),
}
READING: Final = frozenset({"list", "show"})


@click.group(cls=LazyGroup, commands_by_name=COMMANDS, reading=READING)
def command() -> None:
    """See what could not be stored as records, and try again."""
