"""`logcollector errors`: groups that are right, in every format, safe to print."""

import json
import re
import sqlite3
from contextlib import closing
from datetime import UTC

import pytest

from collector.cli.rendering.error_texts import ErrorTexts
from collector.store.error_groups import ErrorGroup, Timeline

START = 1_700_000_000.0
DAY = 86_400


def traceback_of(kind="ValueError", message="boom", function="load", line=7):
    return (
        "Traceback (most recent call last):\n"
        f'  File "/srv/shop/shop/db.py", line {line}, in {function}\n'
        "    raise\n"
        f"{kind}: {message}"
    )


@pytest.fixture
def database(fill):
    """Seven errors of three groups, on two hosts and two days, and other records."""
    changes = [
        {"exc_text": traceback_of(message=f"id {n}", line=n), "hostname": f"web{n % 2}"}
        for n in range(4)
    ]
    changes += [
        {"exc_text": traceback_of("shop.NotThere", f"order {n}"), "levelno": 40}
        for n in range(2)
    ]
    changes += [
        {"message": f"job 7 failed: {traceback_of('OSError', 'x', 'save')}\nbye"},
        {"message": "all is well"},
        {"message": "no exception", "exc_text": "NoneType: None"},
    ]
    return fill(
        *(
            {"created": START + 60 * n + (DAY if n % 2 else 0), **each}
            for n, each in enumerate(changes)
        )
    )


@pytest.fixture
def objects(told):
    """Runs errors for a script, checks that all formats agree, returns objects."""

    def shown(database, *arguments):
        found, table = told("errors", *arguments, "--db", database)
        for name in ("id", "type", "message", "example"):
            assert [row[name] for row in table] == [each[name] for each in found]
        assert [int(row["count"]) for row in table] == [each["count"] for each in found]
        return found

    return shown


def test_objects(objects, database):
    """JSON is a list of objects, the largest group first."""
    first, second, third = objects(database)

    assert {"id", "type", "message", "count", "first", "last", "hosts", "example"} <= {
        *first
    }
    assert re.fullmatch("[0-9a-f]{12}", first["id"])
    assert (first["type"], first["message"], first["count"]) == (
        "ValueError",
        "id 3",
        4,
    )
    assert (first["first"], first["last"]) == (START, START + DAY + 180)
    assert first["hosts"] == ["web0", "web1"]
    assert (first["file"], first["line"], first["function"]) == (
        "/srv/shop/shop/db.py",
        3,
        "load",
    )
    assert (first["example_id"], first["example"]) == (
        4,
        traceback_of(message="id 3", line=3),
    )
    history = first["history"]
    assert (sum(history["counts"]), len(history["counts"])) == (4, 24)
    assert history["start"] <= START < START + DAY + 480
    assert (second["type"], second["count"]) == ("shop.NotThere", 2)
    assert (third["type"], third["function"]) == ("OSError", "save")
    assert third["example"].startswith("job 7 failed: Traceback")


def test_queries_and_flags(objects, database):
    """They choose the records that are grouped."""
    assert [each["count"] for each in objects(database, "--host", "web0")] == [2]
    assert [each["type"] for each in objects(database, "order")] == ["shop.NotThere"]
    assert [each["count"] for each in objects(database, "-n", "2")] == [4, 2]
    assert [each["count"] for each in objects(database, "-n", "0")] == [4, 2, 1]
    assert objects(database, "nothing.such=1") == []
    assert [each["count"] for each in objects(database, "until:2023-11-15")] == [
        2,
        1,
        1,
    ]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("count", ["ValueError", "shop.NotThere", "OSError"]),
        ("last", ["shop.NotThere", "ValueError", "OSError"]),
        ("first", ["OSError", "shop.NotThere", "ValueError"]),
    ],
)
def test_sort(objects, database, order, expected):
    """The most frequent come first, those seen last, or those that are new."""
    assert [each["type"] for each in objects(database, "--sort", order)] == expected


