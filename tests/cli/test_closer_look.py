"""Commands to paste find what they say, whatever names there are."""

import shlex
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.cli.closer_look import CloserLook, term
from collector.query.log_row import LogRow
from collector.query.parser import parse
from collector.query.predicate import predicate

NO_MORE = CloserLook(None, (), "")

# Bytes of names that are there have been made UTF-8.
names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


def row(**values):
    return LogRow(
        **{
            "id": 1, "created": 0.0, "name": "x", "levelno": 20, "level": "INFO",
            "message": "", "hostname": "h", **values,
        }
    )  # fmt: skip


def test_a_command():
    """It names the time, what is told, and the database that was given."""
    look = CloserLook("my logs.sqlite", (), "")
    command = look.records(logger="shop.db", file="db.py", line=17, func=None)

    assert command == (
        "logcollector query 'logger=shop.db file=db.py line=17' --db 'my logs.sqlite'"
    )
    assert NO_MORE.error("ab12") == "logcollector errors show ab12"


def test_flags_and_queries_stay():
    """What was asked for is asked for again, but for the times."""
    look = CloserLook.of(
        {
            "level": "error", "host": "web*", "logger": None, "since": "2h",
            "texts": ("a b",), "words": ("x", "OR y"), "database": None,
        }
    )  # fmt: skip
    command = look.records(logger="z", since="2026-11-28T10:00:00Z")

    assert shlex.split(command) == [
        "logcollector", "query", "--level", "error", "--host", "web*", "--grep", "a b",
        "logger=z since:2026-11-28T10:00:00Z (x OR y)",
    ]  # fmt: skip


@given(name=names, other=names)
def test_a_name_is_found_by_its_command(name, other):
    """The query in it matches that name, and no other one."""
    command = NO_MORE.records(logger=name)
    if command is None:
        return
    _, _, query = shlex.split(command)
    holds = predicate(parse(query, now=0.0, zone=UTC))

    assert holds(row(name=name))
    assert holds(row(name=other)) == (name == other)


@pytest.mark.parametrize("name", ["a\x1b[31m", "a\nb", "a\u202eb", "a\x00b"])
def test_what_cannot_be_pasted_is_no_command(name):
    """A name with control characters in it would be another one when pasted."""
    assert NO_MORE.records(logger=name) is None


@pytest.mark.parametrize(
    "name", ["$(reboot)", "`id`", "a;b", "it's", 'a"b', "a\\b", "*"]
)
def test_shells_run_nothing(name):
    """What a shell would do something with is quoted."""
    assert shlex.split(NO_MORE.records(logger=name))[2] == term("logger", name)
