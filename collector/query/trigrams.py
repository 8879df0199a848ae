"""What a query implies for an index of three-character pieces of texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from collector.query.tree import And, Comparison, Glob, Node, Or, Text

# More would cost more to look up than they save. Where it is known how common
# they are, the few that are least common find nearly as well as all.
MAX_PIECES_PER_NEEDLE: Final = 16
RAREST_PIECES: Final = 3
MAX_PIECES: Final = 256

# The index's own parser holds no more brackets.
_MAX_BRACKETS: Final = 12

_INDEXED: Final = frozenset({"message", "exc_text"})


# Tells of a piece in how many texts it is, roughly.
Commonness = Callable[[str], int]


def trigrams(node: Node, commonness: Commonness | None = None) -> str | None:
    """Return what to MATCH in a trigram index to find all that may match.

    The index is FTS5's with `trigram case_sensitive 1`, `detail=none` will do,
    and it is given message and exc_text casefolded. None when the query says
    nothing that such an index can find; then all records may match.
    """
    needles = _count(node)
    if not needles:
        return None
    pieces = max(1, min(MAX_PIECES_PER_NEEDLE, MAX_PIECES // needles))
    return _expression(node, pieces, _MAX_BRACKETS, commonness)


def _count(node: Node) -> int:
    if isinstance(node, And | Or):
        return sum(map(_count, node.children))
    return len(_needles(node))


def _expression(
    node: Node, pieces: int, brackets: int, commonness: Commonness | None
) -> str | None:
    if isinstance(node, And | Or):
        if not brackets:
            return None
        found = [
            _expression(child, pieces, brackets - 1, commonness)
            for child in node.children
        ]
        sides = [side for side in found if side is not None]
        if not sides or (isinstance(node, Or) and len(sides) < len(found)):
            return None
        operator = " AND " if isinstance(node, And) else " OR "
        return sides[0] if len(sides) == 1 else f"({operator.join(sides)})"
    terms = dict.fromkeys(
        term
        for needle in _needles(node)
        for term in _rarest(_spread(needle, pieces), commonness)
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


def _rarest(terms: list[str], commonness: Commonness | None) -> list[str]:
    """Return the least common of pieces, as far as it is known."""
    if commonness is None or len(terms) <= RAREST_PIECES:
        return terms
    counts: dict[str, int] = {}
    for term in terms:
        if term not in counts:
            counts[term] = commonness(term)
        if list(counts.values()).count(0) == RAREST_PIECES:
            break
    ranked = sorted(counts, key=lambda term: counts[term])
    # Neighbours are of the same words most often, and tell the same.
    apart = [ranked[0]]
    for term in ranked:
        if all(abs(terms.index(term) - terms.index(each)) >= 3 for each in apart):
            apart.append(term)
    return list(dict.fromkeys([*apart, *ranked]))[:RAREST_PIECES]