def test_text(run, database):
    """A group is three lines: what, where, when; and the histories' time is told."""
    result = run("errors", "--utc", "--db", database, env={"COLUMNS": "100"})

    lines = result.stdout.splitlines()
    assert (result.exit_code, result.stderr, len(lines)) == (0, "", 10)
    assert re.fullmatch(r"[0-9a-f]{12}  4  ValueError: id 3", lines[0])
    assert lines[1].strip() == "/srv/shop/shop/db.py:3 in load"
    assert re.fullmatch(
        r" {17}\S{24}  2023-11-14 22:13:20Z to 2023-11-15 22:16:20Z  web0, web1",
        lines[2],
    )
    assert lines[2].split()[0].strip("·")
    assert lines[6].endswith("  1  OSError: x")
    assert lines[8].split("  ")[-2:] == ["2023-11-14 22:19:20Z", "web1"]
    assert lines[9].startswith("histories: 2023-11-14 22:13:00Z to 2023-11-15 22:")


def test_table(run, database):
    """A group is a line of as many columns as there is room for."""

    def headings(width):
        result = run(
            "errors", "-o", "table", "--db", database, env={"COLUMNS": str(width)}
        )
        assert result.exit_code == 0
        lines = result.stdout.splitlines()
        assert len(lines) == 5
        assert len({line.index("ValueE") for line in lines if "ValueE" in line}) == 1
        assert all(len(line) <= width for line in lines)
        return lines[0].split()

    every = ["id", "count", "history", "first", "last", "hosts", "error"]
    assert headings(160) == every
    assert headings(130) == [name for name in every if name != "first"]
    assert headings(75) == ["id", "count", "error"]


def test_ascii(run, database, monkeypatch):
    """Where stdout takes no Unicode, histories are drawn with other signs."""
    monkeypatch.setattr("collector.cli.errors.draws_unicode", lambda: False)

    result = run("errors", "--db", database)

    assert result.stdout.isascii()
    assert re.search(r"[#@=]\S*  2023", result.stdout)


def test_the_rest_is_counted(run, database):
    """How many groups are not shown is told."""
    result = run("errors", "-n", "1", "--db", database)

    assert result.stdout.endswith("... and 2 more (--limit 0: all)\n")


def test_nothing(run, fill):
    """No errors are no mistake."""
    path = fill({})

    assert run("errors", "--db", path).stdout == "no errors\n"
    assert run("errors", "--db", path).exit_code == 0
    assert run("errors", "--db", path, "-o", "json").stdout == "[]\n"
    assert run("errors", "--db", path, "-o", "csv").stdout.startswith("id,type,message")


def test_what_is_left_out_is_told(run, database, monkeypatch):
    """More groups than are held are said to be left out, on stderr."""
    monkeypatch.setattr("collector.store.error_groups.MOST_GROUPS", 2)

    result = run("errors", "--db", database)

    assert "ValueError" not in result.stdout
    assert "OSError: x" in result.stdout
    assert "4 records of others are left out" in result.stderr
    assert result.exit_code == 0


def test_show(run, database, objects):
    """All of a group is shown, with the whole newest traceback."""
    group_id = objects(database)[0]["id"]

    result = run("errors", "show", group_id, "--utc", "--db", database)

    assert (result.exit_code, result.stderr) == (0, "")
    facts, record = result.stdout.split("\n\n")
    told = dict(line.split(None, 1) for line in facts.splitlines())
    assert told["id"] == group_id
    assert told["error"] == "ValueError: id 3"
    assert told["raised"] == "/srv/shop/shop/db.py:3 in load"
    assert told["count"] == "4"
    assert told["first"] == "2023-11-14 22:13:20.000Z  first record 1"
    assert told["last"] == "2023-11-15 22:16:20.000Z  last record 4"
    assert told["hosts"] == "web0 (2), web1 (2)"
    assert record.splitlines()[0].startswith("2023-11-15 22:16:20.000Z INFO")
    assert [line.removeprefix("    | ") for line in record.splitlines()[1:]] == (
        traceback_of(message="id 3", line=3).splitlines()
    )


def test_show_takes_the_first_digits_and_a_query(objects, database, run):
    """As many as tell it from others; the query chooses records of the group."""
    group_id = objects(database)[0]["id"]

    [shown] = objects(database, "show", group_id[:8].upper(), "host:web0")

    assert (shown["id"], shown["count"], shown["message"]) == (group_id, 2, "id 2")


