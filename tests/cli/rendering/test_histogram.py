"""Histograms show how much of what there is, at any width."""

import pytest
from cli.rendering.rows import uncoloured

from collector.cli.rendering.bars import Bars
from collector.cli.rendering.columns import display_width
from collector.cli.rendering.histogram import Bucket, histogram
from collector.cli.rendering.levels import (
    CRITICAL,
    DEBUG,
    ERROR,
    INFO,
    LEVEL_GROUPS,
    WARNING,
    level_group,
)

BUCKETS = [
    Bucket("10:00", {INFO: 1000, ERROR: 1}),
    Bucket("11:00", {}),
    Bucket("12:00", {INFO: 1000, ERROR: 600, WARNING: 399, CRITICAL: 1}),
    Bucket("13:00", {DEBUG: 1}),
]


@pytest.mark.parametrize(
    ("levelno", "group"),
    [
        (100, CRITICAL),
        (50, CRITICAL),
        (49, ERROR),
        (40, ERROR),
        (30, WARNING),
        (20, INFO),
        (19.5, DEBUG),
        (0, DEBUG),
        (-5, DEBUG),
        (float("nan"), DEBUG),
        (None, DEBUG),
        ("50", DEBUG),
    ],
)
def test_level_groups(levelno, group):
    """Levels belong to the group whose number they reach."""
    assert level_group(levelno) is group


def test_in_ascii():
    """Levels are letters, the most severe first; each is seen."""
    assert histogram(BUCKETS, width=40, color=False, unicode=False) == (
        "10:00  EIIIIIIIIIIII               1,001\n"
        "11:00                                  0\n"
        "12:00  CEEEEEEEWWWWWWIIIIIIIIIIIII 2,000\n"
        "13:00  D                               1\n"
        "       C critical  E error  W warning  I info  D debug\n"
    )


def test_in_unicode():
    """Without colours, levels are shades."""
    buckets = [Bucket("a", {ERROR: 2, INFO: 2}), Bucket("b", {INFO: 1})]

    assert histogram(buckets, width=13, color=False, unicode=True) == (
        "a  ▓▓▓▓░░░░ 4\nb  ░░       1\n   ▓ error  ░ info\n"
    )


def test_in_colour():
    """With colours, bars are of one block and exact to an eighth of it."""
    buckets = [Bucket("a", {ERROR: 32, INFO: 32}), Bucket("b", {INFO: 13})]

    assert histogram(buckets, width=14, color=True, unicode=True) == (
        "a  \x1b[31m\x1b[1m████\x1b[0m\x1b[32m████\x1b[0m 64\n"
        "b  \x1b[32m█▋\x1b[0m       13\n"
        "   \x1b[31m\x1b[1m█\x1b[0m error  \x1b[32m█\x1b[0m info\n"
    )


def test_in_colour_and_ascii():
    """Where there are no blocks, letters are coloured."""
    text = histogram([Bucket("a", {INFO: 1})], width=13, color=True, unicode=False)

    assert text == "a  \x1b[32mIIIIIIII\x1b[0m 1\n   \x1b[32mI\x1b[0m info\n"


def test_nothing():
    """No buckets are no text; empty ones are shown, without a legend."""
    assert histogram([], width=80, color=True, unicode=True) == ""
    empty = [Bucket("a", {}), Bucket("b", {INFO: 0})]
    assert histogram(empty, width=13, color=False, unicode=True) == (
        "a           0\nb           0\n"
    )


@pytest.mark.parametrize("color", [True, False])
@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("width", [-1, 0, 1, 20, 79, 200])
def test_any_width(width, color, unicode):
    """All lines are as wide as asked for, if that is not tiny."""
    buckets = [*BUCKETS, Bucket("世界\x1b" * 30, {INFO: 10**15})]
    lines = uncoloured(
        histogram(buckets, width=width, color=color, unicode=unicode)
    ).splitlines()

    bars = lines[:-1]
    assert len({display_width(line) for line in bars}) == 1
    assert display_width(bars[0]) == max(width, 33 if unicode else 35)
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("color", [True, False])
@pytest.mark.parametrize("places", [1, 2, 8, 60])
@pytest.mark.parametrize("counts", [[1, 0, 0, 0, 10**12], [1] * 5, [0, 3, 0, 2, 9]])
def test_bars_fill_their_places(places, counts, color, unicode):
    """A bar with its padding is exactly as wide as asked for."""
    bars = Bars(color=color, unicode=unicode)
    by_level = dict(zip(LEVEL_GROUPS, counts, strict=True))
    for most in (sum(counts), sum(counts) * 3, sum(counts) * 10**6):
        bar = uncoloured(bars.bar(by_level, most=most, places=places))
        assert len(bar) == places
        assert bar.strip()
