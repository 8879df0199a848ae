"""Searches find what the predicate holds for, with and without an index."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from query.test_agreement import draw_node
from store.hypotheses import DAY, NOW, batches, drawn_values
from store.stored import new_stored, reading

from collector.query.tree import (
    Comparison,
    Everything,
    Glob,
    Has,
    Path,
    Since,
    Text,
    Until,
    every,
)
from collector.store import rollups, search, search_index
from collector.store.search import (
    Search,
    Slice,
    cut,
    fetch,
    fetch_after,
    is_among_newest,
    time_span,
)
from collector.store.search_index import Part, create_index


@pytest.fixture
def fine(monkeypatch):
    """Sizes at which a few thousand records are many."""
    monkeypatch.setattr(search, "SCANNED_IDS", 300)
    monkeypatch.setattr(search, "INDEXED_IDS", 700)
    monkeypatch.setattr(rollups, "FEW_IDS", 50)
    monkeypatch.setattr(rollups, "DENSE", 2)


many = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def draw_sizes(data, patch):
    """Make slices, samples, and what is taken for few, tiny."""
    for module, size, most in (
        (search, "SCANNED_IDS", 7),
        (search, "INDEXED_IDS", 7),
        (search, "FETCHED_ROWS", 3),
        (search, "SAMPLED_IDS", 9),
        (search_index, "PART_IDS", 20),
        (rollups, "FEW_IDS", 6),
        (rollups, "DENSE", 4),
    ):
        patch.setattr(module, size, data.draw(st.integers(1, most), label=size))


def draw_index(data, one, count):
    """Bring the index into some state."""
    state = data.draw(st.sampled_from(["absent", "behind", "complete", "anew"]))
    if state == "behind":
        one.index(data.draw(st.integers(0, count)))
    elif state != "absent":
        one.index()
    if state == "anew":
        create_index(one.connection, anew=True)
        one.index(data.draw(st.integers(0, count)))


@many
@given(data=st.data(), stored_batches=batches)
def test_searches_agree_with_the_predicate(example_path, data, stored_batches):
    """Ids are those the predicate holds for, whatever index, limit and bounds."""
    with pytest.MonkeyPatch.context() as patch, new_stored(example_path) as one:
        draw_sizes(data, patch)
        for batch in stored_batches:
            one.add(*batch)
        count = sum(map(len, stored_batches))
        draw_index(data, one, count)
        node = draw_node(data, drawn_values(stored_batches))
        border = st.none() | st.integers(-1, count + 2)
        before, after = data.draw(border), data.draw(border)
        limit = data.draw(st.none() | st.integers(0, count))
        newest_first = data.draw(st.booleans())
        rows = [
            row
            for row in one.matching(node)
            if (before is None or row.id < before) and (after is None or row.id > after)
        ]
        wanted = (rows[::-1] if newest_first else rows)[:limit]

        with reading(example_path) as reader:
            looked_for = Search(reader, node, before=before, after=after)
            assert list(looked_for.ids(newest_first=newest_first, limit=limit)) == [
                row.id for row in wanted
            ]
            assert (
                list(looked_for.rows(newest_first=newest_first, limit=limit)) == wanted
            )


@many
@given(data=st.data(), stored_batches=batches)
def test_what_goes_on_meanwhile_does_not_change_what_is_found(
    example_path, data, stored_batches
):
    """While the index is made anew, or late records come, answers stay right."""
    with pytest.MonkeyPatch.context() as patch, new_stored(example_path) as one:
        draw_sizes(data, patch)
        # Some come while it is looked for others.
        late = stored_batches[1:]
        one.add(*stored_batches[0])
        draw_index(data, one, len(stored_batches[0]))
        node = draw_node(data, drawn_values(stored_batches))
        wanted = [row.id for row in one.matching(node)]
        newest_first = data.draw(st.booleans())

        def meddle(done, total):
            assert 0 < done <= total
            event = data.draw(
                st.sampled_from(["none", "late", "anew", "drop", "index"])
            )
            if event == "late" and late:
                one.add(*late.pop())
            elif event == "anew":
                create_index(one.connection, anew=True)
            elif event == "drop":
                for part in search_index.parts(one.connection):
                    one.connection.execute(f"DROP TABLE IF EXISTS {part.name}")
                one.connection.execute("UPDATE search_state SET indexed_id = 0")
            elif event == "index":
                one.index(data.draw(st.integers(0, 3)))

        with reading(example_path) as reader:
            looked_for = Search(reader, node, progress=meddle)
            found = list(looked_for.ids(newest_first=newest_first))
        assert found == (wanted[::-1] if newest_first else wanted)


@given(
    low=st.integers(-3, 40),
    high=st.integers(-3, 40),
    bounds=st.lists(st.integers(1, 50), max_size=6, unique=True),
    newest_first=st.booleans(),
    sizes=st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
def test_slices_are_the_whole_range(low, high, bounds, newest_first, sizes):
    """Slices follow each other and leave out nothing; parts are used where they are."""
    ends = sorted(bounds)
    indexed = [
        Part(a, b, f"search_{a}") for a, b in zip(ends[::2], ends[1::2], strict=False)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "SCANNED_IDS", sizes[0])
        patch.setattr(search, "INDEXED_IDS", sizes[1])
        slices = list(cut(low, high, indexed, newest_first=newest_first))

    ordered = slices[::-1] if newest_first else slices
    ids = [each for part in ordered for each in range(part.low, part.high + 1)]
    assert ids == list(range(low, high + 1))
    for each in slices:
        for part in indexed:
            assert (each.part is part) is (part.first_id <= each.low <= part.last_id)
            assert (each.part is part) is (part.first_id <= each.high <= part.last_id)
        assert each.high - each.low < sizes[each.part is not None]


def ranges_read(reader):
    """Return a list that fills with the ranges of ids that statements look at."""
    ranges = []

    def note(sql):
        found = re.search(r"(r\.id|s\.rowid) BETWEEN (-?\d+) AND (-?\d+)", sql)
        if found:
            ranges.append((found[1], int(found[2]), int(found[3])))

    reader._connection.set_trace_callback(note)
    return ranges


def fill(stored, make_record, days=4, each=1000):
    """Store some days of a busy call site, with a record of a rare one a day."""
    for day in range(days):
        records = [
            make_record(f"busy {n}", created=NOW + day * DAY + n * 60)
            for n in range(each)
        ]
        records.insert(
            each // 2,
            make_record(
                f"rare {day}", created=NOW + day * DAY + each * 30, name="rare.one"
            ),
        )
        stored.add(*records)


RARE = Comparison("name", ":", Glob(("rare.one",)))


@pytest.mark.usefixtures("fine")
@pytest.mark.parametrize("newest_first", [True, False])
def test_rare_call_sites_are_looked_for_where_they_have_logged(
    stored, make_record, newest_first
):
    """Of thousands of records, those of a rare call site are found in few looks."""
    fill(stored, make_record)
    wanted = [row.id for row in stored.matching(RARE)]
    assert len(wanted) == 4

    with reading(stored.path) as reader:
        ranges = ranges_read(reader)
        found = list(Search(reader, RARE).ids(newest_first=newest_first))
    assert found == (wanted[::-1] if newest_first else wanted)
    assert sum(high - low + 1 for _, low, high in ranges) <= 4 * 50


@pytest.mark.usefixtures("fine")
def test_late_records_of_a_rare_call_site_are_found(stored, make_record):
    """A record that comes days late is found with those of its own time."""
    fill(stored, make_record)
    stored.add(make_record("late", created=NOW + 60, name="rare.one"))
    since, until = Since(NOW), Until(NOW + 1000 * 60)
    node = every(RARE, since, until)
    wanted = [row.id for row in stored.matching(node)]
    assert len(wanted) == 2

    with reading(stored.path) as reader:
        assert list(Search(reader, node).ids(newest_first=False)) == wanted
        assert list(Search(reader, node).ids(newest_first=True)) == wanted[::-1]


@pytest.mark.usefixtures("fine")
def test_busy_call_sites_are_scanned(stored, make_record):
    """Where the call sites are not rare, each id is read once, in slices."""
    fill(stored, make_record)
    node = Comparison("name", ":", Glob(("myapp.db",)))

    with reading(stored.path) as reader:
        ranges = ranges_read(reader)
        assert len(list(Search(reader, node).ids(newest_first=False))) == 4000
    assert all(high - low < 300 for _, low, high in ranges)
    ids = [each for _, low, high in ranges for each in range(low, high + 1)]
    assert len(ids) == len(set(ids)) >= 4000


@pytest.mark.usefixtures("fine")
def test_times_narrow_down_the_ids(stored, make_record):
    """Of an hour, only ids near those of its records are looked at."""
    fill(stored, make_record)
    node = every(Since(NOW + DAY), Until(NOW + DAY + 3600))

    with reading(stored.path) as reader:
        ranges = ranges_read(reader)
        found = list(Search(reader, node).ids(newest_first=False))
    assert found == [row.id for row in stored.matching(node)]
    assert len(found) == 60
    assert sum(high - low + 1 for _, low, high in ranges) <= 62


@pytest.mark.usefixtures("fine")
def test_a_limit_ends_the_search(stored, make_record):
    """When enough is found, no further slices are read."""
    fill(stored, make_record)

    with reading(stored.path) as reader:
        ranges = ranges_read(reader)
        found = list(Search(reader, Everything()).ids(newest_first=True, limit=5))
    assert found == [4004, 4003, 4002, 4001, 4000]
    assert ranges == [("r.id", 3901, 4004)]


@pytest.mark.usefixtures("fine")
def test_the_index_is_used_up_to_where_it_reaches(stored, make_record):
    """What is indexed is looked up; what came since is scanned."""
    fill(stored, make_record, days=1)
    stored.index(900)
    stored.add(make_record("rare, and new"))

    with reading(stored.path) as reader:
        ranges = ranges_read(reader)
        found = list(Search(reader, Text("RARE")).ids(newest_first=False))
    assert found == [501, 1002]
    assert ranges == [
        ("s.rowid", 1, 700),
        ("s.rowid", 701, 900),
        ("r.id", 901, 1002),
    ]


def test_an_index_made_anew_during_a_look_up_is_not_used(stored, make_record):
    """A slice of an index that has just been emptied is scanned in its place."""
    stored.add(*[make_record(f"needle {n}") for n in range(10)])
    stored.index()

    with reading(stored.path) as reader:
        looked_for = Search(reader, Text("needle"))
        [part] = looked_for.slices(newest_first=False)
        assert part.part is not None
        create_index(stored.connection, anew=True)
        ranges = ranges_read(reader)
        found = looked_for.select(part, lambda _, matched: f"SELECT r.id {matched}")
    assert [row[0] for row in found] == list(range(1, 11))
    assert ranges == [("r.id", 1, 10)]


def test_an_index_without_its_table_is_none(stored, make_record):
    """Whoever drops the table of the index, loses speed and no records."""
    stored.add(make_record("needle"))
    stored.index()
    stored.connection.execute("DROP TABLE search_0")

    with reading(stored.path) as reader:
        assert reader.indexed_id() == 0
        assert list(Search(reader, Text("needle")).ids(newest_first=True)) == [1]


def test_progress_ends_with_all(stored, make_record, monkeypatch):
    """Progress grows to the number of ids in all, either way round."""
    monkeypatch.setattr(search, "SCANNED_IDS", 4)
    stored.add(*[make_record() for _ in range(10)])

    with reading(stored.path) as reader:
        for newest_first in (True, False):
            said = []
            looked_for = Search(
                reader,
                Everything(),
                progress=lambda *steps, said=said: said.append(steps),
            )
            assert len(list(looked_for.ids(newest_first=newest_first))) == 10
            assert [total for _, total in said] == [10, 10, 10]
            done = [each for each, _ in said]
            assert done == sorted(done)
            assert done[-1] == 10


@pytest.mark.parametrize(
    "node",
    [
        Comparison("id", "=", 10**30),
        Comparison("id", "<", -(10**30)),
        Comparison("id", ">", 1e300),
        Since(1e18),
        Until(-1e18),
    ],
)
def test_bounds_beyond_all_numbers_find_nothing(stored, make_record, node):
    """Ids and times that no record can have are no error."""
    stored.add(make_record())

    with reading(stored.path) as reader:
        assert list(Search(reader, node).ids(newest_first=True)) == []


def test_nothing_is_found_in_an_empty_database(stored):
    """A database without records has none to find, and no times."""
    with reading(stored.path) as reader:
        assert list(Search(reader, Everything()).rows(newest_first=True)) == []
        assert list(Search(reader, Since(0.0)).ids(newest_first=False)) == []
        assert time_span(reader, Everything()) == (0, 0)
        assert fetch(reader, []) == []
        assert fetch_after(reader, 0, 10) == []


def test_deleted_records_are_left_out(stored, make_record):
    """Records that are deleted between two looks, or are only in the index, are not
    found.
    """
    stored.add(*[make_record(f"needle {n}") for n in range(4)])
    stored.index()
    stored.connection.execute("DELETE FROM records WHERE id IN (2, 4)")

    with reading(stored.path) as reader:
        assert list(Search(reader, Text("needle")).ids(newest_first=True)) == [3, 1]
        assert [row.id for row in fetch(reader, [4, 3, 2, 1])] == [3, 1]
        assert [row.id for row in fetch_after(reader, 1, 5)] == [3]


def test_the_span_of_a_query_is_its_own_or_that_of_the_records(stored, make_record):
    """Its times begin and end where the query does, else where records do."""
    stored.add(make_record(created=NOW), make_record(created=NOW + DAY))

    with reading(stored.path) as reader:
        first, last = time_span(reader, Everything())
        assert first <= NOW < first + 60
        assert last - 60 <= NOW + DAY < last
        node = every(Since(NOW + 5), Until(NOW + 7.5))
        assert time_span(reader, node) == (NOW + 5, NOW + 7.5)


def test_the_newest_are_looked_at_step_by_step(stored, make_record, monkeypatch):
    """All of so many ids, but no more when the time for it is over."""
    monkeypatch.setattr(search, "NEWEST_IDS", 12)
    monkeypatch.setattr(search, "NEWEST_STEP", 2)
    stored.add(*[make_record(extra=f'{{"key{n}": 1}}') for n in range(1, 21)])

    def found(reader):
        keys = range(1, 21)
        return [n for n in keys if is_among_newest(reader, Has(Path((f"key{n}",))))]

    with reading(stored.path) as reader:
        assert found(reader) == list(range(9, 21))
        monkeypatch.setattr(search, "NEWEST_SECONDS", 0.0)
        assert found(reader) == []


def test_a_slice_names_the_column_that_has_its_ids():
    """Found by the index, ids are those of its rows."""
    assert Slice(1, 2).key == "r.id"
    assert Slice(1, 2, '"abc"').key == "s.rowid"
