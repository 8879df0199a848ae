"""Listings fit, line up, and hold whatever stands in them."""

import pytest
from cli.rendering.rows import texts
from hypothesis import given
from hypothesis import strategies as st

from collector.cli.rendering.brush import level_brushes
from collector.cli.rendering.columns import display_width
from collector.cli.rendering.levels import ERROR
from collector.cli.rendering.listing import Column, listing

COLUMNS = [
    Column("host", ["web1", "a-very-long-name-of-a-host"]),
    Column("count", ["7", "1,234"], right=True),
    Column("first", ["2026-11-28", "2026-11-27"], spare=1),
    Column("function", ["connect", "f"], spare=2),
]


def lines_of(width, columns=COLUMNS, **options):
    drawn = listing(columns, width=width, color=False, unicode=True, **options)
    return drawn.splitlines()


def test_columns_line_up():
    """Each column is as wide as its widest cell; numbers are put right."""
    assert lines_of(80) == [
        "host                        count  first       function",
        "web1                            7  2026-11-28  connect",
        "a-very-long-name-of-a-host  1,234  2026-11-27  f",
    ]


@pytest.mark.parametrize(
    ("width", "headings"),
    [
        (55, ["host", "count", "first", "function"]),
        (54, ["host", "count", "first"]),
        (44, ["host", "count"]),
        (20, ["host", "count"]),
        (1, ["host", "count"]),
    ],
)
def test_spare_columns_go_first(width, headings):
    """What can be spared is left out where there is no room, then names are cut."""
    assert lines_of(width)[0].split() == headings


def test_lines_below():
    """What belongs to a row stands below it, cut; a command is whole."""
    lines = lines_of(
        30,
        below=["", "a message that is longer than the terminal"],
        commands=["run " + "x" * 40, ""],
    )

    assert lines[2] == "    run " + "x" * 40
    assert lines[4] == "    a message that is longer …"


@given(cells=st.lists(st.tuples(texts, texts, texts), min_size=1, max_size=4))
def test_no_cell_leaves_its_line(cells):
    """However odd the texts are, each row is one line, and so is what is below."""
    columns = [
        Column("one", [each[0] for each in cells]),
        Column("two", [each[1] for each in cells], right=True),
    ]
    below = [f"x{each[2]}" for each in cells]
    lines = lines_of(40, columns, below=below)

    assert len(lines) == 1 + 2 * len(cells)
    assert all(line.isprintable() or not line.isascii() for line in lines)
    assert all(display_width(line) <= 40 for line in lines)


def test_brushes():
    """Cells are painted with all their places."""
    brushes = [level_brushes(color=True)[ERROR]]
    column = Column("level", ["bad"], brushes=brushes)
    drawn = listing([column], width=80, color=True, unicode=True)

    assert brushes[0].paint("bad  ") in drawn
