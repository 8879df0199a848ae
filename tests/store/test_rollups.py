"""Rollups count every record once, and say where its id may be."""

import sqlite3
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from store.hypotheses import DAY, HOUR, MINUTE, NOW, batches, moment
from store.stored import ROLLUPS, expected_rollups, new_stored, reading

from collector.store import rollups
from collector.store.rollups import (
    END_OF_TIME,
    cover,
    id_bounds,
    id_ranges,
    time_bounds,
    whole_minutes,
)


def counts(stored):
    """Return how many records the rollups of days have of each call site."""
    rows = stored.connection.execute(
        "SELECT call_site_id, sum(count) FROM rollups "
        "WHERE seconds = 86400 GROUP BY call_site_id"
    )
    return dict(rows.fetchall())


many = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


minutes = st.integers(-3, 4 * DAY // MINUTE).map(lambda number: number * MINUTE)


@given(start=minutes, stop=minutes, coarsest=st.sampled_from([MINUTE, HOUR, DAY]))
@example(start=0, stop=END_OF_TIME, coarsest=DAY)
@example(start=0, stop=DAY, coarsest=DAY)
@example(start=HOUR, stop=DAY + HOUR, coarsest=DAY)
@example(start=MINUTE, stop=3 * DAY - MINUTE, coarsest=HOUR)
def test_spans_make_up_a_time(start, stop, coarsest):
    """Each span follows the one before, without a gap; they are few."""
    spans = cover(start, stop, coarsest)

    assert [(span.start, span.stop) for span in spans if span.start >= span.stop] == []
    borders = [start] + [span.stop for span in spans]
    assert [span.start for span in spans] == borders[:-1]
    assert borders[-1] == max(start, stop)
    for span in spans:
        assert span.seconds <= coarsest
        assert span.start % span.seconds == span.stop % span.seconds == 0
        # No longer rollup would have done for any of it.
        longer = {MINUTE: HOUR, HOUR: DAY}.get(span.seconds, END_OF_TIME)
        if longer <= coarsest:
            first = -(-span.start // longer) * longer
            assert first + longer > span.stop


edge = st.one_of(moment, st.sampled_from([-5.0, 1e18, float(END_OF_TIME)]))


@given(since=edge, until=edge)
def test_whole_minutes_hold_a_time(since, until):
    """The minutes hold the first and the last moment, and none that is needless."""
    start, stop = whole_minutes(since, until)

    assert start % MINUTE == stop % MINUTE == 0
    assert start <= max(since, 0.0)
    assert stop >= min(until, END_OF_TIME)
    if 0 <= since < END_OF_TIME:
        assert since < start + MINUTE
    if 0 <= until < END_OF_TIME:
        assert until > stop - MINUTE


def test_a_time_without_bounds_is_all_of_it():
    """Without since and until, all that a record can be created at is in it."""
    assert whole_minutes(None, None) == (0, END_OF_TIME)


@many
@given(stored_batches=batches)
def test_rollups_are_right_after_each_batch(example_path, stored_batches):
    """Whatever the times of records, each is counted once in each length."""
    with new_stored(example_path) as one:
        for batch in stored_batches:
            one.add(*batch)
            found = one.connection.execute(ROLLUPS).fetchall()
            assert found == expected_rollups(one.connection)


@many
@given(
    stored_batches=batches,
    since=st.none() | moment,
    until=st.none() | moment,
    few=st.integers(0, 6),
    dense=st.integers(0, 4),
    newest_first=st.booleans(),
    data=st.data(),
)
def test_bounds_and_ranges_hold_all_records(
    example_path, stored_batches, since, until, few, dense, newest_first, data
):
    """No record of a time, or of call sites, is out of their bounds and ranges."""
    with pytest.MonkeyPatch.context() as patch, new_stored(example_path) as one:
        patch.setattr(rollups, "FEW_IDS", few)
        patch.setattr(rollups, "DENSE", dense)
        for batch in stored_batches:
            one.add(*batch)
        rows = one.connection.execute(
            "SELECT id, call_site_id FROM records WHERE created >= ? AND created < ?",
            (-1.0 if since is None else since, 1e18 if until is None else until),
        ).fetchall()
        known = one.connection.execute("SELECT id FROM call_sites").fetchall()
        sites = data.draw(st.lists(st.sampled_from([row[0] for row in known])))
        ids = {record_id for record_id, _ in rows}
        theirs = {record_id for record_id, site in rows if site in sites}

        with reading(example_path) as reader:
            bounds = id_bounds(reader, since, until)
            assert bounds is not None or not ids
            if bounds is not None:
                assert all(bounds[0] <= each <= bounds[1] for each in ids)
            ranges = list(
                id_ranges(reader, sites, since, until, newest_first=newest_first)
            )
        counted = counts(one)
        assert sum(counted.values()) == sum(map(len, stored_batches))

    ordered = ranges[::-1] if newest_first else ranges
    assert all(low <= high for low, high in ordered)
    assert all(before[1] < after[0] for before, after in pairwise(ordered))
    assert theirs <= {each for low, high in ordered for each in range(low, high + 1)}
    if since is None and until is None:
        assert sum(counted.get(site, 0) for site in set(sites)) == len(theirs)


def test_a_range_is_split_where_records_are_far_apart(stored, make_record, monkeypatch):
    """Two records in one day with many others between them are two ranges."""
    monkeypatch.setattr(rollups, "FEW_IDS", 10)
    monkeypatch.setattr(rollups, "DENSE", 10)
    start = NOW // DAY * DAY
    rare = [
        make_record(created=start + hour * HOUR, name="rare") for hour in (1, 1.5, 9)
    ]
    busy = [make_record(created=start + n) for n in range(500)]
    stored.add(rare[0], *busy)
    stored.add(rare[1], *busy)
    stored.add(rare[2])
    [(site,)] = stored.connection.execute("SELECT id FROM call_sites WHERE name='rare'")

    with reading(stored.path) as reader:
        found = list(id_ranges(reader, [site], None, None, newest_first=True))
    assert found == [(1003, 1003), (502, 502), (1, 1)]


def test_ranges_of_days_that_overlap_hold_no_id_twice(stored, make_record):
    """Where the records of two days came by turns, each id is in one range."""
    stored.add(*[make_record(created=NOW + n % 2 * DAY) for n in range(4)])

    with reading(stored.path) as reader:
        up = list(id_ranges(reader, [1], None, None, newest_first=False))
        down = list(id_ranges(reader, [1], None, None, newest_first=True))
    assert up == [(1, 3), (4, 4)]
    assert down == [(2, 4), (1, 1)]


def test_an_empty_database_has_no_bounds(stored):
    """Without records there are no ids, no times and nothing to count."""
    with reading(stored.path) as reader:
        assert id_bounds(reader, None, None) is None
        assert list(id_ranges(reader, [1], None, None, newest_first=True)) == []
        assert counts(stored) == {}
        assert time_bounds(reader) == (0, 0)


def test_times_of_all_records_are_known_to_the_minute(stored, make_record):
    """The first minute with a record, and the end of the last."""
    stored.add(make_record(created=NOW + DAY), make_record(created=NOW))

    with reading(stored.path) as reader:
        start = NOW // MINUTE * MINUTE
        assert time_bounds(reader) == (start, start + DAY + MINUTE)


REFUSE = """
CREATE TRIGGER refuse BEFORE INSERT ON records WHEN new.message LIKE 'bad%'
BEGIN SELECT RAISE(ABORT, 'no bad messages'); END;
"""


def agree(one) -> bool:
    """Tell whether the rollups are those of the records, and there are some."""
    with sqlite3.connect(one.path) as connection:
        expected = expected_rollups(connection)
    connection.close()
    return one.rows(ROLLUPS) == expected != []


async def test_refused_records_are_not_counted(running, make_record):
    """However a batch is split, rollups have what is stored, once."""
    one = await running(batch_records=100)
    await one.script(REFUSE)
    for n in range(350):
        one.add(
            make_record(
                "bad" if n % 40 == 7 else "good",
                created=NOW + (n * 997) % 10_000,
                name=f"logger{n % 7}",
            )
        )
    await one.finish()

    assert one.writer.refused_total == 9
    assert agree(one)
    assert one.rows("SELECT sum(count) FROM rollups WHERE seconds = 60") == [(341,)]


async def test_a_batch_that_met_a_lock_is_counted_once(running, make_record):
    """Attempts that fail leave nothing in the rollups."""
    one = await running(batch_records=50)
    await one.script("PRAGMA busy_timeout = 0")
    one.add(*[make_record(created=NOW + n * 10) for n in range(50)])
    one.start()
    await one.until(lambda: one.writer.stored_total == 50)
    other = sqlite3.connect(one.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    one.add(*[make_record(created=NOW + n * 10, name="later") for n in range(120)])
    await one.until(lambda: one.writer.stalled)
    other.close()
    await one.finish()

    assert agree(one)
    assert one.rows("SELECT sum(count) FROM rollups WHERE seconds = 86400") == [(170,)]


async def test_a_batch_that_met_a_full_database_is_counted_once(running, make_record):
    """What was rolled back when the database was full is not in the rollups."""
    one = await running(batch_records=200)
    [(pages,)] = one.rows("PRAGMA page_count")
    await one.script(f"PRAGMA max_page_count = {pages + 10}")
    one.add(
        *[make_record("x" * 500, created=NOW + n * 100, lineno=n) for n in range(200)]
    )
    one.start()
    await one.until(lambda: one.writer.stalled)
    assert one.rows(ROLLUPS) == []
    await one.script("PRAGMA max_page_count = 1073741823")
    await one.finish()

    assert agree(one)
    assert one.writer.stored_total == 200


async def test_records_are_counted_after_all_were_deleted(running, make_record):
    """Ids go on where they were, and so do the rollups."""
    one = await running()
    one.add(make_record())
    one.start()
    await one.until(lambda: one.writer.stored_total == 1)
    await one.script("DELETE FROM records; DELETE FROM rollups;")
    one.add(make_record(), make_record())
    await one.finish()

    assert agree(one)
    assert one.rows("SELECT first_id, last_id FROM rollups") == [(2, 3)] * 3
