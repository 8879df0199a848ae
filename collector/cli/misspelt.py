"""Why a query finds nothing: a name in it may be none of a field."""

from __future__ import annotations

from contextlib import suppress

import click

from collector.errors import QueryTimeout, ReadError
from collector.query.tree import Has, Node, Path
from collector.store.reader import Reader
from collector.store.search import is_among_newest


def hint_at_misspelt(reader: Reader, node: Node) -> None:
    """Say on stderr which names of a query, which found nothing, look misspelt.

    Also where nobody looks: a script with such a name would find nothing for
    ever. A name that the newest records have as a key of extra is not one.
    """
    # Not above: it is seldom needed.
    from collector.query.misspelt import misspelt

    # What was asked is answered; a hint is not worth an error.
    with suppress(ReadError, QueryTimeout):
        for each in misspelt(node):
            if not is_among_newest(reader, Has(Path((each.name,)))):
                click.echo(
                    f"hint: {each.name} is read as extra.{each.name}; "
                    f"did you mean {each.field}?",
                    err=True,
                )
