"""`logcollector processes`: runs, their states and last words, in every format."""

import json

import pytest

START = 1_700_000_000.0


@pytest.fixture
def database(fill):
    """A program that was started again, one that fell silent, one that works."""

    def at(seconds, **values):
        moment = START + seconds
        return {"created": moment, "received": moment, **values}

    first = {"process": 100, "started": START - 1.5}
    again = {"process": 100, "started": START + 5.25}
    silent = {"process": 200, "started": START, "hostname": "web2", "name": "job"}
    return fill(
        at(0, **first, message="starting"),
        at(2, **silent, message="nothing to do"),
        at(4, **first, levelno=50, levelname="CRITICAL", message="out of memory\nbye"),
        at(6, **again, message="starting"),
        at(900, **again, levelno=30, levelname="WARNING", message="slow"),
    )


@pytest.fixture
def objects(told):
    """Runs it for a script, checks that all formats agree, returns objects."""

    def listed(database, *arguments):
        found, table = told("processes", "--db", database, *arguments)
        assert [[*row] for row in table] == [[*each] for each in found]
        assert [row["pid"] for row in table] == [
            str(each["pid"] or "") for each in found
        ]
        return found

    return listed


def test_imported_runs(run, objects, tmp_path):
    """Old lines that tell no time of receipt are of processes that fell silent."""
    lines = [
        {"msg": "a", "created": START, "process": 1},
        {"msg": "b", "created": START + 3600, "process": 2},
    ]
    file = tmp_path / "old.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    database = tmp_path / "new.sqlite"
    assert run("import", file, "--db", database).exit_code == 0

    assert [(each["pid"], each["state"]) for each in objects(database)] == [
        (2, "active"),
        (1, "silent"),
    ]


def test_runs(objects, database):
    """Each run is told with its bounds and what it said last, the newest first."""
    again, silent, first = objects(database)

    assert first == {
        "host": "web1",
        "pid": 100,
        "process": "MainProcess",
        "logger": "myapp.db",
        "started": START - 1.5,
        "first": START,
        "last": START + 4,
        "count": 2,
        "worst": "critical",
        "state": "gone",
        "first_id": 1,
        "last_id": 3,
        "last_level": "CRITICAL",
        "last_logger": "myapp.db",
        "last_message": "out of memory\nbye",
    }
    assert (again["started"], again["count"], again["state"]) == (
        START + 5.25,
        2,
        "active",
    )
    assert (silent["host"], silent["state"]) == ("web2", "silent")


def test_text(run, database):
    """The last words of those that have ended stand below them, on one line."""
    result = run("processes", "--db", database, "--utc", env={"COLUMNS": "150"})
    day, later = "2023-11-14 22:13", "2023-11-14 22:28:20Z"

    assert [" ".join(line.split()) for line in result.stdout.splitlines()] == [
        "host pid process logger started first last count worst state",
        f"web1 100 MainProcess myapp.db {day}:25Z {day}:26Z {later} 2 warning active",
        f"web2 200 MainProcess job {day}:20Z {day}:22Z {day}:22Z 1 info silent",
        "INFO job: nothing to do",
        f"web1 100 MainProcess myapp.db {day}:18Z {day}:20Z {day}:24Z 2 critical gone",
        "CRITICAL myapp.db: out of memory\\x0abye",
    ]
    assert result.stdout.splitlines()[3].startswith("    INFO")


def test_ended_and_silent(objects, database):
    """--ended leaves out those that are active; --silent says after how long."""
    assert [each["state"] for each in objects(database, "--ended")] == [
        "silent",
        "gone",
    ]
    [gone] = objects(database, "--ended", "--silent", "3600")
    assert gone["state"] == "gone"


def test_a_query_chooses_runs(objects, database):
    """Count and worst level are of what matches; the last words are its own."""
    [first] = objects(database, "starting", "--until", "2023-11-14T22:13:25Z")

    assert (first["count"], first["worst"], first["last_id"]) == (1, "info", 3)
    assert first["last_message"].startswith("out of memory")
    assert [each["count"] for each in objects(database, "starting")] == [1, 1]


def test_limit(run, objects, database):
    """So many of the newest are shown, and how many more there are is said."""
    assert len(objects(database, "-n", "1")) == 1
    assert len(objects(database, "-n", "0")) == 3
    result = run("processes", "--db", database, "-n", "1")
    assert result.stdout.endswith("... and 2 more (--limit 0: all)\n")


def test_what_is_not_told(objects, run, fill):
    """A client that tells no process is listed as one, without these values."""
    database = fill({"process": 0, "processName": "", "started": 0.0})
    [one] = objects(database)

    assert [one[name] for name in ("pid", "process", "started")] == [None] * 3
    assert run("processes", "--db", database).stdout.splitlines()[1].split()[:3] == [
        "web1",
        "-",
        "-",
    ]


@pytest.mark.parametrize("output_format", ["text", "table", "csv", "json"])
def test_no_records(run, fill, output_format):
    """Where nothing is found the output is empty, as its format has it."""
    empty = {"json": "[]\n", "csv": "host,"}.get(output_format, "no records\n")
    result = run("processes", "--db", fill({}), "-o", output_format, "nowhere")

    assert result.exit_code == 0
    assert result.stdout.startswith(empty)


@pytest.mark.parametrize("output_format", ["text", "json", "jsonl", "csv"])
def test_nothing_steers_a_terminal(run, fill, output_format):
    """Control characters in names and last words are escaped in all formats."""
    hostile = "a\x1b[31m\x07\x9b2J\x7f\r\u202eb"
    database = fill(
        {
            "name": hostile, "hostname": hostile, "processName": hostile,
            "levelname": hostile, "message": hostile,
        },
        {"started": 1_699_999_999.0, "created": 1_700_009_000.0},
    )  # fmt: skip
    shown = run(
        "processes", "--db", database, "-o", output_format, env={"COLUMNS": "300"}
    ).stdout

    assert "31m" in shown
    assert not set(shown) & set("\x1b\x07\x9b\x7f\r\u202e")


def test_a_long_message_is_cut(objects, fill):
    """Last words are few: of a megabyte, the beginning."""
    [one] = objects(fill({"message": "x" * 1_000_000}))

    assert one["last_message"] == "x" * 500


@pytest.mark.parametrize("silent", ["-1", "soon", "nan"])
def test_mistakes(run, database, silent):
    """What is no length of time is refused."""
    result = run("processes", "--db", database, "--silent", silent)

    assert result.exit_code == 2
    assert "--silent" in result.stderr
