"""`logcollector db info, check, backup, vacuum`: looking after a database."""

import fcntl
import json
import os
import sqlite3
from contextlib import closing

import pytest
from store.stored import Stored, opened

from collector.store import backup, vacuum


@pytest.fixture
def database(fill):
    """Records of an hour, of which half are indexed, an import and a reject."""
    path = fill(
        *(
            {
                "message": f"message {n}",
                "created": 1.7e9 + n * 6,
                "received": 1.7e9 + n * 6 + 0.5,
            }
            for n in range(600)
        )
    )
    with opened(path) as one:
        one.index(300)
        one.connection.execute("INSERT INTO imports VALUES (1, 20, 1.0)")
        one.connection.execute(
            "INSERT INTO rejects VALUES (1, 1.0, 'p', 'r', 'd', x'00', 1)"
        )
    return path


def rows(path, sql):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def there(folder):
    """Return the names of files, without those of who reads the database."""
    return {name for name in os.listdir(folder) if not name.startswith("logs.sqlite-")}


def test_info(run, database):
    """Counts, times and sizes are those of the database."""
    result = run("db", "info", "--db", database, "--utc")

    assert result.exit_code == 0, result.output
    lines = {line[:20]: line[20:] for line in result.stdout.splitlines()[1:]}
    lines = {name.strip(): text for name, text in lines.items() if name[3] != " "}
    assert lines["records"] == "600, ids 1 to 600"
    assert lines["created"] == "2023-11-14 22:13Z to 2023-11-14 23:13Z"
    assert lines["received"] == "2023-11-14 22:13:20Z to 2023-11-14 23:13:14Z"
    assert lines["not indexed yet"] == "300"
    assert lines["imports"] == "1, 20 ids"
    assert lines["rejects"] == "1"
    assert lines["call sites"] == "1"
    assert "\n    search index " in result.stdout


def test_info_as_json(run, database):
    """Sizes of all tables together are the file's, less what is free."""
    with opened(database) as one:
        one.connection.execute("DELETE FROM records WHERE id > 300")
    told = json.loads(run("db", "info", "--db", database, "-o", "json").stdout)

    assert told["sizes_are_exact"] is True
    tables = sum(table["bytes"] for table in told["tables"])
    assert tables + told["free_bytes"] == pytest.approx(
        told["file_bytes"], abs=2 * 4096
    )
    assert told["free_bytes"] > 0
    assert (told["first_id"], told["last_id"]) == (1, 300)
    assert told["index_lag"] == 0


def test_info_of_imported_records(run, fill):
    """Where the newest id was received before the oldest, each is told as that."""
    path = fill({"received": 1.7e9 + 60}, {"received": 1.7e9 + 90}, {"received": 1.7e9})
    result = run("db", "info", "--db", path, "--utc")

    assert (
        "  received          2023-11-14 22:14:20Z (id 1), 2023-11-14 22:13:20Z (id 3)\n"
    ) in result.stdout


def test_info_without_records(run, fill):
    """An empty database has no times."""
    result = run("db", "info", "--db", fill())

    assert result.exit_code == 0, result.output
    assert "created           -\n" in result.stdout
    assert "there is no search index" in result.stdout


def test_sizes_of_a_large_file_are_estimated(run, database, monkeypatch):
    """It is not read whole unless that is asked for; the estimate says so."""
    monkeypatch.setattr("collector.cli.db.info.READ_WHOLE_BYTES", 0)
    told = json.loads(run("db", "info", "--db", database, "-o", "json").stdout)
    exact = json.loads(
        run("db", "info", "--db", database, "-o", "json", "--exact").stdout
    )
    records = [
        next(table["bytes"] for table in one["tables"] if table["name"] == "records")
        for one in (told, exact)
    ]

    assert (told["sizes_are_exact"], exact["sizes_are_exact"]) == (False, True)
    assert records[0] == pytest.approx(records[1], rel=0.3)
    assert "about" in run("db", "info", "--db", database).stdout