def test_show_has_whole_examples(objects, fill):
    """In the list the middle of a long one is left out, and in show it is not."""
    text = traceback_of(message="x" * 50_000 + "end")
    path = fill({"exc_text": text})

    [listed] = objects(path)
    [shown] = objects(path, "show", listed["id"])

    assert shown["example"] == text
    assert len(listed["example"]) < 9000
    assert listed["example"].endswith("xend")
    assert "[... 42," in listed["example"]


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["show"], ["Missing argument 'ID'"]),
        (["show", "me"], ["'me' is no ID", "errors -- show"]),
        (["show", "0123456789abc"], ["is no ID"]),
        (["show", "000000000000"], ["no error", "000000000000"]),
        (["show", "0", "nothing.such=1"], ["no error", "same query"]),
        (["--sort", "size"], ["'size'", "count"]),
    ],
)
def test_mistakes(run, database, arguments, parts):
    """What is wrong is told, and what to do."""
    result = run("errors", *arguments, "--db", database)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert all(part in result.stderr for part in parts)


def test_an_id_of_several_groups(run, fill):
    """Some of them are named."""
    path = fill(*({"exc_text": traceback_of(function=f"f{n}")} for n in range(40)))
    listed = json.loads(run("errors", "-n0", "-o", "json", "--db", path).stdout)
    digit = listed[0]["id"][0]
    those = [each["id"] for each in listed if each["id"][0] == digit]
    assert len(those) > 1, "of 40 groups, two begin alike"

    result = run("errors", "show", digit, "--db", path)

    assert result.exit_code == 2
    assert f"{len(those)} errors" in result.stderr
    assert those[0] in result.stderr


@pytest.mark.parametrize("before", [["--"], ["--since", "2000-01-01"], ["-n", "5"]])
def test_the_word_show(run, fill, before):
    """Behind anything else it is a word to look for."""
    path = fill(
        {"exc_text": traceback_of(message="show")}, {"exc_text": traceback_of("E")}
    )
    where = ["--db", path] if before != ["--"] else []

    result = run("errors", *where, *before, "show", env={"LOGCOLLECTOR_DB": str(path)})

    assert result.exit_code == 0
    assert result.stdout.count("ValueError: show") == 1
    assert "E: boom" not in result.stdout


def test_help(run):
    """Both commands have a help of their own."""
    listing = run("errors", "--help").stdout
    show = run("errors", "show", "--help").stdout

    assert "errors show ID" in listing
    assert "--sort" in listing
    assert show.startswith("Usage: cli errors show [OPTIONS] ID [QUERY]...")
    assert "--sort" not in show


HOSTILE = "\x1b]0;owned\x07\x1b[2J\r\u202e\x00=cmd()"


@pytest.mark.parametrize(
    "arguments",
    [["-o", name] for name in ("text", "table", "csv", "json", "jsonl")] + [["show"]],
    ids=" ".join,
)
def test_what_errors_say_steers_no_terminal(run, fill, arguments, monkeypatch):
    """Control characters in types, messages, paths, functions, hosts are shown."""
    monkeypatch.setenv("COLUMNS", "200")
    text = (
        "Traceback (most recent call last):\n"
        f'  File "/srv/{HOSTILE}.py", line 3, in f{HOSTILE}\n'
        f"Odd: {HOSTILE}"
    )
    path = fill({"exc_text": text, "message": HOSTILE})
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE origins SET hostname = ?", [HOSTILE])
    if arguments == ["show"]:
        listed = json.loads(run("errors", "-o", "json", "--db", path).stdout)
        arguments = ["show", listed[0]["id"]]

    result = run("errors", *arguments, "--db", path)

    assert result.exit_code == 0, result.output
    assert "owned" in result.stdout
    assert not set(result.stdout) & set("\x1b\x07\r\x00\u202e")


def test_the_type_is_coloured():
    """Also where the message is cut, and where there is no type."""
    group = ErrorGroup("0123", 0.0, 0.0, 1, 1, [1], count=1, hosts={"web1": 1})
    texts = ErrorTexts(zone=UTC, color=True, unicode=True, width=60)

    def first_line():
        return texts.blocks([group], Timeline(0, 60, 1)).splitlines()[0]

    group.type, group.message = "OSError", "a: b"
    assert first_line().endswith("\x1b[31mOSError\x1b[0m: a: b")
    group.message = "x" * 500
    assert "\x1b[31mOSError\x1b[0m: xx" in first_line()
    group.type, group.message = "", "a: b"
    assert first_line().endswith("  a: b")
    group.message = ""
    assert first_line().endswith("  (cut off)")


def test_a_deadline(run, database):
    """A search that takes too long ends with what to try."""
    result = run("errors", "--timeout", "1e-9", "--db", database)

    assert result.exit_code == 1
    assert "--timeout" in result.stderr
