"""The question: what a query and its flags ask for together."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from datetime import tzinfo

from collector.errors import QueryError
from collector.query.tree import And, Node, Operator, Or, Text, every

# A flag's name, the field and the operator it stands for, and its value.
Flag = tuple[str, str, Operator, str | None]


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


def written(
    text: str, flags: Sequence[Flag], texts: Sequence[str], zone: tzinfo
) -> str:
    """Return a query with its flags, and the time zone that they mean."""
    given = [f"{name}={value}" for name, _, _, value in flags if value is not None]
    grep = [f"--grep={each}" for each in texts]
    return shlex.join([text, *given, *grep, f"--zone={zone}"])


def looked_for(node: Node) -> Iterator[str]:
    """Yield the texts that a query looks for, to show where they are."""
    if isinstance(node, Text):
        yield node.text
    elif isinstance(node, And | Or):
        for child in node.children:
            yield from looked_for(child)
