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
