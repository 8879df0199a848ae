"""Of each record there are in the end as many as one of the two had of it."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store.stored import new_stored, opened

from collector.moving import importing
from collector.moving.importing import Summary
from collector.moving.portion import Portion
from collector.record import Record
from collector.store import doubles
from collector.store.doubles import key_of, united
from collector.store.import_target import open_target

# Few values of each, so that there are many equal records and near ones.
RECORDS = st.lists(
    st.builds(
        Record,
        created=st.sampled_from([0.0, 59.999, 60.0, 3600.5, 1.7e9 + 0.1]),
        received=st.sampled_from([1.7e9, 1.8e9]),
        name=st.sampled_from(["a", "b"]),
        levelno=st.just(20),
        levelname=st.just("INFO"),
        message=st.sampled_from(["x", "y"]),
        process=st.sampled_from([0, 1]),
        started=st.sampled_from([0.0, 5.0]),
        peer=st.sampled_from(["", "::1"]),
        extra=st.sampled_from([None, '{"a":1}']),
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Where each example makes its database."""
    return tmp_path_factory.mktemp("doubles") / "logs.sqlite"


def counts(path):
    with opened(path) as one:
        return Counter(
            (row.created, row.name, row.message, row.process, row.extra)
            for row in one.rows()
        )


def counted(records):
    return Counter(
        (each.created, each.name, each.message, each.process or None, each.extra)
        for each in records
    )


def bring(path, portions):
    with open_target(path, synchronous="off") as target:
        summary = Summary()
        importing.bring(iter(portions), target, summary, lambda done, total: None)
        return summary


@settings(max_examples=30, deadline=None)
@given(
    before=RECORDS,
    source=st.lists(RECORDS, max_size=4),
    window=st.sampled_from([1, 3, 20_000]),
    step=st.sampled_from([1, 1000]),
)
def test_there_are_as_many_as_one_of_the_two_had(place, before, source, window, step):
    """However it is cut up, and however often it comes, nothing is lost or doubled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importing, "WINDOW_RECORDS", window)
        patch.setattr(doubles, "STEP_IDS", step)
        patch.setattr("collector.store.import_target.PAUSE_SECONDS", 0.0)
        with new_stored(place) as one:
            if before:
                one.add(*before)
        portions = [Portion(list(records)) for records in source]
        everything = [record for records in source for record in records]
        expected = counted(before) | counted(everything)
        for _ in range(2):
            summary = bring(place, [Portion(list(each.records)) for each in portions])
            assert counts(place) == expected
            assert summary.imported + summary.there == len(everything)
    assert summary.imported == 0


def test_far_apart_equal_records_are_told_apart(tmp_path, make_record, monkeypatch):
    """Which of them have been met is remembered from window to window."""
    monkeypatch.setattr(importing, "WINDOW_RECORDS", 5)
    with new_stored(tmp_path / "logs.sqlite") as one:
        one.add(make_record("same"))
    others = [make_record(f"other {n}") for n in range(40)]
    records = [make_record("same"), *others, make_record("same")]
    summary = bring(one.path, [Portion([each]) for each in records])

    assert (summary.imported, summary.there) == (41, 1)


def test_memory_of_what_was_met_is_bounded(tmp_path, make_record, monkeypatch):
    """However many doubles there are, few of them are remembered."""
    monkeypatch.setattr(doubles, "REMEMBERED", 10)
    records = [make_record(f"m{n}", created=1.7e9 + n) for n in range(200)]
    with new_stored(tmp_path / "logs.sqlite") as one:
        one.add(*records)
        finder = doubles.Doubles(one.connection)
        for start in range(0, 200, 20):
            assert finder.fresh(records[start : start + 20]) == []
        assert len(finder._met) + len(finder._met_before) <= 20


def test_nothing_is_looked_up_where_nothing_can_be(stored_records, make_record):
    """Records of loggers or minutes that the database lacks cost no scan."""
    asked = []
    stored_records.connection.set_trace_callback(asked.append)
    finder = doubles.Doubles(stored_records.connection)
    other_logger = [make_record(name="another")]
    other_minute = [make_record(created=1.6e9)]
    assert finder.fresh(other_logger) == other_logger
    assert finder.fresh(other_minute) == other_minute

    assert not [sql for sql in asked if "FROM records WHERE id" in sql]


@pytest.fixture
def stored_records(tmp_path, make_record):
    """A database with some records of one logger in one minute."""
    with new_stored(tmp_path / "logs.sqlite") as one:
        one.add(*[make_record(f"m{n}") for n in range(5)])
        yield one


def test_what_retention_has_deleted_is_new_again(stored_records, make_record):
    """Rollups that name ids which are gone lead nobody astray."""
    stored_records.connection.execute("DELETE FROM records WHERE id IN (1, 3)")
    finder = doubles.Doubles(stored_records.connection)
    records = [make_record(f"m{n}") for n in range(5)]

    assert [each.message for each in finder.fresh(records)] == ["m0", "m2"]


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ([], []),
        ([(5, 6), (1, 2)], [(1, 2), (5, 6)]),
        ([(1, 4), (2, 3), (5, 9)], [(1, 9)]),
    ],
)
def test_ranges_are_united(ranges, expected):
    """Ids that several minutes share are looked through once."""
    assert united(ranges) == expected


def test_a_key_is_what_a_row_gives(stored_records, make_record):
    """What a record is compared by is the same made of it and of its row."""
    full = make_record(
        "x", extra='{"a":1.5e300}', exc_text="E", stack_info="S", taskName="T"
    )
    stored_records.add(full)
    finder = doubles.Doubles(stored_records.connection)

    assert finder.fresh([full]) == []
    assert key_of(full) == key_of(
        make_record(
            message="x",
            extra='{"a":1.5e300}',
            exc_text="E",
            stack_info="S",
            taskName="T",
            peer="other",
            received=5.0,
            started=7.0,
        )
    )
