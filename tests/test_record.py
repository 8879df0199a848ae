"""Attributes of any kind, made a Record that any row can hold."""

from __future__ import annotations

import json
import logging
import math
import sqlite3
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from collector.errors import DecodeError
from collector.record import (
    INT64_MAX,
    INT64_MIN,
    RECORD_FIELDS,
    Record,
    level_name,
    normalise,
)
from collector.storable import MAX_EXTRA_DEPTH, clean

RECEIVED = 1_800_000_000.25
OWN = list(vars(logging.makeLogRecord({})))
REALS = ("created", "received", "started", "relativeCreated")
INTEGERS = ("levelno", "process", "thread", "lineno")
OPTIONAL = ("taskName", "exc_text", "stack_info", "extra")
TEXTS = [f for f in RECORD_FIELDS if f not in REALS + INTEGERS + OPTIONAL]


def made(**attributes: object) -> Record:
    attributes.setdefault("msg", "hello")
    return normalise(attributes, received=RECEIVED, peer="::1", hostname="box")


def extra_of(**attributes: object) -> dict[str, object]:
    return json.loads(made(**attributes).extra or "{}")


def repaired(**attributes: object) -> dict[str, object]:
    return extra_of(**attributes).get("_repaired", {})


@pytest.fixture(scope="module")
def database():
    columns = [f"{f} REAL NOT NULL" for f in REALS]
    columns += [f"{f} INTEGER NOT NULL" for f in INTEGERS]
    columns += [f"{f} TEXT NOT NULL" for f in TEXTS] + [f"{f} TEXT" for f in OPTIONAL]
    strict = "STRICT" if sqlite3.sqlite_version_info >= (3, 37) else ""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute(f"CREATE TABLE records ({','.join(columns)}) {strict}")
    yield connection
    connection.close()


def assert_storable(record: Record, database: sqlite3.Connection) -> None:
    """SQLite gives back what it was given, UTF-8 and JSON take it."""
    values = [getattr(record, field) for field in RECORD_FIELDS]
    names = ",".join(RECORD_FIELDS)
    marks = ",".join("?" * len(values))
    database.execute(f"INSERT INTO records ({names}) VALUES ({marks})", values)
    row = database.execute(f"SELECT {names} FROM records").fetchone()
    database.execute("DELETE FROM records")
    assert list(row) == values
    for value in values:
        if isinstance(value, str):
            assert "\0" not in value
            value.encode("utf-8")
        elif isinstance(value, float):
            assert math.isfinite(value)
    if record.extra is not None:
        assert isinstance(json.loads(record.extra, parse_constant=pytest.fail), dict)


def test_stock_record_is_kept_as_it_is():
    """A record with nothing odd has its attributes, and no extra."""
    own = logging.LogRecord("app.db", 30, "/srv/db.py", 7, "slow", (), None, "query")
    attributes = {**vars(own), "args": None}
    record = normalise(attributes, received=RECEIVED, peer="::1", hostname="box")
    for name in ("name", "levelno", "levelname", "pathname", "filename", "module",
                 "lineno", "funcName", "created", "thread", "threadName", "process",
                 "processName", "relativeCreated"):  # fmt: skip
        assert getattr(record, name) == getattr(own, name)
    assert record.message == "slow"
    assert (record.peer, record.hostname, record.received) == ("::1", "box", RECEIVED)
    assert (record.taskName, record.exc_text, record.stack_info) == (None, None, None)
    assert record.extra is None


def test_message_alone_is_enough():
    """Everything but the message may be missing."""
    record = made()
    assert record.created == RECEIVED
    assert (record.name, record.levelno, record.levelname) == ("", 0, "NOTSET")
    assert (record.process, record.thread, record.lineno) == (0, 0, 0)
    assert record.extra is None


