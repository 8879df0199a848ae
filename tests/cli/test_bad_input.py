"""What is wrong is told in a few words, with a status, and never a traceback."""

import os
import random
import sqlite3
from contextlib import closing

import pytest
from store.stored import opened

from collector.store.schema import SCHEMA_VERSION

MEGABYTE = 1_000_000


@pytest.fixture(params=["query", "tail", "stats", "errors"])
def command(request):
    """Each command that takes a query."""
    return request.param


@pytest.fixture(
    params=[("query",), ("tail",), ("stats",), ("errors",), ("db", "reindex")],
    ids=" ".join,
)
def reading(request):
    """Each command that reads a database."""
    return request.param


def assert_told(result, status, *parts):
    """The error has all the parts, in few words, on stderr alone."""
    assert result.exit_code == status, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    for part in parts:
        assert part in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.splitlines()) <= 5
    assert len(result.stderr) < 1000


@pytest.mark.parametrize(
    ("query", "marked"),
    [
        ("level>=wrning host:web1", "wrning"),
        ('host:web1 "never closed', '"never'),
        ("(timeout OR refused", "("),
        ("timeout OR", ""),
        ("a ) b", ")"),
        ("since:tomorowish", "tomorowish"),
        ("x /[unclosed/ y", "/ y"),
        ("level>=", ""),
        ("has:since", "since"),
    ],
)
def test_malformed_queries(run, fill, command, query, marked):
    """A query that is none is shown with a caret below the mistake; status 2."""
    result = run(command, "--db", fill({}), "--", query)

    assert_told(result, 2, "expected")
    lines = result.stderr.splitlines()
    place = next(n for n, line in enumerate(lines) if line.strip() == "^")
    assert lines[place - 1][lines[place].index("^") :].startswith(marked)


def test_a_malformed_query_is_told_before_the_database_is_looked_for(run, command):
    """The mistake that is seen first is told, even without a database."""
    assert_told(run(command, "--db", "/nowhere/x.sqlite", "(a"), 2, "bracket")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--level", "wrning"], ["--level wrning", "known level"]),
        (["--since", "soonish"], ["--since soonish", "today"]),
        (["--until", "32:00"], ["--until 32:00"]),
        (["--logger", "*" + "a*" * 30], ["wildcards"]),
        (["--format", "xml"], ["'xml'", "jsonl"]),
        (["--timeout", "0"], ["--timeout"]),
        (["--timeout", "nan"], ["--timeout"]),
        (["--timeout", "soon"], ["--timeout"]),
        (["-n", "-1"], ["-n"]),
        (["-n", "many"], ["-n"]),
        (["--db"], ["--db"]),
        (["--no-such-thing"], ["--no-such-thing"]),
        (["--levl", "error"], ["--levl", "--level"]),
    ],
    ids=str,
)
def test_wrong_flags(run, fill, command, arguments, parts):
    """A flag that is unknown, or has a wrong value, is told with status 2."""
    assert_told(run(command, "--db", fill({}), *arguments), 2, *parts)


@pytest.mark.parametrize("command", ["query", "tail"])
@pytest.mark.parametrize(
    ("fields", "part"),
    [("", "empty"), ("id,,id", "empty"), ("id,ID", "same"), ("massage", "message")],
)
def test_wrong_fields(run, fill, command, fields, part):
    """Fields that make no sense are told with status 2."""
    result = run(command, "--db", fill({}), "--fields", fields)

    assert_told(result, 2, "--fields", part)


@pytest.mark.parametrize(
    ("command", "word"),
    [
        *(("query", word) for word in ("-retry", "-Error", "-9")),
        *(("tail", word) for word in ("-retry", "-Error", "-9")),
        *(("stats", word) for word in ("-retry", "-Error", "-9")),
    ],
)
def test_a_word_to_leave_out_is_no_option(run, fill, command, word):
    """An option that may have been meant as a word gets a hint how to say so."""
    database = fill({"message": "hello"}, {"message": "retry"})
    result = run(command, "--db", database, "hello", word)

    assert_told(result, 2, word[:2], f"{command} -- ", "leave out a word")
    assert run(command, "--db", database, "--", "hello", word).exit_code == 0


