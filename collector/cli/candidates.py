"""Candidates: what a shell can make of a word when somebody presses Tab."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from collector.cli.database_path import database_path
from collector.errors import CollectorError

# A Tab must not take longer, nor show more.
COMPLETE_SECONDS: Final = 1.0
MOST_NAMES: Final = 200

# Bash puts what is completed into the command line as it is, and names come
# from the network: one with $( or ; in it would be run.
_HARMLESS: Final = re.compile(r"[\w.@%+:/-]+")

_LEVELS: Final = ("debug", "info", "warning", "error", "critical")
_LEVEL_TESTS: Final = ("level:", "level>=", "level=")
_OPERATORS: Final = (":", "=", "!=", ">", ">=", "<", "<=")


def complete_logger(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[str]:
    """Return the names of loggers that begin so, from the database."""
    return _logger_names(ctx.params.get("database"), incomplete)


def complete_host(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[str]:
    """Return the names of hosts that begin so, from the database."""
    return _host_names(ctx.params.get("database"), incomplete)


def complete_level(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[str]:
    """Return the names of levels that begin so."""
    return _level_names(incomplete)


def complete_query(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[str]:
    """Return fields, levels and loggers that a word of a query may become."""
    before = tuple(ctx.params.get("words") or ())
    return _query_words(ctx.params.get("database"), before, incomplete)


def _logger_names(database: Path | None, incomplete: str) -> list[str]:
    """Return names of loggers that begin so; none where there is no database."""
    return _stored_names("name", "call_sites", database, incomplete)


def _host_names(database: Path | None, incomplete: str) -> list[str]:
    """Return names of hosts that begin so; none where there is no database."""
    return _stored_names("hostname", "origins", database, incomplete)


def _stored_names(
    column: str, table: str, database: Path | None, incomplete: str
) -> list[str]:
    from collector.store.reader import Deadline, open_reader

    # Whatever is wrong, a Tab is no place to say so.
    with contextlib.suppress(CollectorError):
        with open_reader(database_path(database), Deadline(COMPLETE_SECONDS)) as reader:
            rows = reader.rows(
                f"SELECT DISTINCT {column} FROM {table} "
                f"WHERE substr({column}, 1, ?) = ? ORDER BY {column} LIMIT ?",
                (len(incomplete), incomplete, MOST_NAMES),
            )
        return [name for (name,) in rows if _HARMLESS.fullmatch(name)]
    return []


def _level_names(incomplete: str) -> list[str]:
    """Return the names of levels that begin so."""
    return [name for name in _LEVELS if name.startswith(incomplete.lower())]


def _query_words(
    database: Path | None, before: Sequence[str], incomplete: str
) -> list[str]:
    """Return what a word of a query may become; `before` are the words before it.

    Bash takes an operator for a word, and completes only what is behind it.
    """
    hidden = ""
    if incomplete in _OPERATORS and before:
        hidden, incomplete = before[-1] + incomplete, ""
    elif len(before) > 1 and before[-1] in _OPERATORS:
        hidden = before[-2] + before[-1]
    words = _words(database, hidden + incomplete)
    return [word.removeprefix(hidden) for word in words]


def _words(database: Path | None, incomplete: str) -> list[str]:
    from collector.query.fields import FIELD_NAMES

    fields = [name for name in FIELD_NAMES if name != "has"]
    for prefix in ("logger:", "logger=", "host:", "host=", "has:", *_LEVEL_TESTS):
        if incomplete.startswith(prefix):
            rest = incomplete.removeprefix(prefix)
            if prefix.startswith("logger"):
                names = _logger_names(database, rest)
            elif prefix.startswith("host"):
                names = _host_names(database, rest)
            elif prefix == "has:":
                names = [name for name in fields if name.startswith(rest)]
            else:
                names = _level_names(rest)
            return [prefix + name for name in names]
    return [f"{name}:" for name in FIELD_NAMES if name.startswith(incomplete)]