@pytest.mark.parametrize("attributes", [{}, {"name": "app"}, {"x": 1, "args": [1]}])
def test_no_message_is_refused(attributes):
    """What has neither msg nor message is no log record."""
    with pytest.raises(DecodeError) as caught:
        normalise(attributes, received=RECEIVED, peer="", hostname="")
    assert caught.value.reason == "no_message"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", ""),
        (None, "None"),
        (True, "True"),
        (5, "5"),
        (1.5, "1.5"),
        (float("nan"), "nan"),
        ([1, "a"], '[1,"a"]'),
        ({"a": None}, '{"a":null}'),
        ("a\0b", "a\\0b"),
        ("a\ud800b", "a\\ud800b"),
        ("größe \U0001f600", "größe \U0001f600"),
        ("%s %d {}", "%s %d {}"),
    ],
)
def test_message_of_any_type_is_text(value, message):
    """The message is the value's text, never formatted."""
    assert made(msg=value).message == message
    record = normalise({"message": value}, received=1.0, peer="", hostname="")
    assert record.message == message


def test_message_of_a_megabyte_is_intact():
    """Long messages are neither cut nor changed, ASCII or not."""
    for character in ("x", "é", "\U0001f600", "\n"):
        message = character * 1_000_000
        assert made(msg=message).message == message


def test_huge_numbers_as_message_are_bounded():
    """A number with more digits than anyone reads is shown in part."""
    assert made(msg=1 << 1000).message == str(1 << 1000)
    assert len(made(msg=1 << 100_000).message) < 1000


@pytest.mark.parametrize("created", [0, 0.0, 1.5, 1_700_000_000, 253402300799.5])
def test_created_in_range_is_taken(created):
    """Seconds since 1970 as far as the year 9999 are a record's time."""
    assert made(created=created).created == created
    assert repaired(created=created) == {}


@pytest.mark.parametrize(
    ("created", "told"),
    [
        (-1, -1),
        (253402300800.0, 253402300800.0),
        (1e308, 1e308),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (1 << 63, str(1 << 63)),
        ("yesterday", "yesterday"),
        ([1], [1]),
        (None, None),
    ],
)
def test_created_out_of_range_is_the_time_of_receipt(created, told):
    """A time that cannot be is replaced by the time of receipt, and told."""
    record = made(created=created)
    assert record.created == RECEIVED
    assert json.loads(record.extra) == {"_repaired": {"created": told}}


@pytest.mark.parametrize(
    "value", [1 << 5000, -(1 << 5000), float("nan"), "1", [], 1e300]
)
def test_odd_numbers_never_fail(value):
    """Numbers of any size or type in any attribute give a record."""
    record = made(**dict.fromkeys(OWN, value))
    assert isinstance(record, Record)
    assert record.relativeCreated == 0.0


def test_start_of_the_process_is_told_from_both_times():
    """Created less relativeCreated is when the process began, if known."""
    assert made(created=1000.0, relativeCreated=250.0).started == 999.75
    assert made(created=1000.0, relativeCreated=1e9).started == 0.0
    assert made(created=1000.0).started == 0.0


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"levelno": 20}, (20, "INFO")),
        ({"levelno": 25}, (25, "Level 25")),
        ({"levelno": 20, "levelname": "NOTICE"}, (20, "NOTICE")),
        ({"levelno": "20"}, (20, "INFO")),
        ({"levelno": 20.0}, (20, "INFO")),
        ({"levelname": "ERROR"}, (40, "ERROR")),
        ({"levelname": "warn"}, (30, "WARNING")),
        ({"levelname": "fatal"}, (50, "CRITICAL")),
        ({"levelname": "NOTICE"}, (0, "NOTICE")),
        ({"levelno": -5}, (-5, "Level -5")),
    ],
)
def test_level_by_number_or_name(attributes, expected):
    """A level has both a number and a name, whichever was sent."""
    record = made(**attributes)
    assert (record.levelno, record.levelname) == expected


def test_level_names_are_those_of_logging():
    """Numbers are named as logging names them by default."""
    for number in range(-5, 60):
        assert level_name(number) == logging.getLevelName(number)


