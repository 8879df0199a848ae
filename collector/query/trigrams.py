"""What a query implies for an index of three-character pieces of texts."""

from __future__ import annotations

from typing import Final

from collector.query.tree import And, Comparison, Glob, Node, Or, Text

# More would cost more to look up than they save.
MAX_PIECES_PER_NEEDLE: Final = 16
MAX_PIECES: Final = 256

# The index's own parser holds no more brackets.
_MAX_BRACKETS: Final = 12

_INDEXED: Final = frozenset({"message", "exc_text"})


def trigrams(node: Node) -> str | None:
    """Return what to MATCH in a trigram index to find all that may match.

    The index is FTS5's with `trigram case_sensitive 1`, `detail=none` will do,
    and it is given message and exc_text casefolded. None when the query says
    nothing that such an index can find; then all records may match.
    """
    needles = _count(node)
    if not needles:
        return None
    pieces = max(1, min(MAX_PIECES_PER_NEEDLE, MAX_PIECES // needles))
    return _expression(node, pieces, _MAX_BRACKETS)


def _count(node: Node) -> int:
    if isinstance(node, And | Or):
        return sum(map(_count, node.children))
    return len(_needles(node))


def _expression(node: Node, pieces: int, brackets: int) -> str | None:
    if isinstance(node, And | Or):
        if not brackets:
            return None
        found = [_expression(child, pieces, brackets - 1) for child in node.children]
        sides = [side for side in found if side is not None]
        if not sides or (isinstance(node, Or) and len(sides) < len(found)):
            return None
        operator = " AND " if isinstance(node, And) else " OR "
        return sides[0] if len(sides) == 1 else f"({operator.join(sides)})"
    terms = dict.fromkeys(
        term for needle in _needles(node) for term in _spread(needle, pieces)
    )
    if not terms:
        return None
    quoted = ['"' + term.replace('"', '""') + '"' for term in terms]
    return quoted[0] if len(quoted) == 1 else f"({' AND '.join(quoted)})"


def _needles(node: Node) -> list[str]:
    """Return the folded texts, of three characters or more, that must occur."""
    texts: tuple[str, ...] = ()
    if isinstance(node, Text):
        texts = (node.text,)
    elif isinstance(node, Comparison) and node.field in _INDEXED:
        if isinstance(node.value, Glob):
            texts = node.value.parts
        elif isinstance(node.value, str) and node.operator == "=":
            texts = (node.value,)
    folded = [text.casefold() for text in texts]
    # The index takes a NUL for the end of a text.
    return [text for text in folded if len(text) >= 3 and "\0" not in text]


def _spread(needle: str, pieces: int) -> list[str]:
    """Return some three-character pieces of a needle, all if they are few."""
    last = len(needle) - 3
    if last < pieces:
        places = list(range(last + 1))
    elif pieces == 1:
        places = [last // 2]
    else:
        places = [last * index // (pieces - 1) for index in range(pieces)]
    return [needle[place : place + 3] for place in places]
