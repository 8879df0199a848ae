"""Counting by rollups and by scans gives what counting one by one gives."""

import json
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from query.test_agreement import draw_node
from store.hypotheses import DAY, HOUR, MINUTE, NOW, batches, drawn_values, moment
from store.stored import new_stored, reading

from collector.query.extras import extra_label
from collector.query.tree import (
    Comparison,
    Everything,
    Glob,
    Not,
    Since,
    Text,
    Until,
    either,
    every,
)
from collector.store import rollups, search, stats
from collector.store.stats import (
    ALL,
    GROUPINGS,
    by_function,
    by_time,
    count,
    created_times,
    group_records,
)

many = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def time_key(seconds):
    return lambda row: (int(row.created) // seconds * seconds,)


# What each grouping is by, and the key it gives a row.
KEYS = {
    "all": (ALL, lambda row: (None,)),
    "level": (GROUPINGS["level"], lambda row: (row.level,)),
    "logger": (GROUPINGS["logger"], lambda row: (row.name,)),
    "callsite": (
        GROUPINGS["callsite"],
        lambda row: (
            row.pathname or "",
            row.lineno or 0,
            row.funcName or "",
            row.name,
        ),
    ),
    "host": (GROUPINGS["host"], lambda row: (row.hostname,)),
    "process": (
        GROUPINGS["process"],
        lambda row: (row.hostname, row.processName or "", row.process or 0),
    ),
    "minute": (by_time(MINUTE), time_key(MINUTE)),
    "quarter": (by_time(15 * MINUTE), time_key(15 * MINUTE)),
    "hour": (by_time(HOUR), time_key(HOUR)),
    "day": (by_time(DAY), time_key(DAY)),
    "week": (by_time(7 * DAY), time_key(7 * DAY)),
    "extra": (
        by_function("extra_label"),
        lambda row: (extra_label("user").call(row.extra),),
    ),
}


def counted(rows, key):
    """Return the groups of rows: count, first and last id, and levels of each."""
    groups = {}
    for row in rows:
        ids, levels = groups.setdefault(key(row), ([], {}))
        ids.append(row.id)
        levels[row.levelno] = levels.get(row.levelno, 0) + 1
    return {
        each: (len(ids), min(ids), max(ids), levels)
        for each, (ids, levels) in groups.items()
    }


def found_by(reader, node, grouping):
    """Return the same of what is found, and that each group is there once."""
    reader.register([extra_label("user")])
    groups = group_records(reader, node, grouping)
    found = {
        group.key: (group.count, group.first_id, group.last_id, group.levels)
        for group in groups
    }
    assert len(found) == len(groups)
    return found


# What rollups can answer, whatever is added to it.
of_call_sites = st.sampled_from(
    [
        Everything(),
        Comparison("levelno", ">=", 20),
        Comparison("name", ":", Glob(("a", ""))),
        Not(Comparison("level", "=", Glob(("INFO",)))),
        either(Comparison("name", "=", Glob(("b",))), Comparison("lineno", "=", 17)),
    ]
)
# On borders, in the midst of minutes, before everything, after everything.
edge = st.one_of(moment, moment, st.sampled_from([-1.0, 0.0, 60.0, 1e13]))


@many
@given(data=st.data(), stored_batches=batches, by=st.sampled_from(sorted(KEYS)))
def test_groups_are_what_counting_gives(example_path, data, stored_batches, by):
    """Counts, first and last ids, and levels of groups are those of the records."""
    grouping, key = KEYS[by]
    with pytest.MonkeyPatch.context() as patch, new_stored(example_path) as one:
        patch.setattr(search, "SCANNED_IDS", data.draw(st.integers(1, 9)))
        patch.setattr(rollups, "FEW_IDS", data.draw(st.integers(0, 6)))
        for batch in stored_batches:
            one.add(*batch)
        if data.draw(st.booleans()):
            one.index(data.draw(st.integers(0, 30)))
        node = data.draw(of_call_sites)
        if data.draw(st.booleans()):
            node = every(node, Since(data.draw(edge)))
        if data.draw(st.booleans()):
            node = every(node, Until(data.draw(edge)))
        if data.draw(st.booleans()):
            node = every(node, draw_node(data, drawn_values(stored_batches)))
        rows = one.matching(node)

        with reading(example_path) as reader:
            assert found_by(reader, node, grouping) == counted(rows, key)
            assert count(reader, node) == len(rows)


# Borders of a minute, an hour and a day, and what is just beside them.
START = NOW // DAY * DAY
BORDERS = [
    START + border + beside
    for border in (0, MINUTE, 2 * MINUTE, HOUR, DAY, DAY + HOUR + MINUTE)
    for beside in (-0.001, 0.0, 0.001, 20.0)
]


@pytest.fixture(scope="module")
def spread(tmp_path_factory, make_record):
    """A database with records beside all borders."""
    with new_stored(tmp_path_factory.mktemp("spread") / "logs.sqlite") as one:
        moments = [
            border + beside for border in BORDERS for beside in (-0.0005, 0.0, 0.0005)
        ]
        # Not in the order of their times.
        moments.sort(key=lambda each: each % 7)
        for place in range(0, len(moments), 10):
            one.add(
                *[
                    make_record(created=each, levelno=10 * (1 + number % 3))
                    for number, each in enumerate(moments[place : place + 10])
                ]
            )
        yield one


@pytest.mark.parametrize("by", ["all", "minute", "hour", "day", "level"])
def test_times_that_cut_anything_in_two_count_right(spread, by):
    """Since and until anywhere, in the same minute too, count what is between."""
    grouping, key = KEYS[by]
    rows = spread.rows()
    ends = [*BORDERS, None]
    with reading(spread.path) as reader:
        for since, until in product(ends, ends):
            nodes = [] if since is None else [Since(since)]
            nodes += [] if until is None else [Until(until)]
            within = [
                row
                for row in rows
                if (since is None or row.created >= since)
                and (until is None or row.created < until)
            ]
            found = found_by(reader, every(*nodes), grouping)
            assert found == counted(within, key), (since, until)


def statements(reader):
    """Return a list that fills with the statements that are run."""
    run = []
    reader._connection.set_trace_callback(run.append)
    return run


@pytest.mark.parametrize("by", ["all", "level", "logger", "callsite", "minute", "day"])
def test_rollups_answer_without_the_records(spread, by):
    """What call sites and whole minutes are asked reads no record."""
    node = every(
        Comparison("levelno", ">=", 20), Since(START + MINUTE), Until(START + DAY)
    )
    with reading(spread.path) as reader:
        run = statements(reader)
        found = found_by(reader, node, KEYS[by][0])
    assert found == counted(spread.matching(node), KEYS[by][1]) != {}
    assert [sql for sql in run if "records" in sql] == []


def test_only_the_minutes_that_are_cut_are_scanned(spread):
    """Of a time that begins and ends within minutes, just these are scanned."""
    node = every(Since(START + 20.0), Until(START + DAY + 20.0))
    with reading(spread.path) as reader:
        run = statements(reader)
        found = count(reader, node)
    assert found == len(spread.matching(node))
    scans = [sql for sql in run if "records" in sql and "created" in sql]
    assert len(scans) == 2


def test_texts_are_counted_by_a_scan(stored, make_record):
    """What rollups don't know is looked for in the records."""
    stored.add(*[make_record(f"m{n}", extra='{"user":7}') for n in range(12)])
    stored.add(make_record("m1", extra='{"user":"eve"}'), make_record("m1"))

    with reading(stored.path) as reader:
        assert count(reader, Text("M1")) == 5
        found = found_by(reader, Text("m1"), KEYS["extra"][0])
    assert {key[0]: each[0] for key, each in found.items()} == {
        "7": 3,
        "eve": 1,
        None: 1,
    }


def test_coarser_groups_are_made_of_finer_ones(stored, make_record):
    """Keys that become the same are one group."""
    stored.add(
        make_record(name="a.b", levelno=20),
        make_record(name="a.c", levelno=30),
        make_record(name="b", levelno=20),
    )

    with reading(stored.path) as reader:
        groups = group_records(
            reader,
            Everything(),
            GROUPINGS["logger"],
            regroup=lambda key: (key[0].partition(".")[0],),
        )
    found = {
        group.key: (group.levels, group.first_id, group.last_id) for group in groups
    }
    assert found == {("a",): ({20: 1, 30: 1}, 1, 2), ("b",): ({20: 1}, 3, 3)}


def test_an_empty_database_counts_nothing(stored):
    """Without records there are no groups."""
    with reading(stored.path) as reader:
        for grouping, _ in KEYS.values():
            assert found_by(reader, Everything(), grouping) == {}
        assert count(reader, Text("abc")) == 0


def test_a_query_for_no_call_site_counts_nothing(stored, make_record):
    """A logger that is not there has no records, and not all of them."""
    stored.add(make_record())

    with reading(stored.path) as reader:
        assert count(reader, Comparison("name", "=", Glob(("nobody",)))) == 0


def test_a_record_that_comes_while_counting_is_counted_once_or_not(
    stored, make_record, monkeypatch
):
    """Each record is counted in one place only, whenever it is stored."""
    stored.add(*[make_record(created=START + n * 20.0) for n in range(12)])
    node = every(Since(START + 20.0), Until(START + 200.0))
    before = len(stored.matching(node))
    scanned = stats._scanned

    def late(*arguments):
        yield from scanned(*arguments)
        stored.add(*[make_record(created=START + n * 20.0) for n in range(12)])

    monkeypatch.setattr(stats, "_scanned", late)
    with reading(stored.path) as reader:
        found = count(reader, node)
    assert before < found <= len(stored.matching(node))


def test_times_of_ids_are_found(stored, make_record):
    """Those that are there have one, others are left out."""
    stored.add(make_record(created=NOW), make_record(created=NOW + 0.25))

    with reading(stored.path) as reader:
        assert created_times(reader, [2, 1, 77]) == {1: NOW, 2: NOW + 0.25}
        assert created_times(reader, json.loads("[]")) == {}
