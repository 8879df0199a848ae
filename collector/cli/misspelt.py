"""Why a command finds nothing: a name may be none of a field, or be one of a file."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path as FilePath

import click

from collector.cli.rendering.printable import one_line
from collector.errors import QueryTimeout, ReadError
from collector.query.tree import And, Has, Node, Path, Text
from collector.store.reader import Reader
from collector.store.search import is_among_newest


def hint_at_misspelt(reader: Reader, node: Node, *, target: str = "") -> None:
    """Say on stderr which names of a query, which found nothing, look misspelt.

    Or that its only text is the name of a database, or of another file if the
    command writes to one: `target` is the option for that.

    Also where nobody looks: a script with such a name would find nothing for
    ever. A name that the newest records have as a key of extra is not one.
    """
    # Not above: it is seldom needed.
    from collector.query.misspelt import misspelt

    for each in misspelt(node):
        _hint_at(reader, each.name, each.field)
    _hint_at_file(node, target)


def hint_at_names(reader: Reader, names: Iterable[str]) -> None:
    """Say which keys of extra, which no record shown had, may be meant for fields."""
    from collector.query.misspelt import near_field

    for name in names:
        field = near_field(name)
        if field is not None:
            _hint_at(reader, name, field)


def _hint_at(reader: Reader, name: str, field: str) -> None:
    # What was asked is answered; a hint is not worth an error.
    with suppress(ReadError, QueryTimeout):
        if not is_among_newest(reader, Has(Path((name,)))):
            click.echo(
                f"hint: {name} is read as extra.{name}; did you mean {field}?", err=True
            )


def _hint_at_file(node: Node, target: str) -> None:
    texts = node.children if isinstance(node, And) else (node,)
    match [each.text for each in texts if isinstance(each, Text)]:
        case [name]:
            option = "--db" if _is_database(name) else target
            if option and FilePath(name).is_file():
                click.echo(
                    f"hint: {one_line(name)} is looked for as a text; "
                    f"did you mean {option} {one_line(name)}?",
                    err=True,
                )


def _is_database(name: str) -> bool:
    from collector.store.source import HEADER

    try:
        # A pipe would be waited for.
        if not FilePath(name).is_file():
            return False
        with FilePath(name).open("rb") as file:
            return file.read(len(HEADER)) == HEADER
    except (OSError, ValueError):
        return False