@pytest.mark.parametrize("name", ["process", "thread", "lineno", "levelno"])
@pytest.mark.parametrize(
    ("value", "kept", "told"),
    [
        (INT64_MAX, INT64_MAX, {}),
        (INT64_MIN, INT64_MIN, {}),
        (True, 1, {}),
        ("12", 12, {}),
        (" -12 ", -12, {}),
        ("+7", 7, {}),
        (7.0, 7, {}),
        (1 << 63, 0, str(1 << 63)),
        (-(1 << 64), 0, str(-(1 << 64))),
        ("99999999999999999999", 0, "99999999999999999999"),
        ("+-5", 0, "+-5"),
        ("--5", 0, "--5"),
        ("-", 0, "-"),
        ("", 0, ""),
        ("²", 0, "²"),
        ("twelve", 0, "twelve"),
        (float("inf"), 0, "inf"),
        ([1], 0, [1]),
    ],
)
def test_integers_fit_into_64_bits(name, value, kept, told):
    """What is no 64-bit number is 0, and told as it was sent."""
    assert getattr(made(**{name: value}), name) == kept
    assert repaired(**{name: value}).get(name, {}) == told


@pytest.mark.parametrize(
    ("name", "bound"),
    [(n, 512) for n in ("name", "levelname", "processName", "threadName", "taskName",
                        "filename", "module", "funcName")] + [("pathname", 4096)],
)  # fmt: skip
def test_names_are_bounded_texts(name, bound):
    """Names of any length and type become short texts, told when changed."""
    assert getattr(made(**{name: "n" * bound}), name) == "n" * bound
    assert getattr(made(**{name: "n" * (bound + 1)}), name) == "n" * bound + "…"
    assert repaired(**{name: "n" * 9000}) == {name: "n" * 9000}
    assert getattr(made(**{name: ["a", 1]}), name) == '["a",1]'
    assert repaired(**{name: ["a", 1]}) == {name: ["a", 1]}
    assert getattr(made(**{name: "a\0\ud800"}), name) == "a\\0\\ud800"
    assert len(getattr(made(**{name: "\0" * 5000}), name)) <= 2 * bound + 1


@pytest.mark.parametrize(
    ("attributes", "hostname"),
    [
        ({}, "box"),
        ({"hostname": "web1"}, "web1"),
        ({"host": "web2"}, "web2"),
        ({"hostname": "web1", "host": "web2"}, "web1"),
        ({"hostname": ""}, "box"),
        ({"hostname": None, "host": None}, "box"),
        ({"hostname": 5}, "box"),
        ({"hostname": "a\0\ud800"}, "a\\0\\ud800"),
        ({"hostname": "h" * 300}, "h" * 255),
    ],
)
def test_hostname_of_the_record_goes_first(attributes, hostname):
    """A host's name in the record counts, else the one that was looked up."""
    assert made(**attributes).hostname == hostname


def test_hostname_of_another_type_is_not_lost():
    """A hostname that is no text is kept among the extras."""
    assert "web1" in (made(hostname=["web1"]).extra or "")


@pytest.mark.parametrize("name", ["exc_text", "stack_info"])
def test_traces_are_kept_whole(name):
    """Tracebacks and stacks of any length are text; empty ones are none."""
    trace = "Traceback\n" + "  é\n" * 50_000
    assert getattr(made(**{name: trace}), name) == trace
    assert getattr(made(**{name: ""}), name) is None
    assert getattr(made(**{name: "a\0"}), name) == "a\\0"
    assert getattr(made(**{name: ["a"]}), name) == '["a"]'


def test_task_name():
    """The task's name, where there is one, is its own field."""
    assert made(taskName="Task-1").taskName == "Task-1"
    assert made(taskName=None).taskName is None
    assert made(taskName="").taskName is None
    assert made(taskName="Task-1").extra is None


def test_own_attributes_are_no_extras():
    """What LogRecord and formatters set themselves never shows up as extra."""
    own = logging.LogRecord("app", 20, "/a.py", 1, "hi %s", ("x",), None)
    logging.Formatter("%(asctime)s %(message)s").format(own)
    attributes = {**vars(own), "args": None, "taskName": "T", "hostname": "h"}
    assert {"asctime", "message"} <= attributes.keys()
    assert made(**attributes).extra is None


