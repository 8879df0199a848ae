"""Text to tree: what the words of a query mean, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo
from typing import TYPE_CHECKING, Final, Never, cast

from collector.errors import QueryError
from collector.query.fields import (
    Value,
    comparison,
    known_field,
    presence,
    well_formed,
)
from collector.query.grammar import (
    end_of_string,
    grammar,
    keys_of,
    split_test,
    unquoted,
)
from collector.query.patterns import PatternError, check_pattern
from collector.query.tree import (
    Everything,
    Node,
    Operator,
    Regex,
    Text,
    either,
    every,
    opposite,
)

if TYPE_CHECKING:
    from lark import Token, Tree

MAX_TERMS: Final = 200
MAX_LEVELS: Final = 50

_TERMS: Final = frozenset({"WORD", "PHRASE", "PATTERN", "HAS", "FIELD"})
_NEGATIONS: Final = frozenset({"_MINUS", "_NOT"})
_QUOTE_IT: Final = 'To search for the text itself, put it in quotes: "..."'
_NO_NAME: Final = ("expected the name of a field", "For example: has:user.id")


def parse(text: str, *, now: float, zone: tzinfo) -> Node:
    """Return the tree of a query.

    Times are told from the epoch second `now`; what has no zone is in `zone`.
    Raises QueryError for what is no query, whatever the text.
    """
    if not text.strip():
        return Everything()
    return _Reading(text, now, zone).node()


class _Reading:
    """One text on its way to a tree."""

    def __init__(self, text: str, now: float, zone: tzinfo) -> None:
        self._text = text
        self._now = now
        self._zone = zone

    def node(self) -> Node:
        return self._node(self._tree())

    def _fail(self, column: int, reason: str, hint: str = "") -> Never:
        raise QueryError(self._text, column, reason, hint) from None

    def _tree(self) -> Tree[Token]:
        from lark import UnexpectedCharacters, UnexpectedToken

        brackets: list[int] = []
        parsing = grammar().parse_interactive(well_formed(self._text))
        try:
            self._count(parsing.iter_parse(), brackets)
            tree = parsing.feed_eof()  # type: ignore[no-untyped-call] # lark's
            return cast("Tree[Token]", tree)
        except UnexpectedToken as error:
            self._unexpected(error.token, brackets)
        except UnexpectedCharacters as error:
            self._unreadable(error.pos_in_stream or 0)

    def _count(self, tokens: Iterator[Token], brackets: list[int]) -> None:
        """Read all tokens, and note where brackets are open."""
        terms = negations = levels = 0
        # How many levels each bracket that is open ends.
        ended: list[int] = []
        for token in tokens:
            column = token.start_pos or 0
            terms += token.type in _TERMS
            if token.type in _NEGATIONS:
                negations += 1
                levels += 1
            elif token.type == "LPAR":
                brackets.append(column)
                ended.append(negations + 1)
                levels += 1
                negations = 0
            else:
                levels -= negations
                negations = 0
            if token.type == "RPAR":
                if not brackets:
                    self._fail(column, "expected a term: no bracket is open", _QUOTE_IT)
                brackets.pop()
                levels -= ended.pop()
            if terms > MAX_TERMS:
                self._fail(
                    column,
                    f"expected at most {MAX_TERMS} terms",
                    "A text is one term when it is put in quotes.",
                )
            if levels > MAX_LEVELS:
                self._fail(
                    column,
                    f"expected at most {MAX_LEVELS} brackets and negations "
                    "in each other",
                )

    def _unexpected(self, token: Token, brackets: list[int]) -> Never:
        column = token.start_pos or 0
        if token.type == "$END":
            if brackets:
                self._fail(brackets[-1], "expected a bracket that closes this one")
            self._fail(len(self._text), "expected a term at the end")
        if token.type in {"RPAR", "_OR", "_AND"}:
            self._fail(column, f"expected a term before {token}", _QUOTE_IT)
        self._fail(column, *_NO_NAME)

    def _unreadable(self, column: int) -> Never:
        if not self._text.startswith('"', column):
            self._fail(column, *_NO_NAME)
        end = end_of_string(self._text, column)
        if end is None:
            self._fail(
                column,
                "expected a quote that closes this one",
                r"A quote that is part of the text is written \".",
            )
        self._fail(end, "expected a space after the closing quote")

    def _node(self, tree: Tree[Token]) -> Node:
        # No deeper than the levels that have been counted.
        children = tree.children
        if tree.data == "term":
            return self._term(cast("list[Token]", children))
        nodes = [self._node(cast("Tree[Token]", child)) for child in children]
        if tree.data == "query":
            return either(*nodes)
        return every(*nodes) if tree.data == "every" else opposite(nodes[0])

    def _term(self, tokens: list[Token]) -> Node:
        first, last = tokens[0], tokens[-1]
        column = last.start_pos or 0
        try:
            if first.type == "PHRASE":
                return Text(unquoted(first))
            if first.type == "PATTERN":
                check_pattern(first[1:-1])
                return Regex(first[1:-1])
            if first.type == "HAS":
                return presence(keys_of(last))
            if first.type == "FIELD":
                return self._comparison(first, last)
        except PatternError as error:
            self._fail(column + 1 + error.column, str(error))
        except ValueError as error:
            self._fail(column, str(error))
        self._check_word(first, column)
        return Text(str(first))

    def _check_word(self, word: str, column: int) -> None:
        """Refuse a word that was meant to be a test of a field."""
        test = split_test(word)
        if test is None:
            return
        name, operator = test
        if not name:
            self._fail(column, f"expected a field before {operator}", _QUOTE_IT)
        if operator == ":" and known_field(keys_of(name)) is None:
            return  # Like "Error:", which begins many a message.
        column += len(name) + len(operator)
        hint = _QUOTE_IT
        if self._text.startswith("(", column):
            hint = "Brackets go around tests: (host:a OR host:b)"
        self._fail(column, f"expected a value directly after {operator}", hint)

    def _comparison(self, field: Token, value: Token) -> Node:
        test = split_test(field)
        assert test is not None, "a field ends with an operator"
        name, operator = test
        quoted = value.type == "QUOTED"
        if not quoted and value[0] in "=<>":
            self._fail(
                value.start_pos or 0,
                f"expected a value after {operator}",
                "The operators are : = != > >= < <=, and a value in quotes "
                "may begin with any character.",
            )
        return comparison(
            keys_of(name),
            cast("Operator", operator),
            Value(unquoted(value) if quoted else str(value), quoted=quoted),
            now=self._now,
            zone=self._zone,
        )
