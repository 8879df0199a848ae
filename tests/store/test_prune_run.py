"""Pruning takes records out of everything that knows them."""

import sqlite3
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store.hypotheses import batches
from store.stored import new_stored, opened, reading

from collector.query.tree import Text
from collector.record import Record
from collector.store import compaction, orphans, pruning, search_index
from collector.store.consistency import check
from collector.store.file_space import Space
from collector.store.inserter import insert_rejects
from collector.store.prune_run import PruneRun
from collector.store.pruning import prune_some
from collector.store.rejects import make_reject
from collector.store.retention import DAY, LEVEL_CLASSES, Cut, Policy
from collector.store.search import Search
from collector.store.search_index import index_some, register_folding

NOW = 1_800_000_000.0
HOUR = 3600.0


def run(stored, policy, *, now=NOW, **options):
    """Do a whole run of pruning; return it."""
    one = PruneRun(policy, stored.connection, clock=lambda: now, **options)
    while one.step():
        pass
    return one


def values(connection, sql, *parameters):
    return [row[0] for row in connection.execute(sql, parameters)]


def assert_consistent(connection):
    """Assert that all that is derived from records is of those that are there."""
    for table, key, join in (
        ("rollups", "call_site_id", ""),
        ("level_rollups", "levelno", "JOIN call_sites AS c ON c.id = r.call_site_id"),
    ):
        for seconds in (60, 3600, 86400):
            counted = connection.execute(
                f"SELECT CAST(created AS INTEGER) / {seconds} * {seconds}, {key}, "
                f"count(*), min(r.id), max(r.id) FROM records AS r {join} "
                "GROUP BY 1, 2 ORDER BY 1, 2"
            ).fetchall()
            told = connection.execute(
                f"SELECT start, {key}, count, first_id, last_id FROM {table} "
                "WHERE seconds = ? ORDER BY 1, 2",
                (seconds,),
            ).fetchall()
            assert [row[:3] for row in told] == [row[:3] for row in counted]
            for (*_, low, high), (*_, first, last) in zip(told, counted, strict=True):
                assert low <= first
                assert last <= high
    for table, column in (("call_sites", "call_site_id"), ("origins", "origin_id")):
        known = values(connection, f"SELECT id FROM {table}")
        used = values(connection, f"SELECT DISTINCT {column} FROM records")
        assert set(used) <= set(known)
    for first, last, records in connection.execute(
        "SELECT first_id, last_id, records FROM search_parts"
    ).fetchall():
        [there] = values(
            connection,
            "SELECT count(*) FROM records WHERE id BETWEEN ? AND "
            "min(?, (SELECT indexed_id FROM search_state))",
            first,
            last,
        )
        assert records == there


def assert_no_orphans(connection):
    for table, column in (("call_sites", "call_site_id"), ("origins", "origin_id")):
        known = values(connection, f"SELECT id FROM {table} ORDER BY id")
        used = values(connection, f"SELECT DISTINCT {column} FROM records ORDER BY 1")
        assert known == used


@pytest.fixture
def small(monkeypatch):
    """Steps and parts that a few records fill."""
    monkeypatch.setattr(pruning, "STEP_IDS", 7)
    monkeypatch.setattr(search_index, "PART_IDS", 20)
    monkeypatch.setattr(compaction, "PART_IDS", 20)
    monkeypatch.setattr(compaction, "STEP_RECORDS", 3)
    monkeypatch.setattr(orphans, "STEP_ROWS", 2)
    monkeypatch.setattr(orphans, "SCANNED_IDS", 11)


@pytest.fixture
def hourly(stored, make_record):
    """A database with a record for each of a hundred hours, indexed."""
    stored.add(
        *[
            make_record(
                f"needle {n}",
                created=NOW - (99 - n) * HOUR,
                received=NOW - (99 - n) * HOUR,
                name=f"app.{n // 10}",
                levelno=(n % 5 + 1) * 10,
                levelname=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")[n % 5],
                process=n // 10,
            )
            for n in range(100)
        ]
    )
    stored.index()
    return stored