def test_check(run, database):
    """A sound database is said to be sound; what is wrong is listed, with status 1."""
    sound = run("db", "check", "--db", database)
    assert (sound.exit_code, sound.stdout) == (0, "")
    assert sound.stderr == f"{database}: sound\n"

    with opened(database) as one:
        one.connection.execute("UPDATE rollups SET count = 7 WHERE seconds = 86400")
        one.connection.execute("UPDATE search_state SET indexed_id = 600")
    wrong = run("db", "check", "--db", database, "--full")
    told = json.loads(run("db", "check", "--db", database, "-o", "json").stdout)

    assert wrong.exit_code == 1
    assert "rollups: the day at epoch second" in wrong.stdout
    assert "search: " in wrong.stdout
    assert "db reindex" in wrong.stderr
    assert "not sound" in wrong.stderr
    assert {one["table"] for one in told} == {"rollups", "search", "search_parts"}


def test_a_pruned_database_is_sound(run, fill):
    """What is removed takes its counts, its interned rows and its index with it."""
    path = fill(
        *(
            {"message": f"message {n}", "created": at, "received": at, "lineno": n % 7}
            for n, at in enumerate(1.7e9 + n * 3000.0 for n in range(400))
        )
    )
    with opened(path) as one:
        one.index()
    pruned = run("db", "prune", "--db", path, "--max-age", "2d", "--level", "info=1d")
    checked = run("db", "check", "--db", path)

    assert pruned.exit_code == 0, pruned.output
    assert 0 < rows(path, "SELECT count(*) FROM records")[0][0] < 400
    assert (checked.exit_code, checked.stdout) == (0, "")


def test_a_check_that_takes_too_long(run, database):
    """It is given up when its time is over, with status 1."""
    result = run("db", "check", "--db", database, "--timeout", "0.000001")

    assert result.exit_code == 1
    assert "--timeout" in result.stderr


def test_a_backup_is_the_same_database(run, database, tmp_path):
    """It holds all rows, is sound, closed, private, and nothing lies beside it."""
    target = tmp_path / "backup" / "copy.sqlite"
    target.parent.mkdir()
    result = run("db", "backup", "--db", database, target)

    assert (result.exit_code, result.stdout) == (0, ""), result.output
    assert str(target) in result.stderr
    assert os.listdir(target.parent) == ["copy.sqlite"]
    assert target.stat().st_mode & 0o007 == 0
    for table in ("logs", "rollups", "rejects", "imports", "search_state"):
        sql = f"SELECT * FROM {table}"
        assert rows(target, sql) == rows(database, sql)
    assert run("db", "check", "--db", target).exit_code == 0
    with opened(target) as one:
        assert one.connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]


def test_a_backup_is_one_state(run, database, tmp_path, make_record, monkeypatch):
    """What is stored while it is made is not in it, and does not make it begin anew."""
    monkeypatch.setattr(backup, "STEP_PAGES", 1)
    target = tmp_path / "copy.sqlite"
    steps = []

    with opened(database) as one:
        [(pages,)] = one.connection.execute("PRAGMA page_count")

        def store(done, total):
            steps.append(done)
            one.add(make_record("meanwhile " * 1000, created=3e9))

        backup.back_up(database, target, overwrite=False, progress=store)

    assert steps == list(range(1, pages + 1))
    assert rows(target, "SELECT count(*), max(created) < 2e9 FROM records") == [
        (600, 1)
    ]
    assert rows(database, "SELECT count(*) FROM records") == [(600 + pages,)]
    assert run("db", "check", "--db", target).exit_code == 0


def test_what_is_there_is_not_overwritten(run, database, tmp_path):
    """A target that is there is left alone, unless it may be replaced."""
    target = tmp_path / "copy.sqlite"
    target.write_text("precious")
    refused = run("db", "backup", "--db", database, target)

    assert refused.exit_code == 1
    assert "--overwrite" in refused.stderr
    assert target.read_text() == "precious"
    assert run("db", "backup", "--db", database, target, "--overwrite").exit_code == 0
    assert rows(target, "SELECT count(*) FROM records") == [(600,)]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda at, db: at.with_name("copy.sqlite-wal").touch(), "in use"),
        (lambda at, db: at.with_name("copy.sqlite.part").touch(), "another backup"),
        (lambda at, db: at.symlink_to(db.with_name("other")), "no file"),
        (lambda at, db: at.mkdir(), "no file"),
        (lambda at, db: os.link(db, at), "the database itself"),
    ],
)
def test_targets_that_are_refused(run, database, tmp_path, make, said):
    """Nothing is written where it would harm; the reason is told."""
    target = tmp_path / "copy.sqlite"
    make(target, database)
    before = there(tmp_path)
    result = run("db", "backup", "--db", database, target, "--overwrite")

    assert result.exit_code == 1
    assert said in result.stderr
    assert there(tmp_path) == before


