"""How a QueryError shows where a mistake is."""

import pytest

from collector.errors import CollectorError, QueryError, QueryTimeout


def shown(text: str, column: int) -> list[str]:
    return str(QueryError(text, column, "expected x")).split("\n")


def test_the_place_is_marked():
    """The reason, the text and a caret below the column are a line each."""
    assert shown("abc def", 4) == ["expected x", "abc def", "    ^"]


def test_a_hint_comes_last():
    """What to try is a line of its own."""
    error = QueryError("abc", 0, "expected x", "Try y.")

    assert str(error).split("\n")[3:] == ["Try y."]


@pytest.mark.parametrize(
    ("text", "column", "line", "caret"),
    [
        ("", 0, "", 0),
        ("ab", 2, "ab", 2),
        ("a\nb\tc", 4, r"a\nb\tc", 6),
        ("\x00\x1b[31m\x9b!", 7, r"\x00\x1b[31m\x9b!", 16),
        ("日本 x", 3, "日本 x", 5),
        ("e\u0301 x", 3, "e\u0301 x", 2),
        ("\ud800\u202e x", 3, r"\ud800\u202e x", 13),
        ("\U000e0001x", 1, r"\U000e0001x", 10),
    ],
)
def test_the_caret_stands_below_its_column(text, column, line, caret):
    """Control characters are made visible, wide ones take two cells."""
    assert shown(text, column) == ["expected x", line, " " * caret + "^"]


@pytest.mark.parametrize("column", [0, 35, 36, 500_000, 999_999, 1_000_000])
def test_a_long_text_is_cut_around_the_place(column):
    """Of a long text some 70 characters are shown, with the place among them."""
    text = "".join(chr(97 + place % 26) for place in range(1_000_000))
    _, line, caret = shown(text, column)

    assert len(line) <= 72
    if column < len(text):
        assert line[caret.index("^")] == text[column]
    assert line.startswith("…") is (column > 35)
    assert line.endswith("…") is (column < 999_965)


def test_a_million_accents_are_cut():
    """What takes no place on a line is cut too."""
    _, line, _ = shown("e" + "\u0301" * 1_000_000, 500_000)

    assert len(line) <= 72


def test_both_are_of_the_one_tree():
    """Whoever handles all errors of this package handles these."""
    assert issubclass(QueryError, CollectorError)
    assert issubclass(QueryTimeout, CollectorError)
