"""Whatever a row holds, it is shown, safely and without loss of its place."""

import csv
import io
import json
import math

import pytest
from cli.rendering.rows import (
    BERLIN,
    PLAIN,
    controls,
    hostile_rows,
    sound_rows,
    texts,
    uncoloured,
    values,
    whole,
)
from hypothesis import given
from hypothesis import strategies as st

from collector.cli.rendering.extras import decoded
from collector.cli.rendering.fields import parse_fields
from collector.cli.rendering.formats import FORMATS, renderer
from collector.cli.rendering.printable import lines_kept
from collector.query.log_row import LogRow

FIELDS = (None, parse_fields("time,level,a,b.c,message,extra,exc,created,tid"))
extras = st.dictionaries(st.sampled_from("ab") | texts, values, max_size=3).map(
    lambda value: json.dumps(value, ensure_ascii=False)
)
any_rows = sound_rows | hostile_rows
rows_with_extra = st.builds(
    lambda row, extra: row._replace(extra=extra), any_rows, extras
)


def rendered(output_format, rows, *, fields=None, color=False, width=100):
    return whole(
        renderer(
            output_format,
            fields=fields,
            zone=BERLIN,
            color=color,
            width=width,
            needles=["a", "|", "m"],
        ),
        rows,
    )


@pytest.mark.parametrize("output_format", FORMATS)
@given(
    rows=st.lists(any_rows | rows_with_extra, min_size=1, max_size=2),
    fields=st.sampled_from(FIELDS),
    color=st.booleans(),
)
def test_nothing_steers_the_terminal(output_format, rows, fields, color):
    """No control character is written but newlines, tabs and our own colours."""
    text = uncoloured(rendered(output_format, rows, fields=fields, color=color))

    assert controls(text, allowed="\n\t") == set()
    assert text.endswith("\n")
    assert text.encode()


@given(rows=st.lists(any_rows, max_size=3), fields=st.sampled_from(FIELDS))
def test_no_line_passes_for_a_record(rows, fields):
    """In text, each record is one line; all other lines are marked."""
    lines = rendered("text", rows, fields=fields).split("\n")
    unmarked = [line for line in lines[:-1] if not line.startswith("    | ")]

    assert lines[-1] == ""
    assert len(unmarked) == len(rows)


@given(row=sound_rows, extra=extras)
def test_json_lines_are_the_row(row, extra):
    """A record is one line of JSON, and its values are the row's."""
    row = row._replace(extra=extra)
    text = rendered("jsonl", [row])

    assert text.count("\n") == 1
    read = json.loads(text)
    expected = {**row._asdict(), "extra": decoded(extra)}
    assert read == expected
    assert list(read) == list(LogRow._fields)


@given(rows=st.lists(any_rows | rows_with_extra, max_size=3))
def test_json_is_json(rows):
    """The array and the lines hold the same objects, whatever the rows."""
    lines = rendered("jsonl", rows).splitlines(keepends=True)

    def refused(constant):
        raise AssertionError(constant)

    objects = [json.loads(line, parse_constant=refused) for line in lines]
    assert len(objects) == len(rows)
    assert json.loads(rendered("json", rows), parse_constant=refused) == objects


@given(rows=st.lists(sound_rows | rows_with_extra, min_size=1, max_size=3))
def test_csv_is_the_row(rows):
    """Read back, each cell is the row's text, made visible and perhaps guarded."""
    header, *read = csv.reader(io.StringIO(rendered("csv", rows), newline=""))

    assert header == list(LogRow._fields)
    assert len(read) == len(rows)
    for row, cells in zip(rows, read, strict=True):
        for value, cell in zip(row, cells, strict=True):
            if isinstance(value, int | float):
                assert type(value)(cell) == value or math.isnan(value)
            else:
                shown = lines_kept(value)
                assert cell in (shown, f"'{shown}")
                assert not cell.lstrip().startswith(tuple("=+-@＝＋－＠"))


@pytest.mark.parametrize("output_format", FORMATS)
@pytest.mark.parametrize("char", ["x", "\n", "世", "\x1b", "\x9b", "'", '"'])
def test_large_records(output_format, char):
    """A message of 200,000 characters is shown like any other."""
    row = LogRow(1, 0.0, "n", 20, "INFO", "m" + char * 200_000, "h")
    text = rendered(output_format, [row], color=True)

    assert controls(uncoloured(text), allowed="\n\t") == set()


@pytest.mark.parametrize("output_format", [f for f in FORMATS if f != "table"])
def test_only_tables_are_held_back(output_format):
    """In all other formats a record is written at once."""
    made = renderer(output_format, fields=None, zone=BERLIN, color=False, width=80)
    made.begin()

    assert "connection refused" in made.row(PLAIN)
    assert made.flush() == ""


def test_unknown_formats():
    """A format that is not known is told with those that are."""
    with pytest.raises(ValueError, match="no format xml; known: text, table, jsonl"):
        renderer("xml", fields=None, zone=BERLIN, color=False, width=80)