@pytest.mark.parametrize("name", ["info", "check", "vacuum", "reindex", "prune"])
def test_a_database_that_is_named_without_its_option(run, database, name):
    """It is told which option it belongs to, and nothing is done."""
    before = database.read_bytes()
    result = run("db", name, database)

    assert (result.exit_code, result.stdout) == (2, "")
    assert f"db {name} --db {database}" in result.stderr
    assert database.read_bytes() == before


def test_no_folder_for_a_backup(run, database, tmp_path):
    """The folder that is missing is named, and not made."""
    folder = tmp_path / "none"
    result = run("db", "backup", "--db", database, folder / "copy.sqlite")

    assert result.exit_code == 1
    assert f"{folder / 'copy.sqlite'}: there is no folder {folder}" in result.stderr
    assert ".part" not in result.stderr
    assert not folder.exists()


def test_no_room_for_a_backup(run, database, tmp_path, monkeypatch):
    """Where the disk has too little left, that is told before anything is copied."""
    monkeypatch.setattr(backup, "free_bytes", lambda path: 4096)
    result = run("db", "backup", "--db", database, tmp_path / "copy.sqlite")

    assert result.exit_code == 1
    assert "4,096 left" in result.stderr
    assert not (tmp_path / "copy.sqlite").exists()


def test_an_interrupted_backup_leaves_nothing(database, tmp_path):
    """Whatever ends it, no half copy stays behind."""

    def interrupt(done, total):
        raise KeyboardInterrupt

    before = there(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        backup.back_up(database, tmp_path / "copy", overwrite=False, progress=interrupt)
    assert there(tmp_path) == before


@pytest.fixture
def with_holes(fill):
    """A database of which most records were deleted."""
    path = fill(*[{"message": f"{n} " * 200} for n in range(5000)])
    with opened(path) as one:
        one.connection.execute("DELETE FROM records WHERE id <= 4000")
    return path


@pytest.mark.parametrize("flags", [(), ("--full",)])
def test_vacuum_gives_back(run, with_holes, flags):
    """The file becomes smaller by what was free, and holds what it held."""
    before = with_holes.stat().st_size
    kept = rows(with_holes, "SELECT * FROM logs")
    result = run("db", "vacuum", "--db", with_holes, *flags)

    assert result.exit_code == 0, result.output
    assert "before" in result.stderr
    assert with_holes.stat().st_size < before / 3
    assert rows(with_holes, "PRAGMA freelist_count") == [(0,)]
    assert rows(with_holes, "SELECT * FROM logs") == kept
    assert rows(with_holes, "PRAGMA integrity_check") == [("ok",)]
    assert rows(with_holes, "PRAGMA auto_vacuum") == [(2,)]


def test_vacuum_beside_a_daemon(with_holes, make_record, monkeypatch):
    """Between two steps another connection can write, and nothing is lost."""
    monkeypatch.setattr(vacuum, "STEP_PAGES", 100)
    monkeypatch.setattr(vacuum, "PAUSE_SECONDS", 0.0)
    with closing(
        sqlite3.connect(with_holes, timeout=0, isolation_level=None)
    ) as connection:
        one = Stored(with_holes, connection)
        steps = []

        def store(done, total):
            steps.append((done, total))
            one.add(make_record("meanwhile"))

        vacuum.give_back(with_holes, store)
    done, total = steps[-1]

    assert done == total
    assert len(steps) >= 4
    assert rows(with_holes, "SELECT count(*) FROM logs") == [(1000 + len(steps),)]


def test_a_full_vacuum_is_not_for_a_running_daemon(run, with_holes):
    """While a collector has its claim on the database, it is refused, status 74."""
    with with_holes.open("r+b") as claimed:
        fcntl.flock(claimed, fcntl.LOCK_EX)
        result = run("db", "vacuum", "--db", with_holes, "--full")

    assert result.exit_code == 74
    assert "another logcollector writes to it" in result.stderr


def test_no_room_for_a_full_vacuum(run, with_holes, monkeypatch):
    """It needs room for the file twice over, and says so."""
    monkeypatch.setattr(vacuum, "free_bytes", lambda path: 4096)
    result = run("db", "vacuum", "--db", with_holes, "--full")

    assert result.exit_code == 1
    assert "4,096 left" in result.stderr
    assert rows(with_holes, "PRAGMA freelist_count") != [(0,)]
