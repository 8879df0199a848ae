"""Sparklines show every count, and the greatest as the highest."""

from hypothesis import given
from hypothesis import strategies as st

from collector.cli.rendering.sparkline import sparkline


def test_signs():
    """Nothing is a point; the least count is seen, the greatest is full."""
    assert sparkline([0, 1, 50, 100], unicode=True) == "·▁▄█"
    assert sparkline([0, 1, 50, 100], unicode=False) == "._=@"
    assert sparkline([0, 0], unicode=True) == "··"
    assert sparkline([], unicode=True) == ""


@given(st.lists(st.integers(0, 10**15)), st.booleans())
def test_any_counts(counts, unicode):
    """A greater count never has a lower sign."""
    signs = "·▁▂▃▄▅▆▇█" if unicode else "._:-=+*#@"
    drawn = [signs.index(sign) for sign in sparkline(counts, unicode=unicode)]

    assert len(drawn) == len(counts)
    assert [bool(height) for height in drawn] == [bool(count) for count in counts]
    pairs = sorted(zip(counts, drawn, strict=True))
    assert [height for _, height in pairs] == sorted(drawn)
