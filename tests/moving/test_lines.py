"""A record that goes through a line, or a database, and is the same."""

import io
import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_record import NAMES, TREES

from collector.moving.json_lines import JsonLines, epoch
from collector.moving.line import COLUMNS, LineWriter
from collector.moving.stored_records import StoredRecords, same_extra
from collector.record import RECORD_FIELDS, normalise
from collector.storable import MAX_EXTRA_DEPTH
from collector.store.rows import delay_ms
from collector.store.stored_rows import StoredRow


def row_of(record):
    """Return the row that the store makes of a record."""
    return StoredRow(
        id=1,
        created=record.created,
        delay_ms=delay_ms(record.created, record.received),
        call_site_id=1,
        origin_id=1,
        message=record.message,
        taskName=record.taskName or None,
        exc_text=record.exc_text or None,
        stack_info=record.stack_info or None,
        extra=record.extra or None,
        call_site=(
            *(record.name, record.pathname, record.lineno, record.funcName),
            *(record.filename, record.module, record.levelno, record.levelname),
        ),
        origin=(
            *(record.hostname, record.process, record.processName, record.started),
            *(record.peer, record.thread, record.threadName),
        ),
    )


def read(data):
    """Return the records and the rejects of lines."""
    portions = list(JsonLines("file", at=5.0).portions(io.BytesIO(data)))
    return (
        [record for portion in portions for record in portion.records],
        [reject for portion in portions for reject in portion.rejects],
    )


def stored(record):
    """Return what the store keeps of a record."""
    return row_of(record)[1:]


@settings(max_examples=150, deadline=None)
@given(
    attributes=st.dictionaries(NAMES, TREES, max_size=8),
    message=TREES,
    received=st.floats(1.0, 2e9),
)
def test_whatever_is_stored_goes_through_a_line(attributes, message, received):
    """What a client sent, stored, exported and imported, is what was stored."""
    record = normalise(
        {**attributes, "msg": message}, received=received, peer="::1", hostname="box"
    )
    line = LineWriter().encoded([row_of(record)])
    assert line.count(b"\n") == 1
    [again], rejects = read(line)

    assert rejects == []
    assert stored(again) == stored(record)
    assert stored(StoredRecords().record(row_of(record))) == stored(record)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from([*RECORD_FIELDS, "level", "id", "x"]), TREES))
def test_any_object_becomes_a_record_or_a_reject(fields):
    """A line costs no more than itself, and what it becomes can be stored."""
    records, rejects = read(json.dumps(fields).encode() + b'\n{"msg": "behind"}')

    assert len(records) + len(rejects) == 2
    assert records[-1].message == "behind"
    for record in records:
        assert type(record.created) is float
        assert type(record.received) is float
        msgspec.json.encode([getattr(record, name) for name in RECORD_FIELDS])


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_records_or_rejects(data):
    """No bytes end the reading of a file."""
    records, _ = read(data + b'\n{"msg": "behind"}')

    assert records[-1].message == "behind"


@pytest.mark.parametrize("extra", ["[1]", "1", "{", "[" * 300_000])
def test_what_is_no_extra_is_none(extra):
    """Only an object is taken as it is."""
    assert same_extra(extra) is None


def test_a_deep_extra_is_cut_or_none():
    """How deep JSON may be to be read depends on Python; what is kept does not."""
    deep = same_extra('{"a":' * 2000 + "1" + "}" * 2000)
    assert deep is None or deep.count("{") == MAX_EXTRA_DEPTH + 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1795212397.12942", 1795212397.12942),
        ("5", 5.0),
        ("1970-01-01 00:00:05.5", 5.5),
        ("1970-01-01T01:00:00+01:00", 0.0),
        ("yesterday", None),
        ("", None),
        ("9" * 1000, None),
    ],
)
def test_times_as_text(text, expected):
    """Numbers and ISO times are known; without an offset these are UTC."""
    assert epoch(text) == expected


ROW = {"id": 1, "level": "INFO", "message": "x"}
LARGE = int("9" * 400)


@pytest.mark.parametrize("full", [False, True], ids=["some columns", "all columns"])
@pytest.mark.parametrize(
    "times",
    [
        {"received": True},
        {"received": 1e308},
        {"received": -1.0},
        {"received": LARGE},
        {"created": LARGE, "started": 1.5},
        {"created": 1.5, "started": LARGE},
        {"created": -1e308, "received": 1e308},
        {"created": 1e308, "started": -1e308},
        {"created": True, "started": True},
    ],
    ids=str,
)
def test_times_that_are_none_cost_no_record(times, full):
    """What no clock tells is left out of a record, or costs its line alone."""
    whole = dict.fromkeys(COLUMNS) | {"name": "", "levelno": 20, "hostname": ""}
    line = {**(whole if full else {}), "created": 5.0, **ROW, **times}
    records, rejects = read(json.dumps(line).encode() + b'\n{"msg": "behind"}')

    assert [record.message for record in records] == ["x", "behind"]
    assert rejects == []
    assert 0 <= records[0].received < 1e12
    assert 0 <= records[0].started < 1e12


def test_a_fault_of_ours_costs_one_line(monkeypatch):
    """A line that nobody thought of is rejected, and those behind it are read."""
    monkeypatch.setattr("collector.moving.json_lines.record_of", lambda *_, **__: 1 / 0)
    records, rejects = read(b'{"msg": "odd"}\n' + b'{"msg": "odd"}')

    assert records == []
    assert [each.reason for each in rejects] == ["internal_error"] * 2
