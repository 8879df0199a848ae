"""Reading a damaged table: everything that can be reached, once, in order."""

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moving.databases import pages_of, spoil

from collector.store import salvage
from collector.store.salvage import LOST, SalvagedTable

ROWS = 400
HOLES = {7, 8, 9, 120, 399}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A table of many pages, with holes and with rows on pages of their own."""
    path = tmp_path_factory.mktemp("salvage") / "sound.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA page_size = 512")
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT)")
        connection.executemany(
            "INSERT INTO t VALUES (?, ?, ?)",
            [
                (n, f"row {n}", "long " * (500 if n % 50 == 1 else 4))
                for n in range(1, ROWS + 1)
                if n not in HOLES
            ],
        )
        connection.commit()
    return path


def read(path, low=1, high=ROWS):
    with closing(sqlite3.connect(path)) as connection:
        table = SalvagedTable(connection, columns=("id", "a", "b"), table="t", key="id")
        return [row for rows in table.steps(low, high) for row in rows], table.lost


@settings(max_examples=40, deadline=None)
@given(
    st.sets(st.integers(0, 200), max_size=25),
    st.sampled_from([1, 3, 2000]),
    st.sampled_from([2, 200_000]),
)
def test_whatever_pages_are_lost(sound, tmp_path_factory, lost, limit, probes):
    """Rows come once, in order, as they were; the others are told as lost."""
    everything, none = read(sound)
    assert none.keys == 0
    assert len(everything) == ROWS - len(HOLES)
    path = sound.with_name("spoiled.sqlite")
    path.write_bytes(sound.read_bytes())
    pages = path.stat().st_size // 512
    spoil(path, *[2 + page % (pages - 1) for page in lost])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(salvage, "STEP_ROWS", limit)
        patch.setattr(salvage, "MOST_PROBES", probes)
        found, losses = read(path)
    ids = [row[0] for row in found]
    told = {key for low, high in losses.ranges for key in range(low, high + 1)}

    assert ids == sorted(set(ids))
    # SQLite has no checksums: the end of a long text may be another, if it is
    # there. All other values that are given are what they were.
    by_id = {row[0]: row for row in everything}
    for row in found:
        pairs = zip(row, by_id[row[0]], strict=True)
        assert all(
            value is LOST or value == was or "\ufffd" in value for value, was in pairs
        )
    assert not told & set(ids)
    assert told | set(ids) | HOLES >= set(range(1, ROWS + 1))
    assert losses.keys == len(told)


def test_only_the_rows_of_a_lost_page_are_lost(sound):
    """Pages before and behind it are read, from both its sides."""
    everything, _ = read(sound)
    path = sound.with_name("one.sqlite")
    path.write_bytes(sound.read_bytes())
    leaves = pages_of(path, "t")
    spoil(path, leaves[3], leaves[4], leaves[9])
    found, losses = read(path)

    missing = {row[0] for row in everything} - {row[0] for row in found}
    assert 5 <= len(missing) <= 60
    told = {key for low, high in losses.ranges for key in range(low, high + 1)}
    assert missing == told - HOLES
    assert len(losses.ranges) == 2


def test_of_a_row_that_is_cut_off_the_rest_is_kept(sound):
    """Where the end of a long row is lost, what stands before it is not."""
    path = sound.with_name("cut.sqlite")
    path.write_bytes(sound.read_bytes())
    # Pages that hold the ends of long rows are those with nothing but text.
    data = path.read_bytes()
    spoil(
        path,
        *[
            page + 1
            for page in range(1, len(data) // 512)
            if data[page * 512 + 4 : page * 512 + 512].startswith((b"long ", b"ong "))
            or data[page * 512 + 100 : page * 512 + 300].count(b"long ") > 35
        ],
    )
    found, losses = read(path)
    values = {row[0]: row[1:] for row in found}

    assert losses.keys == 0
    assert values[51] == ("row 51", LOST)
    assert values[52] == ("row 52", "long " * 4)


def test_a_range_is_read_and_no_more(sound):
    """Keys outside of the range stay where they are."""
    assert [row[0] for row in read(sound, 5, 12)[0]] == [5, 6, 10, 11, 12]
    assert read(sound, 9, 8)[0] == []


def test_what_is_no_damage_is_raised(sound):
    """A missing table is not taken for a lost one."""
    with closing(sqlite3.connect(sound)) as connection:
        table = SalvagedTable(connection, columns=("id",), table="none", key="id")
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            list(table.steps(1, 10))