def dump(connection):
    """Return all rows of all tables but the index's own."""
    tables = values(
        connection,
        "SELECT name FROM sqlite_master WHERE type = 'table' "
        "AND name NOT GLOB 'search_[0-9]*'",
    )
    return [connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables]


def texts(stored):
    return [row.message for row in stored.rows()]


@pytest.mark.usefixtures("small")
def test_old_records_go_with_all_that_counts_them(stored, make_record, monkeypatch):
    """Rollups, the index and interned rows are those of what is left."""
    stored.add(
        *[
            make_record(
                f"needle {n}",
                created=NOW - (99 - n) * HOUR,
                received=NOW - (99 - n) * HOUR,
                name=f"app.{n // 10}",
                process=n // 10,
            )
            for n in range(100)
        ]
    )
    stored.index()
    for _ in range(5):
        index_some(stored.connection, 1000)
    one = run(stored, Policy(max_age_seconds=2 * DAY), removed_before=None)

    assert one.removed == {"age": 51}
    assert texts(stored) == [f"needle {n}" for n in range(51, 100)]
    assert_consistent(stored.connection)
    assert_no_orphans(stored.connection)
    # Of the parts for 20 ids each, those of the first 40 are gone; of the third
    # more than half is, so it was made anew.
    assert stored.indexed("nee") == list(range(52, 101))
    with reading(stored.path) as reader:
        found = list(Search(reader, Text("needle")).ids(newest_first=False))
    assert found == list(range(52, 101))


@pytest.mark.usefixtures("small")
def test_levels_have_ages_of_their_own(hourly):
    """Debug goes early, errors stay longer; all others as max_age says."""
    policy = Policy(
        max_age_seconds=2 * DAY, level_ages={"debug": DAY, "error": 3 * DAY}
    )
    run(hourly, policy, removed_before=None)

    ages = {10: 24, 40: 72}
    assert [row.id for row in hourly.rows()] == [
        n + 1 for n in range(100) if 99 - n <= ages.get((n % 5 + 1) * 10, 48)
    ]
    assert_consistent(hourly.connection)
    assert_no_orphans(hourly.connection)


@pytest.mark.usefixtures("small")
def test_a_second_run_has_nothing_to_do(hourly):
    """What is right is left alone."""
    policy = Policy(
        max_age_seconds=2 * DAY, level_ages={"debug": DAY, "error": 3 * DAY}
    )
    run(hourly, policy)
    before = dump(hourly.connection)
    again = run(hourly, policy)

    assert not again.removed
    assert dump(hourly.connection) == before


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@pytest.mark.usefixtures("small")
@given(
    stored_batches=batches,
    cuts=st.lists(
        st.tuples(st.integers(0, 60), st.sampled_from([None, *LEVEL_CLASSES.values()])),
        max_size=4,
    ),
    indexed=st.integers(0, 60),
    late=st.booleans(),
)
def test_whatever_is_cut_the_rest_agrees_with_itself(
    example_path, stored_batches, cuts, indexed, late
):
    """After any cuts, in any order, all is as if only the rest had been stored."""
    with new_stored(example_path) as one:
        for batch in stored_batches:
            one.add(*batch)
        one.index(indexed)
        kept = {row.id: row for row in one.rows()}
        # A class of levels is cut by the prefix of ids that it was cut by before.
        for below, levels in cuts:
            above = 0
            while step := prune_some(one.connection, Cut(below, levels), above):
                above = step.last_id
                if late and stored_batches:
                    one.add(stored_batches[0][0])
                    newest = one.rows()[-1]
                    kept[newest.id] = newest
                    late = False
            kept = {
                key: row
                for key, row in kept.items()
                if key >= below
                or (levels is not None and not levels[0] <= row.levelno <= levels[1])
            }
        assert_consistent(one.connection)
        assert one.rows() == list(kept.values())
        register_folding(one.connection)
        while compaction.compact_some(one.connection):
            assert_consistent(one.connection)
        with reading(example_path) as reader:
            assert check(reader) == []
            found = list(Search(reader, Text("e")).ids(newest_first=False))
        assert found == [row.id for row in one.matching(Text("e"))]