def corrupt(path):
    """Overwrite all but the first page of a database."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(random.Random(1).randbytes(size - 4096))


def older(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION - 1}")


def newer(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")


def another_program(path):
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE logs (message)")


def folder(path):
    path.unlink()
    path.mkdir()


def dangling(path):
    path.unlink()
    path.symlink_to("nowhere")


@pytest.mark.parametrize(
    ("damage", "status", "part"),
    [
        (lambda path: path.unlink(), 2, "no such database"),
        (dangling, 2, "no such database"),
        (folder, 2, "folder"),
        (lambda path: path.write_bytes(b""), 2, "not a database"),
        (lambda path: path.write_text("a log\n" * 1000), 2, "not a database"),
        (another_program, 2, "not a database of logcollector"),
        (newer, 1, "upgrade logcollector"),
        (older, 1, "logcollector serve"),
        (corrupt, 1, "logcollector import"),
    ],
    ids=["missing", "dangling", "folder", "empty", "text", "other", "newer", "older",
         "corrupt"],
)  # fmt: skip
def test_databases_that_are_none(run, fill, reading, damage, status, part):
    """A database that can't be read is named, with the reason and what to do."""
    path = fill(*({"message": f"text {n}" * 20} for n in range(100)))
    damage(path)
    before = path.read_bytes() if path.is_file() else None

    assert_told(run(*reading, "--db", path), status, str(path), part)
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_locked_database(run, fill, reading, monkeypatch):
    """A database that another program holds for itself is told to be locked."""
    monkeypatch.setattr("collector.store.reader.BUSY_SECONDS", 0.01)
    monkeypatch.setattr("collector.store.beside.BUSY_SECONDS", 0.01)
    path = fill({})
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        holder.execute("UPDATE search_state SET indexed_id = 0")

        assert_told(run(*reading, "--db", path), 1, str(path), "locked", "try again")


@pytest.mark.parametrize("name", ["a" * 300, "x/y"], ids=["long", "in file"])
def test_names_that_no_file_has(run, fill, reading, name):
    """A name that no file can have is that of no database."""
    folder = fill({}, name="x").parent

    assert_told(run(*reading, "--db", folder / name), 2, "no such database")


