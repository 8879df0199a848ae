"""Nothing in a line can steer a terminal or pass for another record."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.emit.visible import visible

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, 100 %", "plain text, 100 %"),
        ("Grüße, 世界 🎉", "Grüße, 世界 🎉"),
        ("a\tb", "a\tb"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("bell\x07, back\x08, del\x7f", "bell\\x07, back\\x08, del\\x7f"),
        ("over\rwritten", "over\\x0dwritten"),
        ("nul\0", "nul\\x00"),
        ("c1 \x9b31m", "c1 \\x9b31m"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("line\u2028para\u2029", "line\\u2028para\\u2029"),
        ("", ""),
    ],
)
def test_characters(text, shown):
    """Control characters are shown as escapes, all others as they are."""
    assert visible(text) == shown


def test_later_lines_are_marked():
    """Lines after the first can't be taken for records of their own."""
    text = 'boom\nTraceback:\n  File "x"\n\nValueError: 1\n'

    assert visible(text) == (
        'boom\n    | Traceback:\n    |   File "x"\n    | \n    | ValueError: 1'
    )


@pytest.mark.parametrize("end", ["\n", "\n\n", "\r\n"])
def test_ends_of_lines_are_cut_off(end):
    """A record's own final newlines leave no empty lines."""
    assert visible("a\nb" + end).rstrip("\\x0d") == "a\n    | b"


@given(
    st.text(
        alphabet=st.characters(exclude_categories=["Cs"])
        | st.sampled_from("\n\r\t\x0b\x0c\x1b\x1c\x1d\x1e\x85\x9b\u2028\u2029" + BIDI)
    )
)
def test_no_text_leaves_its_record(text):
    """No line after the first starts at column 0; nothing steers a terminal."""
    shown = visible(text)

    assert all(line.startswith("    | ") for line in shown.splitlines()[1:])
    assert shown.count("\n") == len(shown.splitlines() or [""]) - 1 or (
        not shown.strip("\n")
    )
    assert not [
        character
        for character in shown
        if (unicodedata.category(character) == "Cc" and character not in "\n\t")
        or character in BIDI
    ]


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_text_for_people_is_unchanged(text):
    """Letters, digits, signs and blanks of any script stay as they are."""
    assert visible(text) == text
