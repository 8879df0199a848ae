"""Fields are chosen by the names that queries know."""

import re

import pytest
from cli.rendering.rows import CREATED, PLAIN

from collector.cli.rendering.fields import (
    ALL_COLUMNS,
    SHORT_NAMES,
    Field,
    FieldReader,
    parse_fields,
)
from collector.query.log_row import LogRow


@pytest.mark.parametrize("name", [n for n in LogRow._fields if n not in SHORT_NAMES])
def test_columns(name):
    """Each column of the view goes by its own name."""
    assert parse_fields(name) == (Field(name, name),)


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("time", "time"),
        ("logger", "name"),
        ("host", "hostname"),
        ("pid", "process"),
        ("process", "process"),
        ("thread", "threadName"),
        ("tid", "thread"),
        ("task", "taskName"),
        ("file", "filename"),
        ("line", "lineno"),
        ("func", "funcName"),
        ("exc", "exc_text"),
        ("stack", "stack_info"),
        ("threadname", "threadName"),
        ("LEVEL", "level"),
    ],
)
def test_short_names(name, column):
    """Short names stand for columns, in any case, and stay the label."""
    assert parse_fields(name) == (Field(name, column),)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("user", ("user",)),
        ("user.id", ("user", "id")),
        ("extra.user.id", ("user", "id")),
        ("extra.level", ("level",)),
        ("extra.mesage", ("mesage",)),
        ("created_at", ("created_at",)),
        ("thread_id", ("thread_id",)),
        ("odd key", ("odd key",)),
    ],
)
def test_keys_of_extra(name, path):
    """All other names are paths into the extra attributes."""
    assert parse_fields(name) == (Field(name, None, path),)


def test_several():
    """Fields keep their order; spaces around names do not matter."""
    fields = parse_fields(" message , time,user.id")

    assert [field.label for field in fields] == ["message", "time", "user.id"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "a field's name is empty; write for example"),
        ("time,,level", "a field's name is empty; write for example"),
        ("extra.", "a key is missing after extra.; write for example"),
        ("mesage", "there is no field mesage; did you mean message? A key of extra"),
        ("Hostnme", "there is no field Hostnme; did you mean hostname?"),
        ("time,level,time", "the field time is named twice"),
        ("name,logger", "name and logger are the same field"),
        ("a.b,extra.a.b", "a.b and extra.a.b are the same field"),
        ("messag\x1b", "there is no field messag\\x1b; did you mean message?"),
        ("a." * 50 + "a", "a.a.a"),
    ],
)
def test_mistakes(text, reason):
    """A mistake is told with what was meant, or how to write it."""
    with pytest.raises(ValueError, match=rf"\A{re.escape(reason)}") as caught:
        parse_fields(text)

    assert len(str(caught.value)) < 200


def test_values_are_read_in_order():
    """Columns, the time and keys of extra are read from each row."""
    row = PLAIN._replace(extra='{"user":{"id":42}}')
    fields = parse_fields("user.id,time,level,created,nope,pid,extra")
    reader = FieldReader(fields, time=lambda created: ("t", created), nested=False)

    assert reader.read(row) == [
        42,
        ("t", CREATED),
        "WARNING",
        CREATED,
        None,
        4242,
        '{"user":{"id":42}}',
    ]


def test_extra_is_read_as_values_or_as_text():
    """The column `extra` is nested values where these are asked for."""
    row = PLAIN._replace(extra='{"a":1}')
    extra = (Field("extra", "extra"),)

    assert FieldReader(extra, time=str, nested=True).read(row) == [{"a": 1}]
    assert FieldReader(extra, time=str, nested=False).read(row) == ['{"a":1}']


def test_all_columns_are_the_row():
    """Reading all columns gives back the row."""
    assert FieldReader(ALL_COLUMNS, time=str, nested=False).read(PLAIN) == [*PLAIN]
