"""`logcollector tail` without -f: the newest records, the newest last."""

import json

import pytest


@pytest.fixture
def database(fill):
    """Fifty records, of which every fifth is an error of another host."""
    return fill(
        *(
            {"message": f"bad {n}", "levelno": 40, "levelname": "ERROR",
             "hostname": "web2", "name": "other"}
            if n % 5 == 0
            else {"message": f"good {n}"}
            for n in range(1, 51)
        )
    )  # fmt: skip


@pytest.fixture
def ids(run):
    """Runs tail and returns the ids it shows, in order."""

    def shown(database, *arguments):
        result = run(
            "tail", "--db", database, "-o", "jsonl", "--fields", "id", *arguments
        )
        assert (result.exit_code, result.stderr) == (0, "")
        return [json.loads(line)["id"] for line in result.stdout.splitlines()]

    return shown


def test_the_newest_are_shown_last(database, ids):
    """Twenty records are shown, or as many as asked for, in the order of time."""
    assert ids(database) == list(range(31, 51))
    assert ids(database, "-n", 3) == [48, 49, 50]
    assert ids(database, "--lines", 1) == [50]
    assert ids(database, "-n", 1000) == list(range(1, 51))
    assert ids(database, "-n", 0) == []


@pytest.mark.parametrize(
    "filters",
    [
        ["--level", "error"],
        ["--host", "web2"],
        ["--logger", "other"],
        ["--grep", "BAD"],
        ["bad"],
        ["--", "-good"],
        ["--level", "warning", "host:web2", "bad"],
    ],
    ids=str,
)
def test_filters(database, ids, filters):
    """Of the records that are asked for, the newest are shown."""
    assert ids(database, "-n", 3, *filters) == [40, 45, 50]


def test_as_query_shows_them(run, database):
    """In every format it shows what `query --newest-last` does."""
    for output_format in ("text", "table", "json", "jsonl", "csv"):
        shown = ["--db", database, "-n", 7, "-o", output_format, "--utc"]
        tailed, queried = run("tail", *shown), run("query", "--newest-last", *shown)
        assert tailed.exit_code == 0
        assert tailed.stdout == queried.stdout
        assert tailed.stdout.count("bad 50") == 1


def test_tracebacks_are_indented(run, fill):
    """What belongs to a record stands below it, marked, and is not for another."""
    database = fill({"exc_text": "Traceback:\n  ValueError"}, {"message": "after"})
    first, *below, last = run("tail", "--db", database).stdout.splitlines()

    assert first.endswith("hello")
    assert below == ["    | Traceback:", "    |   ValueError"]
    assert last.endswith("after")


@pytest.mark.parametrize(
    ("output_format", "shown"),
    [("text", ""), ("json", "[]\n"), ("jsonl", ""), ("csv", "id\n"), ("table", "id\n")],
)
def test_without_records(run, fill, output_format, shown):
    """An empty database makes empty but whole output."""
    result = run("tail", "--db", fill(), "-o", output_format, "--fields", "id")

    assert (result.exit_code, result.stdout, result.stderr) == (0, shown, "")


def test_huge_numbers_of_lines(database, ids):
    """No number of lines is too large."""
    assert len(ids(database, "-n", 10**25)) == 50


def test_following_something_else_than_a_database(run, tmp_path):
    """-f waits for a database that is missing, not for one that is another's."""
    text = tmp_path / "text.sqlite"
    text.write_text("no database\n" * 1000)
    result = run("tail", "-f", "--db", text)

    assert result.exit_code == 2
    assert "not a database" in result.stderr
