"""Tables that are not STRICT hold anything: all of it is told, or left out."""

import json
import sqlite3
from contextlib import closing

import pytest
from cli.test_rejects_command import rejects as rejects
from cli.test_rejects_command import rows
from cli.test_replay_command import address as address
from cli.test_replay_command import receiver as receiver
from cli.test_replay_command import server as server
from integration.wire import stock_frame

TRACEBACK = (
    'Traceback (most recent call last):\n  File "a.py", line 1, in f\nKeyError: 1'
)
ODD = ["'%s'", "x'ff'", "9e999", "-9e999"]
BASE = 1_700_000_000.0


def make_odd(path, table, column, value):
    """Write an SQL value into a column of the first row, whatever its type."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "PRAGMA writable_schema = ON;"
            "UPDATE sqlite_master SET sql = "
            "replace(replace(sql, 'STRICT,', ''), 'STRICT', '') "
            f"WHERE type = 'table' AND name = '{table}'"
        )
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"UPDATE {table} SET {column} = {value} WHERE id = 1")
        connection.commit()


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("records", "exc_text"),
        ("records", "message"),
        ("records", "created"),
        ("origins", "hostname"),
        ("origins", "started"),
        ("call_sites", "level"),
    ],
)
@pytest.mark.parametrize(
    "command", ["errors", "errors -o json", "errors show", "new", "new -o json"]
)
def test_errors(run, fill, command, table, column, value):
    """Whatever a record's columns hold, its error is told, or left out."""
    path = fill(
        *(
            {"exc_text": TRACEBACK, "message": TRACEBACK, "hostname": host}
            for host in ("a", "b")
        )
    )
    make_odd(path, table, column, value)
    arguments = command.split()
    if command == "errors show":
        found = run("errors", "--db", path, "-o", "csv").stdout.splitlines()
        arguments.append(found[1].split(",")[0] if found[1:] else "abcd")
    result = run(*arguments, "--db", path)

    assert result.exception is None or isinstance(result.exception, SystemExit)
    if command == "errors -o json":
        assert sum(group["count"] for group in json.loads(result.stdout)) == 2


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize(
    ("table", "column"),
    [
        *(("records", name) for name in ("created", "message", "exc_text", "extra")),
        *(("origins", name) for name in ("started", "hostname", "process", "thread")),
        *(("call_sites", name) for name in ("name", "levelno", "lineno")),
    ],
)
@pytest.mark.parametrize("flags", [[], ["--speed", "9", "--max-gap", "0"]])
def test_replay(run, fill, receiver, address, flags, table, column, value):
    """Whatever a record's columns hold, it is sent, and so are the others."""
    path = fill({"created": BASE, "hostname": "a"}, {"created": BASE, "name": "b"})
    make_odd(path, table, column, value)
    result = run("replay", "--db", path, "--to", address, *flags)

    assert result.exit_code == 0, result.output
    odd, sound = receiver.records
    assert (sound.created, sound.msg) == (BASE, "hello")
    if column == "created":
        assert odd.created == 0.0


@pytest.mark.parametrize("value", [*ODD, "'text'"])
@pytest.mark.parametrize(
    "column", ["payload", "received", "peer", "reason", "detail", "payload_bytes"]
)
@pytest.mark.parametrize(
    "command", ["list", "list -o json", "show 1", "export", "retry --all"]
)
def test_rejects(run, rejects, command, column, value):
    """Whatever a reject's columns hold, it is told, and the others are retried."""
    path = rejects(stock_frame("odd")[4:], b"{}", stock_frame("fine")[4:])
    make_odd(path, "rejects", column, value)
    result = run("rejects", *command.split(), "--db", path)

    assert result.exception is None or isinstance(result.exception, SystemExit)
    if command == "retry --all":
        assert "fine" in [row[0] for row in rows(path, "SELECT message FROM logs")]