def test_args_are_kept_and_never_formatted():
    """Arguments that a client sends beside its message are extras."""
    record = made(msg="%s and %1000000000d", args=["a", 1])
    assert record.message == "%s and %1000000000d"
    assert json.loads(record.extra) == {"args": ["a", 1]}
    assert made(args=None, exc_info=None).extra is None
    assert made(args=[]).extra is None
    assert extra_of(exc_info=["ValueError", "no"]) == {"exc_info": ["ValueError", "no"]}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (True, True),
        (5, 5),
        (INT64_MIN, INT64_MIN),
        (1 << 63, str(1 << 63)),
        (1.5, 1.5),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
        ("", ""),
        ("a\0\ud800", "a\\0\\ud800"),
        ([1, [2, {}]], [1, [2, {}]]),
        ({"a": {"\0": "\udfff"}}, {"a": {"\\0": "\\udfff"}}),
        ({"": 1}, {"": 1}),
    ],
)
def test_extras_of_every_kind(value, shown):
    """Extra attributes keep their type where JSON has it, else become text."""
    assert extra_of(user=value, other=1) == {"user": shown, "other": 1}


def test_names_of_extras_are_clean():
    """Names of extra attributes are valid text too."""
    assert extra_of(**{"\0": 1, "\ud800": 2, "": 3}) == {"\\0": 1, "\\ud800": 2, "": 3}
    assert len(next(iter(extra_of(**{"n" * 9000: 1})))) <= 513


def test_extras_are_bounded_together():
    """All extras of a record together have a bounded size and number."""
    many = made(**{f"x{i}": "y" * 100_000 for i in range(60)})
    assert len(many.extra) < 4 * 1024 * 1024
    assert len(made(x=[[0] * 100 for _ in range(1000)]).extra) < 200_000
    shared = "z" * 1_000_000
    assert len(made(x=[shared] * 1000).extra) < 4 * 1024 * 1024


def test_extras_are_bounded_in_depth(database):
    """What is nested deeper than SQLite's JSON functions can read is cut off."""
    deep: object = [1]
    for _ in range(2 * MAX_EXTRA_DEPTH):
        deep = {"a": deep}
    extra = made(deep=deep).extra

    kind = database.execute("SELECT json_type(?, '$.deep.a')", (extra,)).fetchone()
    assert kind == ("object",)
    assert extra.count("{") == MAX_EXTRA_DEPTH + 1
    assert extra.rstrip("}").endswith('{"a":"…"')


def test_names_of_extras_count():
    """Long names of many attributes are within the same bound."""
    long_names = {f"{i}" + "k" * 600: 0 for i in range(24_000)}
    assert len(made(**long_names).extra) < 4 * 1024 * 1024


def test_clean_leaves_good_text_alone():
    """Only NUL and lone surrogates are replaced."""
    for text in ("", "a", "é\U0001f600", "\x01\x1b\u202e"):
        assert clean(text) is text
    assert clean("\0" * 3) == "\\0" * 3
    huge = "\0\ud800" * 1_000_000
    assert len(clean(huge)) <= len(huge)


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(1 << 2000), 1 << 2000),
    st.floats(),
    st.text(st.characters(), max_size=20),
    st.text("+-_0123456789 .e", max_size=24),
    st.sampled_from(["\ud800", "\0", "x" * 6000, "٣", "1" * 20, "NaN", "INFO"]),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(st.characters(), max_size=6), inner, max_size=4),
    ),
    max_leaves=10,
)
NAMES = st.one_of(
    st.sampled_from([*OWN, "message", "hostname", "host", "asctime", "taskName"]),
    st.text(st.characters(), max_size=8),
)


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(NAMES, TREES, max_size=10))
@example({"msg": "x", "_repaired": 1, "process": "x"})
def test_any_attributes_give_a_storable_record(database, attributes):
    """Whatever the attributes are, every row can hold the record."""
    try:
        record = normalise(attributes, received=RECEIVED, peer="p", hostname="h")
    except DecodeError as error:
        assert error.reason == "no_message"  # noqa: PT017
        assert "msg" not in attributes
        assert "message" not in attributes
    else:
        assert_storable(record, database)
        assert 0.0 <= record.created < 253402300800.0
        time.gmtime(record.created)
