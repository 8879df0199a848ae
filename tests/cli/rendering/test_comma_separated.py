"""CSV: read back by any reader, taken for a formula by none."""

import csv
import io
from datetime import UTC

import pytest
from cli.rendering.rows import BERLIN, PLAIN, whole

from collector.cli.rendering.comma_separated import CsvRenderer
from collector.cli.rendering.fields import ALL_COLUMNS, parse_fields
from collector.query.log_row import LogRow


def rendered(row, names, zone=BERLIN):
    return whole(CsvRenderer(parse_fields(names), zone=zone), [row])


def cell(message):
    text = rendered(PLAIN._replace(message=message), "message,id")
    (_, row) = csv.reader(io.StringIO(text, newline=""))
    assert row[1] == "7"
    return row[0]


def test_all_columns():
    """The header names the columns; what is not known is empty."""
    text = whole(CsvRenderer(ALL_COLUMNS, zone=BERLIN), [PLAIN])

    assert text == (
        f"{','.join(LogRow._fields)}\n"
        "7,1795166130.123,myapp.db,30,WARNING,connection refused,web1,4242"
        ",,,,,,,,,,,,,,1795166130.373\n"
    )


def test_chosen_fields():
    """The header is as asked for; the time is ISO 8601; nested values are JSON."""
    row = PLAIN._replace(extra='{"user":{"id":42},"ok":true}')

    assert rendered(row, "time,host,user,user.id,ok,extra", UTC) == (
        "time,host,user,user.id,ok,extra\n"
        '2026-11-20T09:15:30.123Z,web1,"{""id"":42}",42,true,'
        '"{""user"":{""id"":42},""ok"":true}"\n'
    )


def test_quoting():
    """Commas, quotes and newlines are within quotes."""
    row = PLAIN._replace(message='a,"b"\nc')

    assert rendered(row, "message") == 'message\n"a,""b""\nc"\n'


@pytest.mark.parametrize(
    "message",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\tx",
        "  =1",
        "\n=1",
        "\u3000\u00a0@x",
        "＝1+1",
        "＋1",
        "－1",
        "＠x",
    ],
)
def test_formulas(message):
    """What a spreadsheet would compute gets an apostrophe before it."""
    assert cell(message) == f"'{message}"


@pytest.mark.parametrize("message", ["a=1", "x -1", "'=1", "", " ", "1-2", "é"])
def test_plain_texts(message):
    """All else is as it was."""
    assert cell(message) == message


def test_a_carriage_return_is_made_visible():
    """It can't begin a cell, nor end a row."""
    assert cell("\r=1") == "\\x0d=1"


def test_numbers_of_ours():
    """A negative number is a number; a text that looks like one is guarded."""
    row = PLAIN._replace(levelno=-5, created=-1.5, extra='{"n":-7,"s":"-7"}')

    assert rendered(row, "levelno,created,n,s") == (
        "levelno,created,n,s\n-5,-1.5,-7,'-7\n"
    )


def test_the_header_is_guarded_too():
    """A key that is asked for is no formula either."""
    assert rendered(PLAIN, "id,extra.x,=1").startswith("id,extra.x,'=1\n")