def test_what_is_no_file_is_no_database(run, tmp_path, reading):
    """A pipe is told to be none, and not waited for."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    # With it, an attempt to open the pipe comes back, and the test with it.
    writer = os.open(pipe, os.O_RDWR)
    try:
        assert_told(run(*reading, "--db", pipe), 2, str(pipe))
    finally:
        os.close(writer)


def test_too_little_time(run, fill, command):
    """A search that is not done in time says so, and what to do; status 1."""
    path = fill({})

    assert_told(
        run(command, "--db", path, "--timeout", "0.000001"), 1, "--timeout", "1e-06 s"
    )


def test_what_was_written_before_time_was_over_is_whole(run, fill):
    """JSON that ends with an error is an array nevertheless."""
    result = run("query", "--db", fill({}), "--timeout", "0.000001", "-o", "json")

    assert result.exit_code == 1
    assert result.stdout in ("", "[]\n")


@pytest.mark.parametrize(
    "query",
    [
        "x" * MEGABYTE,
        '"' + "x y " * (MEGABYTE // 4) + '"',
        "é" * MEGABYTE,
        # Only one that stands alone is for leaving out.
        "-" * MEGABYTE + "x",
    ],
    ids=["word", "phrase", "not ASCII", "minuses"],
)
def test_a_megabyte_of_text_is_a_query(run, fill, command, query):
    """However long a text is, it is looked for, with the index and without."""
    path = fill({}, {"message": query.strip('"')})
    first = run(command, "--db", path, "--", query)
    with opened(path) as one:
        one.index(10)
    again = run(command, "--db", path, "--", query)

    assert (first.exit_code, first.stderr) == (0, "")
    assert (again.exit_code, again.stdout) == (0, first.stdout)
    assert "no records" not in first.stdout
    assert first.stdout != ""


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("x " * (MEGABYTE // 2), "terms"),
        ("(" * MEGABYTE, "brackets"),
        ("-(" * (MEGABYTE // 2), "brackets and negations"),
        ('"' + "x" * MEGABYTE, "quote that closes"),
        ("/" + "(a|b)" * (MEGABYTE // 5) + "/", "characters"),
        ("level>=" + "x" * MEGABYTE, "known level"),
        ("since:" + "9" * MEGABYTE, "duration"),
        ("host:" + "*a" * (MEGABYTE // 2), "wildcards"),
        ("a." * (MEGABYTE // 2) + "a:1", "parts"),
    ],
    ids=["words", "brackets", "minuses", "quote", "regex", "level", "since", "stars",
         "dots"],
)  # fmt: skip
def test_a_megabyte_of_nonsense_is_refused(run, fill, command, query, expected):
    """However long a mistake is, few words are said about it."""
    result = run(command, "--db", fill({}), "--", query)

    assert_told(result, 2, "expected", expected)


@pytest.mark.parametrize("flag", ["--logger", "--host", "--grep"])
def test_a_megabyte_in_a_flag(run, fill, command, flag):
    """The value of a flag may be as long as it likes."""
    result = run(command, "--db", fill({}), flag, "x" * MEGABYTE, "-o", "jsonl")

    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize("flag", ["--level", "--since", "--until"])
def test_a_megabyte_of_a_wrong_flag(run, fill, command, flag):
    """A wrong value is not repeated at length."""
    assert_told(run(command, "--db", fill({}), flag, "x" * MEGABYTE), 2, flag)


@pytest.mark.parametrize("text", ["\0", "a\0b", "\0" * 1000])
def test_nul_is_text(run, fill, command, text):
    """A NUL is looked for like any other character; records have none."""
    path = fill({"message": "a\\x00b"})
    for arguments in (
        ["--grep", text],
        ["--", text],
        ["--host", text],
        ["--", f"k:{text}"],
    ):
        result = run(command, "--db", path, "-o", "jsonl", *arguments)
        assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize("seed", range(40))
def test_damaged_pages(run, fill, reading, seed):
    """Whatever is damaged in a file, the answer is records or one error."""
    path = fill(
        *({"message": f"text {n}" * 9, "name": f"n{n % 7}"} for n in range(300))
    )
    with opened(path) as one:
        one.index(200)
    chance = random.Random(seed)
    data = bytearray(path.read_bytes())
    for _ in range(chance.choice((1, 10, 300))):
        data[chance.randrange(100, len(data))] = chance.randrange(256)
    path.write_bytes(data)
    result = run(*reading, "--db", path)

    if result.exit_code == 0:
        assert result.exception is None
    else:
        assert result.exit_code in (1, 2)
        assert isinstance(result.exception, SystemExit), result.exception
        assert str(path) in result.stderr


def test_a_damaged_schema_can_not_steer_the_terminal(run, fill):
    """What SQLite quotes of a hostile file is shown with its escapes visible."""
    path = fill({})
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA writable_schema = ON")
        other.execute(
            "UPDATE sqlite_master SET name = ?, sql = 'NONSENSE' "
            "WHERE name = 'records'",
            ["\x1b]0;evil\x07"],
        )
        other.commit()
    result = run("query", "--db", path)

    assert result.exit_code == 1
    assert "\x1b" not in result.stderr
    assert "\\x1b]0;evil\\x07" in result.stderr


@pytest.mark.parametrize("word", ["-green", "-host:web1", "-logger:a", "-slow", "-nx"])
@pytest.mark.parametrize("command", ["query", "tail", "stats"])
def test_a_word_to_leave_out_is_not_glued_to_an_option(run, fill, command, word):
    """A minus and a word, which click would take for -g and a value, is refused."""
    result = run(command, word, "--db", fill({}))

    assert result.exit_code == 2
    assert "write -- in front of the query" in result.stderr


def test_what_only_looks_like_a_word_to_leave_out(run, fill):
    """Numbers right behind an option, values of options, and what follows --."""
    path = fill({"message": "-green"}, {"message": "red"}, {"message": "blue"})

    assert len(run("query", "-n2", "--db", path).stdout.splitlines()) == 2
    assert run("query", "--grep", "-green", "--count", "--db", path).stdout == "1\n"
    assert run("query", "--count", "--db", path, "--", "-red").stdout == "2\n"


def test_following_up_to_a_time_is_refused(run, fill):
    """With an end in time, tail -f would wait for what can't come."""
    result = run("tail", "-f", "--until", "now", "--db", fill({}))

    assert result.exit_code == 2
    assert "nothing would ever come" in result.stderr
