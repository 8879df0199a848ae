"""Files that can't be the daemon's database: one clear line, and no harm."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from integration.daemon import run_command

EXIT_STORE = 74


def refusal(folder: Path, database: Path) -> str:
    """Start on a database that can't be used; return the one line about it."""
    done = run_command(
        *("serve", "--port", "0", "--emit", "none", "--db", database), folder=folder
    )
    assert done.returncode == EXIT_STORE, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    (line,) = done.stderr.splitlines()
    assert str(database) in line
    return line


def make_database(path: Path, *statements: str) -> bytes:
    with closing(sqlite3.connect(path)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()
    return path.read_bytes()


def test_a_newer_version(tmp_path: Path) -> None:
    """A file that a newer program wrote is refused with what to do about it."""
    path = tmp_path / "new.sqlite"
    content = make_database(
        path,
        "CREATE TABLE records (id)",
        f"PRAGMA application_id = {0x4C6F6743}",
        "PRAGMA user_version = 999",
    )

    line = refusal(tmp_path, path)

    assert "999" in line
    assert "upgrade" in line
    assert path.read_bytes() == content


def test_no_database(tmp_path: Path) -> None:
    """A file that is no database is left as it is."""
    path = tmp_path / "notes.txt"
    path.write_text("Buy milk.\n" * 1_000)

    line = refusal(tmp_path, path)

    assert "not a database" in line
    assert path.read_text() == "Buy milk.\n" * 1_000


@pytest.mark.parametrize("user_version", [0, 1, 7])
def test_another_programs_database(tmp_path: Path, user_version: int) -> None:
    """Another program's database is recognised, whatever its version number."""
    path = tmp_path / "other.sqlite"
    content = make_database(
        path,
        "CREATE TABLE customers (id)",
        "INSERT INTO customers VALUES (1)",
        f"PRAGMA user_version = {user_version}",
    )

    line = refusal(tmp_path, path)

    assert "another program" in line
    assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["other.sqlite"]


def test_a_missing_folder(tmp_path: Path) -> None:
    """A folder that does not exist is named, and not made."""
    line = refusal(tmp_path, tmp_path / "missing" / "logs.sqlite")

    assert f"no folder {tmp_path / 'missing'}" in line
    assert os.listdir(tmp_path) == []


def test_a_folder(tmp_path: Path) -> None:
    """A folder's path is refused."""
    (tmp_path / "folder").mkdir()

    assert "it is a folder" in refusal(tmp_path, tmp_path / "folder")


def test_an_empty_file(tmp_path: Path) -> None:
    """An empty file is a new database: mktemp and systemd make such ones."""
    path = tmp_path / "empty.sqlite"
    path.touch()
    done = run_command(
        *("serve", "--port", "0", "--emit", "/no/such/folder/x", "--db", path),
        folder=tmp_path,
    )

    # Its output is wrong on purpose, which is found after the database.
    assert done.returncode == 2
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM logs").fetchone() == (0,)


def test_no_socket_is_left_behind(tmp_path: Path) -> None:
    """A start that fails takes the socket file away that it had made."""
    done = run_command(
        *("serve", "--listen", tmp_path / "logs.sock", "--db", tmp_path / "no" / "db"),
        folder=tmp_path,
    )

    assert done.returncode == EXIT_STORE
    assert os.listdir(tmp_path) == []
