"""The tree of loggers: counts that add up, and no more nodes than names need."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.store.logger_tree import flattened, largest, logger_tree
from collector.store.stats import Group

name = st.lists(st.sampled_from(["", "a", "b", "ab", "c"]), min_size=1, max_size=5)
counts = st.dictionaries(
    name.map(".".join),
    st.dictionaries(st.sampled_from([10, 20, 40]), st.integers(1, 9), min_size=1),
    min_size=1,
    max_size=25,
)


def groups_of(counts):
    return [
        Group((name,), first_id=10 * n + 1, last_id=10 * n + 5, levels=dict(levels))
        for n, (name, levels) in enumerate(counts.items())
    ]


def is_below(name, other):
    return name == other or name.startswith(f"{other}.")


@given(counts=counts)
def test_counts_add_up(counts):
    """A node counts its own records, and those of all names below it."""
    groups = groups_of(counts)
    nodes = list(flattened(logger_tree(groups)))

    assert len({node.name for node in nodes}) == len(nodes) < 2 * len(counts)
    assert counts.keys() <= {node.name for node in nodes}
    for node in nodes:
        mine = [group for group in groups if is_below(group.key[0], node.name)]
        assert node.count == sum(group.count for group in mine)
        assert node.own == sum(counts.get(node.name, {}).values())
        assert node.worst == max(max(group.levels) for group in mine)
        assert node.first_id == min(group.first_id for group in mine)
        assert node.last_id == max(group.last_id for group in mine)
        # Without records of its own it is there because names part.
        assert node.own or len(node.children) > 1


@given(counts=counts)
def test_parents_come_first(counts):
    """A node follows its parent, which its name begins with, one deeper."""
    seen = {}
    for node in flattened(logger_tree(groups_of(counts))):
        if node.parent is None:
            assert node.depth == 0
        else:
            assert node.name.startswith(f"{node.parent}.")
            assert node.depth == seen[node.parent] + 1
        seen[node.name] = node.depth


@given(counts=counts, depth=st.integers(1, 4))
def test_depth(counts, depth):
    """What is deeper counts for the name it is cut to; nothing is lost."""
    tops = logger_tree(groups_of(counts), depth)
    nodes = list(flattened(tops))

    assert all(node.name.count(".") < depth for node in nodes)
    assert sum(node.count for node in tops) == sum(
        sum(levels.values()) for levels in counts.values()
    )
    assert all(node.own == sum(counts.get(node.name, {}).values()) for node in nodes)


@given(counts=counts, limit=st.integers(1, 30))
def test_the_largest_are_a_tree(counts, limit):
    """Of too many, the largest are kept, in order, and no parent is missing."""
    nodes = list(flattened(logger_tree(groups_of(counts))))
    kept = largest(nodes, limit)

    assert kept == [node for node in nodes if node in kept]
    assert len(kept) == min(limit, len(nodes))
    names = {node.name for node in kept}
    assert all(node.parent is None or node.parent in names for node in kept)
    left_out = [node.count for node in nodes if node not in kept]
    assert min(node.count for node in kept) >= max(left_out, default=0)


@pytest.mark.parametrize("depth", [None, 3])
def test_a_name_of_many_dots(depth):
    """A name is a line, however many dots it has; so are many of them."""
    deep = {f"{'a.' * 250}{n}": {20: 1} for n in range(2000)}
    nodes = list(flattened(logger_tree(groups_of(deep), depth)))

    assert len(nodes) == (2001 if depth is None else 1)
    assert nodes[0].count == 2000
