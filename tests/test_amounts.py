"""Amounts as people write them."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.amounts import duration_seconds, size_bytes


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("30m", 1800),
        ("12h", 43200),
        ("1d12h", 129600),
        ("1.5D", 129600),
        ("4w", 2419200),
        ("1y", 31536000),
    ],
)
def test_lengths_of_time(text, seconds):
    """Units follow their numbers, and lengths may have several."""
    assert duration_seconds(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("500MB", 500_000_000),
        ("20 gb", 20_000_000_000),
        ("1.5TB", 1_500_000_000_000),
        ("512MiB", 536_870_912),
        ("1000", 1000),
        ("7b", 7),
    ],
)
def test_sizes(text, size):
    """Decimal units and binary ones are told apart."""
    assert size_bytes(text) == size


@pytest.mark.parametrize("text", ["", "d", "1", "-1d", "1d 2h", "1d2", "x1d", "1" * 99])
def test_other_texts_are_no_lengths(text):
    """What has no unit, or none that is known, is refused with the known forms."""
    with pytest.raises(ValueError, match="such as 90s"):
        duration_seconds(text)


@pytest.mark.parametrize("text", ["", "MB", "1 XB", "-1MB", "1MBs", "1ib", "1e9"])
def test_other_texts_are_no_sizes(text):
    """What is no number with a known unit is refused with the known forms."""
    with pytest.raises(ValueError, match="such as 500MB"):
        size_bytes(text)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text):
    """Nothing else is raised, whatever is written."""
    for parse in (duration_seconds, size_bytes):
        with contextlib.suppress(ValueError):
            assert parse(text) >= 0