def test_ids_that_are_remembered_are_looked_up_again(hourly, make_record):
    """Who stores records notices when interned rows have been removed."""
    old = make_record("again", name="app.0", process=0)
    with opened(hourly.path) as other:
        other.add(old)
        run(hourly, Policy(max_age_seconds=DAY), removed_before=None)
        [(left,)] = hourly.connection.execute(
            "SELECT count(*) FROM call_sites WHERE name = 'app.1'"
        )
        assert left == 0
        other.add(make_record("needle", name="app.1", process=1))
    assert texts(hourly)[-1] == "needle"
    assert_consistent(hourly.connection)


def test_origins_of_records_that_come_meanwhile_stay(hourly, make_record):
    """An origin that was an orphan at first, and is one no more, is kept."""
    run(hourly, Policy(max_age_seconds=DAY))
    steps = orphans.remove_orphans(hourly.connection)
    next(steps)
    hourly.add(make_record("late", name="app.0", process=0))
    for _ in steps:
        pass

    assert texts(hourly)[-1] == "late"
    assert_no_orphans(hourly.connection)


def big(make_record, n) -> Record:
    return make_record(f"{n:06d} " + "x" * 2000, created=NOW + n, received=NOW + n)


def test_a_database_is_kept_to_its_size(stored, make_record):
    """The oldest go until it is small enough, and the file gets smaller."""
    stored.add(*[big(make_record, n) for n in range(6000)])
    stored.index()
    before = stored.path.stat().st_size
    one = run(stored, Policy(max_bytes=4_000_000), now=NOW + 6000)
    stored.can_empty_its_log()

    assert before > 10_000_000
    assert one.space().used_bytes <= 4_000_000
    assert stored.path.stat().st_size <= 4_000_000
    left = texts(stored)
    assert left[-1].startswith("005999")
    assert [int(text[:6]) for text in left] == list(range(6000 - len(left), 6000))
    assert len(left) > 500
    assert_consistent(stored.connection)


