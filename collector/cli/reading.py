"""What the commands that read have in common: filters, database, format."""

from __future__ import annotations

import codecs
import functools
import io
import itertools
import json
import math
import os
import re
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from collector.errors import QueryError
from collector.query.tree import And, Node, Operator, Or, Text, every

if TYPE_CHECKING:
    from collector.settings import Settings

Function = TypeVar("Function", bound=Callable[..., Any])

# A flag's name, the field and the operator it stands for, and its value.
Flag = tuple[str, str, Operator, str | None]

# Options of one letter may have a number right behind, as in -n5, and no word.
_WORD_WITH_MINUS: Final = re.compile(r"-[A-Za-z]\D.*", re.DOTALL)

# A search that takes longer says how far it is.
SAY_PROGRESS_SECONDS: Final = 1.0


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


class QueryCommand(click.Command):
    """A command whose arguments are a query, which may begin with a minus."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; an unknown option may be a word to exclude."""
        hint = (
            "To leave out a word, write -- in front of the query: "
            f"{ctx.command_path} -- error -retry"
        )
        before = ""
        for argument in itertools.takewhile("--".__ne__, args):
            # `-green` would be -g with a value, and nobody would notice.
            if _WORD_WITH_MINUS.fullmatch(argument) and not self._has_value(before):
                raise click.UsageError(f"No such option {argument!r}. {hint}", ctx)
            before = argument
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            more = "" if error.option_name.startswith("--") else f" {hint}"
            raise click.UsageError(f"{error.format_message()}{more}", ctx) from None

    def _has_value(self, argument: str) -> bool:
        """Tell whether an argument is an option whose value comes next."""
        return any(
            argument in option.opts and not option.is_flag
            for option in self.params
            if isinstance(option, click.Option)
        )


database_option: Final = click.option(
    "--db", "database", type=click.Path(path_type=Path), metavar="FILE",
    help="The database.  [default: as in the settings, else logs.sqlite]",
)  # fmt: skip


text_or_json_option: Final = click.option(
    "--format", "-o", "output_format", type=click.Choice(("text", "json")),
    default="text", show_default=True, help="How to show it.",
)  # fmt: skip


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
                _write_json_escapes()
            text = " ".join(words)

            def node_at(now: float) -> Node:
                return asked(text, flags, texts, zone=zone, now=now)

            node = node_at(time.time())
            terminal = sys.stdout.isatty()
            reading = Reading(
                database=database_path(database),
                node=node,
                asked=shlex.join([text, *_written(flags, texts, zone)]),
                node_at=node_at,
                timeout_seconds=timeout,
                zone=zone,
                color=terminal and not no_color and terminal_has_colors(),
                width=shutil.get_terminal_size((120, 24)).columns,
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


def asked(
    text: str,
    flags: Sequence[Flag],
    texts: Sequence[str],
    *,
    zone: tzinfo,
    now: float,
) -> Node:
    """Return what a query and flags ask for together, at an epoch second.

    Raises QueryError for a mistake in the query or in the value of a flag.
    """
    from collector.query.fields import Value, comparison

    nodes: list[Node] = []
    if text.strip():
        # What parses a query is heavy, and flags alone don't need it.
        from collector.query.parser import parse

        nodes.append(parse(text, now=now, zone=zone))
    for name, field, operator, value in flags:
        if value is None:
            continue
        try:
            nodes.append(
                comparison((field,), operator, Value(value), now=now, zone=zone)
            )
        except ValueError as error:
            raise QueryError(f"{name} {value}", len(name) + 1, str(error)) from None
    nodes += [Text(text) for text in texts if text]
    return every(*nodes)


def _written(
    flags: Sequence[Flag], texts: Sequence[str], zone: tzinfo
) -> Iterator[str]:
    for name, _, _, value in flags:
        if value is not None:
            yield f"{name}={value}"
    yield from (f"--grep={text}" for text in texts)
    yield f"--zone={zone}"


def looked_for(node: Node) -> Iterator[str]:
    """Yield the texts that a query looks for, to show where they are."""
    if isinstance(node, Text):
        yield node.text
    elif isinstance(node, And | Or):
        for child in node.children:
            yield from looked_for(child)


def database_path(given: Path | None) -> Path:
    """Return the database: the one given, else that of the settings."""
    if given is not None:
        return given
    if named := os.environ.get("LOGCOLLECTOR_DB"):
        return Path(named)
    file = _settings_file()
    if file is not None:
        settings = read_settings()
        if settings.db:
            return Path(settings.db)
    return Path("logs.sqlite")


def read_settings() -> Settings:
    """Return the settings, of the environment and the file that it names."""
    # They take their time to load, and most have no file of them.
    from collector.config import load_settings

    return load_settings(file=_settings_file(), environment=dict(os.environ), flags={})


def _settings_file() -> Path | None:
    from collector.cli.settings_options import settings_file

    named_file = os.environ.get("LOGCOLLECTOR_CONFIG")
    return settings_file(Path(named_file) if named_file else None)


def local_zone() -> tzinfo:
    """Return this machine's time zone, with its changes of the clock."""
    import tzlocal

    try:
        return tzlocal.get_localzone()
    except Exception:  # noqa: BLE001 - whatever a strange TZ makes it raise
        return UTC


def terminal_has_colors() -> bool:
    """Tell whether nobody has asked for plain text."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _write_json_escapes() -> None:
    """Have characters that stdout's encoding lacks written as JSON escapes."""
    codecs.register_error("logcollector.json", _json_escape)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="logcollector.json")


def _json_escape(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


class ProgressLine:
    """A line on stderr that says how far something is, once it takes long.

    `doing` is what it does, `of` with what.
    """

    def __init__(self, doing: str = "searching", of: str = "records") -> None:
        self._doing = doing
        self._of = of
        self._begun = time.monotonic()
        self._shown = ""

    def __call__(self, done: int, total: int) -> None:
        """Say that so much is done."""
        late = time.monotonic() - self._begun >= SAY_PROGRESS_SECONDS
        if not late or not sys.stderr.isatty():
            return
        text = f"{self._doing}: {done / max(1, total):.0%} of {total:,} {self._of}"
        if text != self._shown:
            click.echo(f"\r{text}\x1b[K", err=True, nl=False)
            self._shown = text

    def clear(self) -> None:
        """Take the line back, before anything else is written."""
        if self._shown:
            click.echo("\r\x1b[K", err=True, nl=False)
            self._shown = ""


@contextmanager
def progress_line(
    doing: str = "searching", of: str = "records"
) -> Iterator[ProgressLine]:
    """Give what tells on stderr how far something is, and clear it at the end."""
    line = ProgressLine(doing, of)
    try:
        yield line
    finally:
        line.clear()


def complete_logger(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[str]:
    """Return the names of loggers that begin so, from the database."""
    from collector.cli.completion import logger_names

    return logger_names(ctx.params.get("database"), incomplete)


def complete_host(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[str]:
    """Return the names of hosts that begin so, from the database."""
    from collector.cli.completion import host_names

    return host_names(ctx.params.get("database"), incomplete)


def complete_level(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[str]:
    """Return the names of levels that begin so."""
    from collector.cli.completion import level_names

    return level_names(incomplete)


def complete_query(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[str]:
    """Return fields, levels and loggers that a word of a query may become."""
    from collector.cli.completion import query_words

    before = tuple(ctx.params.get("words") or ())
    return query_words(ctx.params.get("database"), before, incomplete)
