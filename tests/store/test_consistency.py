"""Consistency: a sound database has no findings, and each thing wrong has one."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store.hypotheses import batches
from store.stored import new_stored, reading

from collector.store import finding, rollup_rules
from collector.store.consistency import check, damage
from collector.store.rolling_up import roll_up_sql
from collector.store.transaction import transaction

DAY = 86400.0
BASE = 1_700_000_000.0


def found(path):
    """Return the tables that findings are about, and the findings as one text."""
    with reading(path) as reader:
        findings = check(reader)
    return {one.table for one in findings}, "\n".join(one.text for one in findings)


@pytest.fixture
def filled(stored, make_record):
    """Records of three days, two call sites and two levels, half of them indexed."""
    for number in range(3):
        stored.add(
            *[
                make_record(
                    f"message {n}",
                    created=BASE + number * DAY + n * 61,
                    lineno=n % 2,
                    levelno=20 + 10 * (n % 3 == 0),
                )
                for n in range(100)
            ]
        )
    stored.index(150)
    return stored


def test_nothing_is_wrong_with_what_the_daemon_stores(filled):
    """A database that is filled as usual has no findings, an empty one neither."""
    assert found(filled.path) == (set(), "")
    filled.connection.executescript(
        "DELETE FROM records; DELETE FROM rollups; DELETE FROM level_rollups"
    )
    assert found(filled.path) == (set(), "")


@given(batches=batches, step=st.integers(1, 9))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_whatever_is_stored_is_consistent(example_path, batches, step):
    """Records of any time, in any order, leave nothing to find."""
    with new_stored(example_path) as one, pytest.MonkeyPatch.context() as patch:
        for batch in batches:
            one.add(*batch)
        one.index(3)
        patch.setattr(finding, "STEP_IDS", step)
        patch.setattr(rollup_rules, "PAGE_ROLLUPS", step)
        patch.setattr(rollup_rules, "SPAN_RECORDS", step)
        assert found(one.path) == (set(), "")


@pytest.mark.parametrize(
    ("broken", "table", "text"),
    [
        ("DELETE FROM call_sites WHERE lineno = 1", "records", "call_site_id"),
        ("DELETE FROM origins", "records", "300 with ids from 1 to 300"),
        (
            "UPDATE rollups SET count = count + 1 WHERE seconds = 60",
            "rollups",
            "there are",
        ),
        ("UPDATE rollups SET count = 2 WHERE seconds = 3600", "rollups", "hour"),
        ("UPDATE rollups SET count = 1 WHERE seconds = 86400", "rollups", "day"),
        ("DELETE FROM rollups WHERE seconds = 60", "rollups", "minute"),
        ("DELETE FROM rollups WHERE seconds = 86400", "rollups", "day"),
        ("DELETE FROM level_rollups WHERE seconds = 60", "level_rollups", "minute"),
        ("UPDATE level_rollups SET count = count + 1", "level_rollups", "level"),
        ("DELETE FROM level_rollups", "level_rollups", "level"),
        ("UPDATE rollups SET first_id = first_id + 1", "rollups", "lacks records"),
        ("UPDATE level_rollups SET last_id = last_id - 1", "level_rollups", "lacks"),
        (
            "INSERT INTO rollups VALUES (60, 60, 1, 4, 1, 4)",
            "rollups",
            "counts 4 records; there are 0",
        ),
        (
            "DELETE FROM records WHERE id = 77",
            "rollups",
            "counts 1 records; there are 0",
        ),
        ("UPDATE search_state SET indexed_id = 200", "search", "not there"),
        ("UPDATE search_state SET indexed_id = 999", "search_state", "999"),
        ("DELETE FROM search_state", "search_state", "0 rows"),
        ("DELETE FROM writer_state", "writer_state", "0 rows"),
        ("UPDATE search_0_data SET block = x'0102'", "search", "150 of 150 records"),
        (
            "UPDATE search_parts SET records = 149",
            "search_parts",
            "counts 149 records; there are 150",
        ),
        (
            "INSERT INTO search_parts VALUES (150, 160, 'search_0', 11, 11, '', 0)",
            "search_parts",
            "overlaps",
        ),
        (
            "INSERT INTO imports VALUES (1, 50, 1.0), (50, 60, 1.0)",
            "imports",
            "overlaps",
        ),
        ("INSERT INTO imports VALUES (2, 1, 1.0)", "imports", "before it begins"),
    ],
)
def test_what_is_wrong_is_found(filled, broken, table, text):
    """Whatever is changed behind the daemon's back is told, with its table."""
    filled.connection.execute(broken)
    tables, texts = found(filled.path)

    assert table in tables
    assert text in texts


def test_a_table_that_is_lost_is_told_in_few_findings(filled):
    """Each rule stops after twenty."""
    filled.connection.executescript(
        "DELETE FROM rollups; DELETE FROM level_rollups; DELETE FROM call_sites"
    )
    with reading(filled.path) as reader:
        assert 20 <= len(check(reader)) <= 60


def test_records_that_come_and_go_meanwhile_are_no_fault(
    filled, make_record, monkeypatch
):
    """Between any two steps records are stored and deleted, with their rollups."""
    monkeypatch.setattr(finding, "STEP_IDS", 50)
    number = 0

    def come_and_go(done, total):
        nonlocal number
        number += 1
        filled.add(make_record("late", created=BASE + 5 * DAY))
        filled.add(make_record("late", created=BASE))
        with transaction(filled.connection):
            for sql in (
                "DELETE FROM records WHERE id = (SELECT min(id) FROM records)",
                "DELETE FROM rollups",
                "DELETE FROM level_rollups",
                *roll_up_sql("0"),
            ):
                filled.connection.execute(sql)

    with reading(filled.path) as reader:
        assert check(reader, come_and_go) == []
    assert number >= 10


def test_sqlite_is_asked_for_damage(filled):
    """What SQLite finds wrong is told; in a sound file it finds nothing."""
    with reading(filled.path) as reader:
        assert list(damage(reader, thorough=False)) == []
        assert list(damage(reader, thorough=True)) == []
    [(page,)] = filled.connection.execute(
        "SELECT rootpage FROM sqlite_master WHERE name = 'imports'"
    )
    assert filled.can_empty_its_log()
    filled.connection.close()
    with filled.path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    with reading(filled.path) as reader:
        told = list(damage(reader, thorough=False))
    assert {one.table for one in told} == {"imports"}