def test_interned_rows_go_before_records_go_for_them(stored, make_record):
    """Where each record has an origin of its own, half of the size has half of both."""
    stored.add(
        *[
            make_record(f"m{n}", thread=n, threadName=f"t{n}" * 20)
            for n in range(30_000)
        ]
    )
    used = run(stored, Policy()).space().used_bytes
    run(stored, Policy(max_bytes=used // 2))

    assert 10_000 < len(texts(stored)) < 16_000
    assert_no_orphans(stored.connection)


def test_rejects_share_what_is_too_much(stored, make_record):
    """A peer's rubbish does not drive out everybody's records."""
    stored.add(*[make_record(f"m{n}") for n in range(5000)])
    rejects = [
        make_reject(b"?" * 60_000, received=NOW, peer="p", reason="r", detail="d")
        for _ in range(300)
    ]
    insert_rejects(stored.connection, rejects, 1000)
    used = run(stored, Policy()).space().used_bytes
    one = run(stored, Policy(max_bytes=used // 2))

    assert 140 < one.rejects_removed < 170
    assert 2000 < len(texts(stored)) < 3000
    assert one.space().used_bytes <= used // 2


def test_levels_that_a_client_made_up_go_as_fast(stored, make_record):
    """Thousands of level numbers of a class are removed in as few steps as one."""
    stored.add(
        *[
            make_record("m", levelno=-n, created=NOW - (n % 50) * DAY)
            for n in range(3000)
        ]
    )
    cut, steps, above = Cut(3001, LEVEL_CLASSES["debug"]), 0, 0
    while step := prune_some(stored.connection, cut, above):
        above, steps = step.last_id, steps + 1

    assert texts(stored) == []
    assert steps == 2
    assert_consistent(stored.connection)


def test_a_size_that_nothing_fits_leaves_the_newest(stored, make_record):
    """Even then the last record stays, and the run ends."""
    stored.add(*[make_record(f"m{n}") for n in range(50)])
    run(stored, Policy(max_bytes=4096))

    assert texts(stored) == ["m49"]


def test_space_is_given_back(stored, make_record):
    """After much was removed, the file is smaller by nearly as much."""
    stored.add(*[big(make_record, n) for n in range(2000)])
    stored.can_empty_its_log()
    before = stored.path.stat().st_size
    # Received within 2,000 s: the last 400 of them within the last 400.
    now = NOW + 2000 + 3600 - 400
    stored.add(*[make_record("tick", received=now - n * 10) for n in range(320, 0, -1)])
    run(stored, Policy(max_age_seconds=HOUR), now=now)

    assert 300 < len(texts(stored)) - 320 < 500
    assert stored.path.stat().st_size < before * 0.5


def test_imported_records_are_as_old_as_their_import(stored, make_record):
    """A year-old archive is not removed as soon as it is imported."""
    stored.add(*[make_record("old", received=NOW - 400 * DAY) for _ in range(3)])
    stored.add(*[make_record("new", received=NOW - n) for n in range(3)])
    stored.connection.execute("INSERT INTO imports VALUES (1, 3, ?)", (NOW - 3600,))
    run(stored, Policy(max_age_seconds=30 * DAY))
    assert texts(stored) == ["old"] * 3 + ["new"] * 3

    stored.add(
        *[make_record("later", received=NOW + n * DAY / 2) for n in range(1, 100)]
    )
    run(stored, Policy(max_age_seconds=30 * DAY), now=NOW + 49 * DAY)
    assert texts(stored) == ["later"] * 61
    assert stored.connection.execute("SELECT * FROM imports").fetchall() == []


def test_rejects_go_with_the_records_of_their_time(hourly):
    """A reject is kept as long as a record that came with it."""
    rejects = [
        make_reject(b"?", received=NOW - age * HOUR, peer="p", reason="r", detail="d")
        for age in (90, 60, 2)
    ]
    insert_rejects(hourly.connection, rejects, 100)
    one = run(hourly, Policy(max_age_seconds=2 * DAY))

    assert one.rejects_removed == 2
    assert values(hourly.connection, "SELECT received FROM rejects") == [NOW - 2 * HOUR]


def test_long_texts_make_short_steps(stored, make_record, monkeypatch):
    """Records whose texts fill many pages are removed a few at a time."""
    monkeypatch.setattr(pruning, "STEP_CHARS", 5000)
    stored.add(*[make_record("x" * 2000) for _ in range(9)])

    step = prune_some(stored.connection, Cut(10))

    assert step is not None
    assert step.removed == 3


@pytest.mark.usefixtures("small")
def test_a_step_is_all_or_nothing(hourly):
    """When a step fails, all is as before."""
    before = dump(hourly.connection)
    hourly.connection.execute(
        "CREATE TEMP TRIGGER no BEFORE DELETE ON records WHEN old.id = 5 "
        "BEGIN SELECT raise(ABORT, 'no'); END"
    )
    with pytest.raises(sqlite3.IntegrityError, match="no"):
        prune_some(hourly.connection, Cut(50))
    hourly.connection.execute("DROP TRIGGER no")

    assert dump(hourly.connection) == before


def test_another_process_may_begin_the_index_anew_meanwhile(hourly):
    """A run that finds the index gone goes on to its end."""
    one = PruneRun(Policy(max_age_seconds=DAY), hourly.connection, clock=lambda: NOW)
    one.step()
    with closing(sqlite3.connect(hourly.path, isolation_level=None)) as other:
        search_index.create_index(other, anew=True)
    while one.step():
        pass

    assert one.removed.total() == 75
    assert_consistent(hourly.connection)


@given(
    pages=st.integers(1, 10**6),
    free_share=st.floats(0, 1),
    limit=st.none() | st.integers(0, 10**10),
)
def test_what_is_given_back_was_free(pages, free_share, limit):
    """Free pages beyond some to spare, or beyond the limit, and no others."""
    space = Space(4096, pages, int(pages * free_share))
    surplus = space.surplus_pages(limit)

    assert 0 <= surplus <= space.free_pages
    if limit is not None and space.used_bytes <= limit:
        assert space.file_bytes - surplus * 4096 <= max(limit, space.used_bytes)
    if limit is None and space.free_pages > pages * 0.05 + 256:
        assert surplus > 0
