"""`logcollector db prune` removes what the flags, or the settings, ask for."""

import sqlite3
import time
from contextlib import closing

import pytest
from store.stored import new_stored

HOUR = 3600.0


@pytest.fixture
def database(tmp_path, make_record):
    """A record for each of the last hundred hours, one in five of DEBUG."""
    path = tmp_path / "logs.sqlite"
    now = time.time() - 60
    with new_stored(path) as one:
        one.add(
            *[
                make_record(
                    f"m{n}",
                    created=now - n * HOUR,
                    received=now - n * HOUR,
                    levelno=20 if n % 5 else 10,
                    levelname="INFO" if n % 5 else "DEBUG",
                )
                for n in range(99, -1, -1)
            ]
        )
    return path


def messages(path):
    with closing(sqlite3.connect(path)) as connection:
        return [
            m for (m,) in connection.execute("SELECT message FROM logs ORDER BY id")
        ]


def test_a_dry_run_says_what_would_go(run, database):
    """Each rule has a line with how many, and nothing is removed."""
    result = run(
        *("db", "prune", "--db", database, "--dry-run"),
        *("--max-age", "48h", "--level", "debug=1d"),
    )

    assert result.exit_code == 0, result.output
    whole, debug = result.stdout.splitlines()
    assert whole.startswith("52 records for their age, created from ")
    assert debug.startswith("5 records of debug for their age, created from ")
    assert len(messages(database)) == 100


def test_times_in_utc(run, database, monkeypatch):
    """With --utc a dry run tells times in UTC."""
    arguments = ("db", "prune", "--db", database, "--dry-run", "--max-age", "48h")

    assert run(*arguments, "--utc").stdout.rstrip().endswith("Z")
    assert not run(*arguments).stdout.rstrip().endswith("Z")


def test_what_the_dry_run_said_goes(run, database):
    """Then it is gone, and stderr says how much."""
    result = run(
        *("db", "prune", "--db", database, "--max-age", "48h", "--level", "DEBUG=1d")
    )

    assert (result.exit_code, result.stdout) == (0, "")
    assert "57 records removed" in result.stderr
    assert messages(database) == [f"m{n}" for n in range(47, -1, -1) if n % 5 or n < 24]


def test_the_settings_say_what_goes(run, database, tmp_path, monkeypatch):
    """Without flags, [retention] of the settings file counts."""
    file = tmp_path / "config.toml"
    file.write_text(f'db = "{database}"\n[retention]\nmax_age = "1d"\n')
    monkeypatch.setenv("LOGCOLLECTOR_CONFIG", str(file))
    result = run("db", "prune")

    assert result.exit_code == 0, result.output
    assert len(messages(database)) == 24


def test_nothing_to_remove(run, database):
    """A database that is as it should be is left alone."""
    arguments = (
        "db",
        "prune",
        "--db",
        database,
        "--max-size",
        "1GB",
        "--max-age",
        "90d",
    )
    assert run(*arguments, "--dry-run").stdout == "nothing would be removed\n"
    assert "0 records removed" in run(*arguments).stderr
    assert len(messages(database)) == 100


def test_a_size_is_estimated(run, tmp_path, make_record):
    """How many go for the size is told about, and what goes is about that."""
    path = tmp_path / "big.sqlite"
    with new_stored(path) as one:
        one.add(*[make_record(f"{n} {'x' * 4000}") for n in range(6000)])
    arguments = ("db", "prune", "--db", path, "--max-size", "10MB")
    foretold = run(*arguments, "--dry-run").stdout
    run(*arguments)

    assert foretold.startswith("about ")
    assert "the size of the database" in foretold
    count = int(foretold.split()[1].replace(",", ""))
    assert abs(6000 - count - len(messages(path))) < 600
    assert path.stat().st_size <= 10_000_000


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ((), "nothing to go by"),
        (("--max-age", "6m"), "must be an hour at least"),
        (("--max-age", "soon"), "of an hour at least, such as 12h, 1d12h, 90d, 4w, 1y"),
        (("--max-age", "1"), "--max-age 1: expected a length of time of an hour"),
        (("--max-size", "1MB"), "must be 10MB at least"),
        (("--max-size", "much"), "a size such as"),
        (("--level", "debug"), "expected LEVEL=AGE"),
        (("--level", "chatter=2d"), "debug, info, warning, error, critical"),
        (("--level", "debug=2"), "--level debug=2: expected a length of time of an"),
        (("--level", "info=1s"), "--level info=1s: must be an hour at least"),
    ],
)
def test_mistakes(run, database, flags, reason):
    """A mistake is told with what is known, and nothing is removed; status 2."""
    result = run("db", "prune", "--db", database, *flags)

    assert result.exit_code == 2
    assert reason in result.stderr
    assert len(messages(database)) == 100


def test_no_database(run, tmp_path):
    """Where there is none, that is told; status 2."""
    result = run("db", "prune", "--db", tmp_path / "none", "--max-age", "1d")

    assert result.exit_code == 2
    assert "there is no such database" in result.stderr
