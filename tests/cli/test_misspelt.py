"""What commands say when they find nothing, and a name is like that of a field."""

import re

import pytest

HINT = "hint: levl is read as extra.levl; did you mean level?\n"

COMMANDS = {
    "query": "",
    "query -o jsonl": "",
    "query --count": "0\n",
    "query --count --after 0": "0\n",
    "query --context 1": "",
    "tail": "",
    "stats": "no records\n",
    "stats --by host": "no records\n",
    "stats --by day -o jsonl": "",
    "errors": "no errors\n",
    "loggers": "no records\n",
    "processes": "no records\n",
    "export": "",
}


@pytest.fixture
def database(fill):
    return fill(
        {"message": "a", "levelno": 40, "levelname": "ERROR"},
        {"message": "b", "extra": '{"cost": 3}'},
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_hint(run, database, command):
    """It is told on stderr, also where that is no terminal, and is no error."""
    result = run(*command.split(), "--db", database, "levl>=error")

    assert (result.exit_code, result.stdout) == (0, COMMANDS[command])
    assert result.stderr == HINT


@pytest.mark.parametrize(
    ("command", "name", "field"),
    [
        ("stats --by levl", "levl", "level"),
        ("stats --by severity -o jsonl", "severity", "level"),
        ("query --fields time,hots", "hots", "host"),
        ("query --fields severity,message -C 1", "severity", "level"),
    ],
)
def test_hint_of_what_is_shown(run, database, command, name, field):
    """So is a name that nothing shown has, in --by and in --fields."""
    result = run(*command.split(), "--db", database)

    assert result.exit_code == 0
    assert result.stderr == (
        f"hint: {name} is read as extra.{name}; did you mean {field}?\n"
    )


@pytest.mark.parametrize(
    "command",
    [
        *("stats --by cost", "stats --by user", "stats --by extra.levl.x"),
        *("query --fields cost,time", "query --fields extra.hots", "query --fields x"),
    ],
)
def test_no_hint_of_what_is_shown(run, database, command):
    """Not of a key that one has, or of what is like no field."""
    result = run(*command.split(), "--db", database)
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize("command", ["query", "tail", "stats", "export"])
def test_hint_of_a_database(run, database, monkeypatch, command):
    """A query that is the name of a database was meant for --db."""
    monkeypatch.chdir(database.parent)
    result = run(command, database.name)

    assert result.exit_code == 0
    assert result.stderr == (
        "hint: logs.sqlite is looked for as a text; did you mean --db logs.sqlite?\n"
    )
    assert run(command, "--db", database, "none.sqlite").stderr == ""


def test_hint_of_a_file_to_write(run, database, monkeypatch):
    """The name of another file was meant for --to, where there is that option."""
    monkeypatch.chdir(database.parent)
    database.with_name("a.jsonl").touch()
    result = run("export", "a.jsonl")

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == (
        "hint: a.jsonl is looked for as a text; did you mean --to a.jsonl?\n"
    )
    assert run("query", "a.jsonl").stderr == ""


def test_hint_of_new(run, database):
    """`new` tells it when neither of its two times has a record."""
    result = run("new", "--db", database, "--since", "1700000000.5", "levl>=error")
    assert (result.exit_code, result.stderr) == (0, HINT)


def test_hint_of_a_file(run, database, tmp_path):
    """An export to a file tells it behind what it has written."""
    file = tmp_path / "a.jsonl"
    result = run("export", "--db", database, "--to", file, "levl>=error")
    assert (result.exit_code, result.stderr) == (0, f"{file}: 0 records\n{HINT}")


def test_hint_of_replay(run, database):
    """`replay` tells it behind how much it has sent, which is nothing."""
    result = run("replay", "--db", database, "--to", "127.0.0.1:1", "levl>=error")
    assert (result.exit_code, result.stdout) == (0, "")
    assert re.fullmatch(rf"0 records sent in .* s\n{re.escape(HINT)}", result.stderr)


@pytest.mark.parametrize(
    "query", ["level>=critical", "cost>5", "user:x", "extra.levl:a", "-levl:a c"]
)
def test_no_hint(run, database, query):
    """Not for a field, a key that records have, or a name like no field's."""
    result = run("query", "--db", database, "--", *query.split())
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


def test_no_hint_when_found(run, database):
    """Who finds something is not asked what was meant."""
    result = run("query", "--db", database, "--count", "levl:a OR b")
    assert (result.stdout, result.stderr) == ("1\n", "")


def test_no_hint_without_time(run, database, monkeypatch):
    """A search for the key that fails changes nothing of the answer."""
    from collector.errors import QueryTimeout

    def late(*_):
        raise QueryTimeout("not done")

    monkeypatch.setattr("collector.cli.misspelt.is_among_newest", late)
    result = run("query", "--db", database, "--count", "levl:a")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "0\n", "")
