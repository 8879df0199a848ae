"""docs/query.md says what the language is."""

import re
from pathlib import Path

import pytest

from collector.errors import QueryError
from collector.query.fields import FIELD_NAMES
from collector.query.parser import MAX_LEVELS, MAX_TERMS
from collector.query.patterns import MAX_PATTERN_CHARS
from collector.query.tree import Everything, Regex, Text

# Of the language; what is behind it is of the commands that take it.
PAGE = (
    (Path(__file__).parents[2] / "docs" / "query.md")
    .read_text(encoding="utf-8")
    .partition("## The commands")[0]
)


def examples() -> list[str]:
    """Return the last cells of tables, and what is indented."""
    tables = re.findall(r"^\|.*\| ([^|]*(?:`[^`]*`)[^|]*)\|$", PAGE, re.MULTILINE)
    forms = [cell for cell in tables if cell.startswith("`")]
    found = [code for cell in forms for code in re.findall(r"`([^`]+)`", cell)]
    return [*found, PAGE.split("\n    ")[1].split("\n")[0]]


def prose() -> list[str]:
    """Return the code in what is no table and no block."""
    text = "\n".join(
        line for line in PAGE.splitlines() if not line.startswith(("|", "    "))
    )
    # What is indeed code, but a part of a query or a record.
    parts = {
        "*",
        ":",
        "=",
        "!=",
        "<",
        ">",
        "-",
        r"\"",
        "\\\\",
        r"\/",
        r"\*",
        "until:",
        "has:",
    }
    return [
        code
        for code in re.findall(r"`([^`]+)`", text)
        if code not in parts and not code.startswith(("{", "AND", "OR", "NOT"))
    ]


def test_examples_are_found():
    """The page has examples, of all kinds."""
    assert len(examples()) > 25
    assert {"timeout", "/time(d )?out/", "since:1d12h", "-retry"} <= set(examples())
    assert len(prose()) > 25


@pytest.mark.parametrize("example", [*examples(), *prose()])
def test_examples_are_queries(read, example):
    """Each example of the page is a query that says something."""
    assert read(example) != Everything()


@pytest.mark.parametrize(
    "word",
    [
        "100%",
        "foo*",
        "main()",
        "http://host/x",
        "std::map",
        "C:\\temp",
        "12:30:05",
        "--verbose",
        "a->b",
        "ValueError:",
        "/var/log/app.log",
    ],
)
def test_what_the_page_calls_words_are_words(read, word):
    """What looks special and is called a word is one text."""
    assert word in prose()
    assert read(word) == Text(word)


def test_regular_expressions_are_such(read):
    """The examples between slashes are regular expressions."""
    assert [read(code) for code in examples() if code.startswith("/")] == [
        Regex("time(d )?out")
    ]
    assert read(r"/GET \/api\/v[12]/") == Regex(r"GET \/api\/v[12]")


def test_all_fields_are_documented():
    """Each field has its row, or is said to be a column of the view."""
    named = set(re.findall(r"`(\w+)[`:]", PAGE))
    columns = {"processName", "threadName", "taskName", "funcName", "pathname"}
    columns |= {"name", "levelno", "filename", "lineno", "hostname", "exc_text"}
    columns |= {"stack_info"}

    assert set(FIELD_NAMES) <= named | columns


def test_limits_are_as_documented():
    """The page gives the limits that there are."""
    assert f"at most {MAX_TERMS} terms" in PAGE
    assert f"at most {MAX_LEVELS} brackets" in PAGE
    assert f"at most {MAX_PATTERN_CHARS:,} characters" in PAGE


def test_the_mistake_is_shown_as_documented(read):
    """What the page shows for a mistake is what is said of it."""
    block = PAGE.split("## Mistakes")[1].split("\n\n")[2]
    shown = "\n".join(line[4:] for line in block.splitlines())
    with pytest.raises(QueryError) as caught:
        read("level>=wrning host:web1")

    assert str(caught.value) == shown
