"""The command `logcollector`: thin commands, each loaded when it is used."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Final

import click

from collector.cli.lazy_group import LazyGroup
from collector.errors import (
    CollectorError,
    ConfigError,
    ListenError,
    NoSuchDatabase,
    QueryError,
    SendError,
    StoreError,
)

COMMANDS: Final = {
    "serve": ("collector.cli.serve", "Collect records: listen, show, store."),
    "query": ("collector.cli.query", "Find records: by words, fields, times."),
    "tail": ("collector.cli.tail", "Show the newest records, and follow them."),
    "stats": ("collector.cli.stats", "Count records: a histogram, tables."),
    "errors": ("collector.cli.errors", "Group errors by their cause."),
    "loggers": ("collector.cli.loggers", "Draw the tree of loggers, with counts."),
    "processes": ("collector.cli.processes", "List each run of a process."),
    "new": ("collector.cli.new", "Tell what is new since a time, or changed."),
    "export": ("collector.cli.export", "Write records to a file, whole and exact."),
    "import": ("collector.cli.import_", "Add records of files and other databases."),
    "status": ("collector.cli.status", "See how a running daemon does."),
    "doctor": ("collector.cli.doctor", "Find what keeps records from arriving."),
    "send": ("collector.cli.send", "Send a message, or lines of stdin."),
    "demo": ("collector.cli.demo", "See it work: a server, a client, the rows."),
    "replay": ("collector.cli.replay", "Send stored records again, as they came."),
    "rejects": ("collector.cli.rejects.group", "See and retry what was rejected."),
    "db": ("collector.cli.db.group", "Look after a database."),
    "config": ("collector.cli.config", "Show or check the settings."),
    "completion": ("collector.cli.completion", "Let a shell complete words."),
}

READING: Final = frozenset(
    {"query", "tail", "stats", "errors", "loggers", "processes", "new"}
)

# sysexits(3), but for 2, which is what click says for a user's mistake.
EXIT_USAGE: Final = 2
EXIT_UNAVAILABLE: Final = 69
EXIT_IO: Final = 74


class MainGroup(LazyGroup):
    """All commands; their errors become a line and an exit status."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; its errors become one line and an exit status."""
        try:
            return super().invoke(ctx)
        except CollectorError as error:
            from collector.cli.rendering.printable import lines_kept

            # SQLite quotes what a damaged file holds.
            click.echo(f"logcollector: {lines_kept(str(error))}", err=True)
            ctx.exit(exit_status(error))


def exit_status(error: CollectorError) -> int:
    """Return the process's exit status for an error."""
    if isinstance(error, (ConfigError, NoSuchDatabase, QueryError)):
        return EXIT_USAGE
    if isinstance(error, (ListenError, SendError)):
        return EXIT_UNAVAILABLE
    if isinstance(error, StoreError):
        return EXIT_IO
    return 1


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    from collector.cli.version import version_text

    click.echo(version_text())
    ctx.exit()


@click.group(
    cls=MainGroup,
    commands_by_name=COMMANDS,
    reading=READING,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version, and what it runs on.",
)
def cli() -> None:
    """Collect what Python programs log.

    Point stock logging.handlers.SocketHandlers at one port, and have one
    searchable SQLite file.
    """


def main() -> None:
    """Run the command line."""
    _prepare_streams()
    try:
        try:
            cli(prog_name="logcollector")
        finally:
            # Not at the interpreter's end, where it can only say so and go on.
            _flush()
    except OSError as error:
        _give_up()
        click.echo(f"logcollector: {error}", err=True)
        sys.exit(1)


def _flush() -> None:
    """Write what is still to be written to stdout, unless nobody wants it."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # The command has ended, and its status tells how.
        _give_up()


def _give_up() -> None:
    """Have what is still to be written to stdout go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _prepare_streams() -> None:
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # It was closed when the process was started.
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            # A terminal that can't show a character must not end the command.
            stream.reconfigure(errors="backslashreplace")
