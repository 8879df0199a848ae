"""The lines of a tree."""

from hypothesis import given
from hypothesis import strategies as st

from collector.cli.rendering.branches import branches


def test_a_tree():
    """Lines lead to all that follow on the same level, and no further."""
    assert branches([0, 1, 2, 2, 1, 0, 1], unicode=True) == [
        "",
        "├─ ",
        "│  ├─ ",
        "│  └─ ",
        "└─ ",
        "",
        "└─ ",
    ]


def test_without_unicode():
    """The same can be drawn in ASCII."""
    assert branches([0, 1, 2, 1], unicode=False) == ["", "|- ", "|  `- ", "`- "]


@given(st.lists(st.integers(0, 6)))
def test_widths(steps):
    """A name stands as far right as it is deep."""
    depths = [0]
    for step in steps:
        depths.append(min(step, depths[-1] + 1))

    drawn = branches(depths, unicode=True)
    assert [len(each) for each in drawn] == [3 * depth for depth in depths]
