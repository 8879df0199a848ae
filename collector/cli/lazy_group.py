"""A group of commands, each imported when it is used."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click

# Of each command: the module it lives in (as attribute `command`), and its
# summary, given here so that `--help` need not load it.
Commands = Mapping[str, tuple[str, str]]


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called.

    `reading` names those that only read: of them, who closes the pipe has had
    enough, as `head` has, and that is no failure. Others have not done all then,
    or could not tell how it went.
    """

    def __init__(
        self,
        *args: Any,
        commands_by_name: Commands,
        reading: frozenset[str] = frozenset(),
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self._commands = commands_by_name
        self._reading = reading

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            if ctx.invoked_subcommand not in self._reading:
                raise
            ctx.exit()

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(self._commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        if cmd_name not in self._commands:
            return None
        module = importlib.import_module(self._commands[cmd_name][0])
        command: click.Command = module.command
        return command

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, text) for name, (_, text) in self._commands.items()]
            )
