"""What looks after a database says what is wrong with it, and never a traceback."""

import sqlite3
from contextlib import closing

import pytest
from cli.test_bad_input import another_program, corrupt, newer

COMMANDS = [
    "replay --to 127.0.0.1:1",
    "db info",
    "db check",
    "db vacuum",
    "db vacuum --full",
    "db backup TARGET",
    "rejects list",
    "rejects show 1",
    "rejects export",
    "rejects retry --all",
    "rejects clear --all --yes",
]


@pytest.fixture(params=COMMANDS)
def command(request, tmp_path):
    """Each command; what it writes goes to the test's own folder."""
    return request.param.replace("TARGET", str(tmp_path / "target")).split()


@pytest.mark.parametrize(
    ("damage", "status", "part"),
    [
        (lambda path: path.unlink(), 2, "no such database"),
        (lambda path: path.write_text("a log\n" * 1000), 2, "not a database"),
        (another_program, 2, "not a database of logcollector"),
        (newer, 1, "upgrade logcollector"),
        (corrupt, 1, "malformed"),
    ],
    ids=["missing", "text", "other", "newer", "corrupt"],
)
def test_databases_that_are_none(run, fill, command, damage, status, part):
    """A database that can't be used is named, with the reason; it stays as it is."""
    if damage is corrupt and command[:2] == ["db", "vacuum"]:
        pytest.skip("nothing is free in it, so nothing is looked at")
    path = fill(*({"message": f"text {n}" * 20} for n in range(100)))
    damage(path)
    before = path.read_bytes() if path.is_file() else None
    result = run(*command, "--db", path)

    assert result.exit_code == status, result.output
    assert str(path) in result.stderr
    assert part in result.output
    assert isinstance(result.exception, SystemExit)
    assert (path.read_bytes() if path.is_file() else None) == before


@pytest.mark.parametrize("seed", range(3))
def test_damaged_pages(run, fill, command, seed):
    """Whatever is damaged in a file, the answer is what can be told, or one error."""
    path = fill(*({"message": f"text {n}" * 20} for n in range(300)))
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096 + 4096 * ((seed * 7919) % (size // 4096 - 1)) + seed * 100)
        file.write(bytes([seed * 40]) * 600)
    result = run(*command, "--db", path)

    assert result.exit_code in (0, 1, 69), result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output


def test_a_locked_database(run, fill, command, monkeypatch):
    """A database that another program holds for itself is told to be locked."""
    monkeypatch.setattr("collector.store.reader.BUSY_SECONDS", 0.01)
    monkeypatch.setattr("collector.store.beside.BUSY_SECONDS", 0.01)
    path = fill({})
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        holder.execute("UPDATE search_state SET indexed_id = 0")
        result = run(*command, "--db", path)

    assert result.exit_code == 1, result.output
    assert "another program has locked it; try again" in result.stderr
