"""JSON: the row's values, one object a line, safe on a terminal."""

import json
from datetime import UTC

import pytest
from cli.rendering.rows import BERLIN, CREATED, PLAIN, controls, whole

from collector.cli.rendering import fields as rendering_fields
from collector.cli.rendering.fields import ALL_COLUMNS, parse_fields
from collector.cli.rendering.json_documents import (
    JsonArrayRenderer,
    JsonLinesRenderer,
)
from collector.query.log_row import LogRow


def line(row, fields=ALL_COLUMNS, zone=BERLIN):
    return whole(JsonLinesRenderer(fields, zone=zone), [row])


def test_a_line_is_the_row():
    """All columns are there, null where not known; extra is an object."""
    row = PLAIN._replace(extra='{"user":{"id":42}}')

    assert json.loads(line(row)) == {
        **dict.fromkeys(LogRow._fields),
        "id": 7,
        "created": CREATED,
        "name": "myapp.db",
        "levelno": 30,
        "level": "WARNING",
        "message": "connection refused",
        "hostname": "web1",
        "process": 4242,
        "extra": {"user": {"id": 42}},
        "received": CREATED + 0.25,
    }


def test_chosen_fields():
    """Keys are as asked for, in that order; the time is ISO 8601."""
    fields = parse_fields("time,logger,user.id,nope")
    row = PLAIN._replace(extra='{"user":{"id":42}}')

    assert line(row, fields) == (
        '{"time":"2026-11-20T10:15:30.123+01:00","logger":"myapp.db",'
        '"user.id":42,"nope":null}\n'
    )
    assert '"2026-11-20T09:15:30.123Z"' in line(row, fields, UTC)


def test_characters_that_steer_terminals():
    """They are written as JSON escapes; others stay readable."""
    row = PLAIN._replace(message="é世\x1b\x7f\x9b\u202e\n", extra='{"\u009b":"\x7f"}')
    text = line(row, parse_fields("message,extra"))

    assert text == (
        '{"message":"é世\\u001b\\u007f\\u009b\\u202e\\n",'
        '"extra":{"\\u009b":"\\u007f"}}\n'
    )
    assert json.loads(text)["message"] == row.message


@pytest.mark.parametrize("created", [float("nan"), float("inf"), -float("inf")])
def test_what_json_has_no_number_for(created):
    """What is no number is null."""
    text = line(PLAIN._replace(created=created), parse_fields("created,time"))

    assert text == '{"created":null,"time":null}\n'


def test_extra_that_is_no_json():
    """Such an extra is shown as the text it is, on one line."""
    text = line(PLAIN._replace(extra="{broken\n"), parse_fields("extra"))

    assert text == '{"extra":"{broken\\n"}\n'


def test_extra_is_put_on_one_line():
    """However its JSON is laid out, a record is one line."""
    text = line(PLAIN._replace(extra='{\n  "a": [\n1]\r\n}'), parse_fields("extra"))

    assert text == '{"extra":{"a":[1]}}\n'


def test_lone_surrogates():
    """What UTF-8 can't hold is escaped, and the line can be written."""
    row = PLAIN._replace(message="a\ud800é", extra='{"k":[1]}')
    text = line(row, parse_fields("message,id,extra"))

    assert json.loads(text.encode()) == {
        "message": "a\\ud800é",
        "id": 7,
        "extra": {"k": [1]},
    }


def test_deep_nesting():
    """However deep an extra is, its record is a line of JSON."""
    fields = parse_fields("id,extra,k")
    kinds = set()
    # Somewhere between these depths reading, and before it writing, gives up.
    for depth in [*range(1, 1200), 100_000]:
        extra = '{"k":' * depth + "1" + "}" * depth
        text = line(PLAIN._replace(extra=extra), fields)
        kinds.add(text[:17])
        assert text.endswith("}\n")
        assert text.count("\n") == 1
        assert text.startswith(('{"id":7,"extra":{"k":', '{"id":7,"extra":"{\\"k'))

    assert len(kinds) == 2


def test_an_array():
    """The array has an element a line."""
    renderer = JsonArrayRenderer(parse_fields("id"), zone=BERLIN)
    rows = [PLAIN, PLAIN._replace(id=8)]

    assert whole(renderer, rows) == '[\n{"id":7},\n{"id":8}\n]\n'


def test_an_empty_array():
    """Without rows it is an empty array."""
    assert whole(JsonArrayRenderer(ALL_COLUMNS, zone=BERLIN), []) == "[]\n"


def test_json_is_safe_on_a_terminal():
    """No control or bidi character is written raw."""
    message = "".join(map(chr, range(0x20FF)))

    assert controls(line(PLAIN._replace(message=message)), allowed="\n") == set()


def test_what_can_be_read_but_not_written(monkeypatch):
    """An extra that only its reader could follow is shown as its text."""
    deep = []
    for _ in range(100_000):
        deep = [deep]
    monkeypatch.setattr(rendering_fields, "decoded", lambda extra: deep)

    assert line(PLAIN._replace(extra="[[]]"), parse_fields("id,extra")) == (
        '{"id":7,"extra":"[[]]"}\n'
    )
