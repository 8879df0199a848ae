"""Records as parameters of one INSERT."""

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.store.inserter import KEYS_PER_STATEMENT, ROWS_PER_STATEMENT
from collector.store.rows import (
    CALL_SITE_COLUMNS,
    MAX_INTERNED,
    NULLABLE_COLUMNS,
    ORIGIN_COLUMNS,
    RECORD_COLUMNS,
    Interned,
    Missing,
    delay_ms,
    insert_records_sql,
    row_parameters,
)

CALL_SITE = (
    "myapp.db",
    "/srv/app/db.py",
    17,
    "connect",
    "db.py",
    "db",
    20,
    "INFO",
)
ORIGIN = ("web1", 4242, "MainProcess", 1_699_999_000.5, "127.0.0.1", 1234, "MainThread")


def interned() -> Interned:
    known = Interned()
    known.call_sites[CALL_SITE] = 5
    known.origins[ORIGIN] = 7
    return known


def row_of(record) -> dict[str, object]:
    """Return one record's parameters by column."""
    values = row_parameters([record], interned(), Missing())
    return dict(zip(RECORD_COLUMNS, values, strict=True))


def test_a_record_becomes_a_row(make_record):
    """Each column gets its value; what repeats is named by its id."""
    assert row_of(make_record(extra='{"a":1}', exc_text="boom", taskName="T-1")) == {
        "created": 1_700_000_000.25,
        "delay_ms": 250,
        "call_site_id": 5,
        "origin_id": 7,
        "message": "hello",
        "taskName": "T-1",
        "exc_text": "boom",
        "stack_info": "",
        "extra": '{"a":1}',
    }


def test_rows_follow_each_other(make_record):
    """The parameters of many records stand one after the other, in order."""
    records = [make_record(str(n)) for n in range(3)]
    values = row_parameters(records, interned(), Missing())

    width = len(RECORD_COLUMNS)
    assert len(values) == 3 * width
    place = RECORD_COLUMNS.index("message")
    assert values[place::width] == ["0", "1", "2"]


def test_what_is_unknown_is_missing_once(make_record):
    """Equal values are looked up once, in the order of their columns."""
    missing = Missing()
    assert not missing.any()
    row_parameters([make_record(), make_record("other")], Interned(), missing)

    assert missing.any()
    assert missing.call_sites == {CALL_SITE}
    assert missing.origins == {ORIGIN}
    assert len(CALL_SITE_COLUMNS) == len(CALL_SITE)
    assert len(ORIGIN_COLUMNS) == len(ORIGIN)


def test_nothing_is_missing_when_all_is_known(make_record):
    """Known values are not looked up again."""
    missing = Missing()
    row_parameters([make_record()], interned(), missing)

    assert not missing.any()


def test_a_level_is_part_of_a_call_site(make_record):
    """One call that logs at two levels, or under two names of one, is two."""
    missing = Missing()
    records = [
        make_record(levelno=levelno, levelname=levelname)
        for levelno, levelname in ((20, "INFO"), (20, "NOTICE"), (25, "NOTICE"))
    ]
    row_parameters(records, Interned(), missing)

    assert {site[6:] for site in missing.call_sites} == {
        (20, "INFO"),
        (20, "NOTICE"),
        (25, "NOTICE"),
    }


@pytest.mark.parametrize(
    ("created", "received", "expected"),
    [
        (100.0, 100.0, 0),
        (100.0, 100.0625, 63),
        (100.0, 100.032, 32),
        (100.0, 100.0314, 31),
        (100.0625, 100.0, -63),
        (100.0314, 100.0, -31),
        (0.0, 1_700_000_000.0, 1_700_000_000_000),
        (253402300799.0, 0.0, -253402300799000),
    ],
)
def test_delays(created, received, expected):
    """A delay is rounded to the next millisecond, both ways."""
    assert delay_ms(created, received) == expected


@given(
    st.floats(0, 253402300799, allow_nan=False),
    st.floats(0, 253402300799, allow_nan=False),
)
def test_a_delay_tells_the_time_of_receipt(created, received):
    """Created and delay give back the time of receipt to a millisecond."""
    delay = delay_ms(created, received)

    assert abs(created + delay / 1000.0 - received) < 0.000_6
    assert delay_ms(received, created) == -delay


def test_interned_ids_are_bounded():
    """Tables beyond the bound are emptied, each on its own."""
    known = Interned()
    for n in range(MAX_INTERNED):
        known.call_sites[str(n), "", 0, "", "", "", 0, ""] = n
    known.origins[ORIGIN] = 1
    known.trim()
    assert len(known.call_sites) == MAX_INTERNED

    known.call_sites["one more", "", 0, "", "", "", 0, ""] = 1
    known.trim()
    assert len(known.call_sites) == 0
    assert known.origins == {ORIGIN: 1}

    for n in range(MAX_INTERNED + 1):
        known.origins["", n, "", 0.0, "", 0, ""] = n
    known.trim()
    assert len(known.origins) == 0


def test_forgetting():
    """After a rollback no id is known."""
    known = interned()
    known.forget()

    assert (len(known.call_sites), len(known.origins)) == (0, 0)


@pytest.mark.parametrize("rows", ROWS_PER_STATEMENT)
def test_statements_have_a_parameter_for_each_value(rows):
    """A statement of any size takes the parameters of so many records."""
    sql = insert_records_sql(rows)

    assert sql.count("?") == rows * len(RECORD_COLUMNS)
    assert sql.count("nullif(?,'')") == rows * len(NULLABLE_COLUMNS)
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute(f"CREATE TABLE records ({','.join(RECORD_COLUMNS)})")
        database.execute(sql, [""] * rows * len(RECORD_COLUMNS))
        stored = database.execute(
            "SELECT count(*), count(message), count(extra) FROM records"
        )
        assert stored.fetchall() == [(rows, rows, 0)]


def test_statement_sizes():
    """Any number of records is a sum of sizes, within SQLite's least limits."""
    assert list(ROWS_PER_STATEMENT) == sorted(ROWS_PER_STATEMENT, reverse=True)
    assert ROWS_PER_STATEMENT[-1] == 1
    # SQLITE_MAX_VARIABLE_NUMBER has been 32,766 since 3.32, and 999 before.
    assert max(ROWS_PER_STATEMENT) * len(RECORD_COLUMNS) <= 32_766
    assert KEYS_PER_STATEMENT * len(CALL_SITE_COLUMNS) <= 999
