"""Columns line up whatever stands in them."""

import pytest
from cli.rendering.rows import texts
from hypothesis import given
from hypothesis import strategies as st

from collector.cli.rendering.columns import (
    display_width,
    padded,
    shared_widths,
    shortened,
    shortened_end,
)


@pytest.mark.parametrize(
    ("text", "width"),
    [("", 0), ("abc", 3), ("é", 1), ("世界", 4), ("e\u0301", 1), ("ａ", 2), ("🎉", 2)],
)
def test_display_width(text, width):
    """Wide characters take two places, combining ones none."""
    assert display_width(text) == width


def test_padding():
    """Padding is counted in places."""
    assert padded("世", 4) == "世  "
    assert padded("世", 4, right=True) == "  世"
    assert padded("long", 2) == "long"


@pytest.mark.parametrize(
    ("text", "width", "short"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdef", 5, "ab…ef"),
        ("abcdef", 4, "ab…f"),
        ("abcdef", 1, "…"),
        ("abcdef", 0, ""),
        ("世界世界", 6, "世…界"),
    ],
)
def test_shortening(text, width, short):
    """The middle is left out, and nothing where all fits."""
    assert shortened(text, width, gap="…") == short


@given(texts, st.integers(0, 20), st.sampled_from(["…", "..."]))
def test_shortened_texts_fit(text, width, gap):
    """No text is wider than it may be."""
    assert display_width(shortened(text, width, gap=gap)) <= width


@pytest.mark.parametrize(
    ("wanted", "available", "widths"),
    [
        ([5, 10], 20, [5, 10]),
        ([5, 50], 20, [5, 15]),
        ([50, 5, 50], 25, [10, 5, 10]),
        ([50, 2, 50], 0, [4, 2, 4]),
        ([], 10, []),
    ],
)
def test_sharing_widths(wanted, available, widths):
    """The narrow get what they want, the others share the rest."""
    assert shared_widths(wanted, available, least=4) == widths


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("世界世界", 5, "世界…"),
        ("ab", 1, "…"),
        ("ab", 0, ""),
    ],
)
def test_the_end_is_cut(text, width, shown):
    """The beginning of a text is kept, in places."""
    assert shortened_end(text, width, gap="…") == shown
