"""`logcollector import`: what is moved is the same, and nothing is there twice."""

import gzip
import json
import os
import shutil
import sqlite3
import threading
from contextlib import closing

import msgspec
import pytest
from moving.databases import (
    copy_tables,
    older,
    pages_of,
    root_page,
    rows,
    spoil,
    various,
    whole,
)
from store.stored import (
    ROLLUPS,
    expected_rollups,
    messages,
    new_stored,
    opened,
)

from collector.store.inserter import Inserter
from collector.store.schema import SCHEMA_VERSION

IMPORTS = "SELECT first_id, last_id FROM imports ORDER BY first_id"


@pytest.fixture
def source(fill):
    """A database with records of all kinds."""
    return fill(*various(300), name="source.sqlite")


@pytest.fixture
def target(tmp_path):
    """Where a database is imported into."""
    return tmp_path / "target.sqlite"


@pytest.fixture
def bring(run, target):
    """Imports files into the target, and returns what was said."""

    def bring(*files, status=0, **options):
        result = run("import", *files, "--db", target, **options)
        assert result.exit_code == status, (result.output, result.exception)
        assert result.stdout == ""
        return result.stderr

    return bring


@pytest.fixture
def exported(run, tmp_path):
    """Exports a database, and returns the file."""

    def export(path, name="out.jsonl", *more):
        file = tmp_path / name
        result = run("export", "--db", path, "--to", file, *more)
        assert result.exit_code == 0, (result.output, result.exception)
        return file

    return export


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_what_is_exported_is_imported_the_same(bring, exported, source, target, name):
    """Every value of every record is as it was, in the same order."""
    assert "300 imported" in bring(exported(source, name))

    assert whole(target) == whole(source)


def test_another_database_is_imported_the_same(bring, source, target):
    """Records come with all they have; the source stays as it is."""
    before = source.read_bytes()
    bring(source)

    assert whole(target) == whole(source)
    assert source.read_bytes() == before


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION + 1))
def test_a_database_of_any_schema_is_read_as_it_is(
    bring, source, target, tmp_path, version
):
    """An older database is imported, and not upgraded."""
    old = tmp_path / "old.sqlite"
    older(old, version)
    copy_tables(source, old)
    bring(old)

    assert whole(target) == whole(source)
    assert rows(old, "PRAGMA user_version") == [(version,)]


def test_a_database_that_is_made_is_the_daemons(bring, source, target):
    """The new database has its schema, its rollups and its rights."""
    bring(source)

    assert rows(target, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert rows(target, "PRAGMA auto_vacuum") == [(2,)]
    assert target.stat().st_mode & 0o7777 == 0o640
    with closing(sqlite3.connect(target)) as connection:
        assert connection.execute(ROLLUPS).fetchall() == expected_rollups(connection)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize(
    "way", ["same file", "copy", "database", "query", "compressed"]
)
def test_twice_adds_nothing(bring, exported, source, target, tmp_path, run, way):
    """By whatever way the same records come again, none is there twice."""
    bring(exported(source))
    again = {
        "same file": lambda: tmp_path / "out.jsonl",
        "copy": lambda: shutil.copy(tmp_path / "out.jsonl", tmp_path / "b.jsonl"),
        "database": lambda: source,
        "compressed": lambda: exported(source, "c.jsonl.gz"),
        "query": lambda: tmp_path / "query.jsonl",
    }[way]
    listed = run("query", "--db", source, "-o", "jsonl", "-n", "0")
    (tmp_path / "query.jsonl").write_text(listed.stdout, encoding="utf-8")

    assert "0 imported, 300 already there" in bring(again())
    assert whole(target) == whole(source)


def test_equal_records_stay_as_many_as_there_are(bring, fill, target, exported):
    """Records that are the same are all imported, once."""
    file = exported(fill(*[{}] * 5, {"message": "other"}, *[{}] * 2))
    for _ in range(2):
        bring(file)

    assert len(messages(target)) == 8


def test_of_equal_records_only_those_that_lack_are_added(
    bring, fill, target, exported, make_record
):
    """Where two are there and three come, one is added."""
    file = exported(fill(*[{}] * 3))
    with new_stored(target) as one:
        one.add(make_record(), make_record(received=1_800_000_000.0, peer="::1"))
    said = bring(file)

    assert "1 imported, 2 already there" in said
    assert len(messages(target)) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"created": 1_700_000_000.2500002},
        {"name": "myapp.dc"},
        {"levelno": 21},
        {"levelname": "INFORM"},
        {"message": "hellp"},
        {"hostname": "web2"},
        {"process": 4243},
        {"thread": 1235},
        {"threadName": "T"},
        {"taskName": "t"},
        {"exc_text": "E"},
        {"stack_info": "S"},
        {"extra": '{"a":1}'},
        {"lineno": 18},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_differs_is_no_double(bring, fill, target, make_record, change):
    """A record that differs in anything that its client told is another one."""
    with new_stored(target) as one:
        one.add(make_record())

    assert "1 imported" in bring(fill(change))


@pytest.mark.parametrize(
    "change", [{"received": 1.0}, {"peer": "::2"}, {"started": 5.0}], ids=str
)
def test_what_some_formats_lack_does_not_count(
    bring, fill, target, make_record, change
):
    """When and from whom it was received does not make another record of it."""
    with new_stored(target) as one:
        one.add(make_record())

    assert "0 imported, 1 already there" in bring(fill(change))


def test_an_import_that_was_interrupted_is_gone_on_with(
    bring, exported, source, target, tmp_path
):
    """What the first part of a file has brought is not brought again."""
    file = exported(source)
    half = tmp_path / "half.jsonl"
    half.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:140]))
    bring(half)

    assert "160 imported, 140 already there" in bring(file)
    assert whole(target) == whole(source)


def test_imports_are_noted(bring, fill, target, exported, make_record):
    """The ids that an import has brought are noted, and those of others not."""
    first = exported(fill(*various(30)), "a.jsonl")
    second = exported(fill(*various(30, seed=2)), "b.jsonl")
    bring(first)
    with opened(target) as one:
        one.add(make_record("from a client"))
    bring(first, second)

    assert rows(target, IMPORTS) == [(1, 30), (32, 61)]
    [(early,), (late,)] = rows(target, "SELECT imported FROM imports")
    assert 0 < early <= late


def test_attributes_of_any_program_are_imported(bring, target, tmp_path):
    """JSON lines with the attributes of LogRecord become records."""
    lines = [
        {"msg": "one", "name": "a.b", "levelname": "ERROR", "created": 5.5, "k": [1]},
        {"message": "two", "level": "WARNING", "created": "1970-01-01T00:00:06Z"},
        {"message": "three", "levelno": 10, "created": 7, "host": "h", "process": "12"},
    ]
    file = tmp_path / "app.log"
    file.write_text("\n".join(map(json.dumps, lines)) + "\n\n", encoding="utf-8")
    bring(file)
    shown = "created, name, level, message, hostname, process, extra"

    assert rows(target, f"SELECT {shown} FROM logs ORDER BY id") == [
        (5.5, "a.b", "ERROR", "one", "", None, '{"k":[1]}'),
        (6.0, "", "WARNING", "two", "", None, None),
        (7.0, "", "DEBUG", "three", "h", 12, '{"host":"h"}'),
    ]


def test_what_tells_no_time_is_of_the_files(bring, target, tmp_path):
    """Without a time a line gets the file's, so that it is no other next time."""
    file = tmp_path / "app.jsonl"
    file.write_text('{"msg": "one"}\n{"msg": "one"}', encoding="utf-8")
    os.utime(file, (1_600_000_000, 1_600_000_000))
    for _ in range(2):
        bring(file)

    times = [time for (time,) in rows(target, "SELECT created FROM logs ORDER BY id")]
    assert times == [1.6e9, pytest.approx(1.6e9 + 1e-6, abs=5e-7)]
    assert times[0] < times[1]


def test_an_array_is_imported(bring, run, source, target, tmp_path):
    """What `query -o json` writes is read too."""
    file = tmp_path / "all.json"
    listed = run("query", "--db", source, "-o", "json", "-n", "0", "--order", "oldest")
    file.write_text(listed.stdout, encoding="utf-8")
    said = bring(file)

    assert "300 imported" in said
    assert "rejected" not in said
    assert messages(target) == messages(source)


BAD = [
    (b"{", "malformed_json"),
    (b"[1, 2]", "no_object"),
    (b'{"name": "x"}', "no_message"),
    (b"\xff\xfe", "malformed_json"),
    (b'{"msg": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", "too_deep"),
]


@pytest.mark.parametrize(("line", "reason"), BAD, ids=[reason for _, reason in BAD])
def test_a_bad_line_costs_one_line(bring, target, tmp_path, line, reason):
    """It becomes a reject with its reason; its neighbours are imported."""
    file = tmp_path / "app.jsonl"
    file.write_bytes(b'{"msg": "before"}\n' + line + b'\n{"msg": "behind"}\n')
    for _ in range(2):
        assert "1 line rejected" in bring(file)

    assert messages(target) == ["before", "behind"]
    [(found, detail, payload)] = rows(
        target, "SELECT reason, detail, payload FROM rejects"
    )
    assert (found, payload) == (reason, line)
    assert "line 2" in detail


def test_a_line_without_end_is_rejected(bring, target, tmp_path, monkeypatch):
    """No more of a line is taken into memory than a record may have."""
    monkeypatch.setattr("collector.moving.bounded_lines.MAX_LINE_BYTES", 4000)
    long = json.dumps({"msg": "x" * 3_000_000})
    file = tmp_path / "app.jsonl"
    file.write_text(f'{long}\n{{"msg": "behind"}}', encoding="utf-8")
    assert "1 line rejected" in bring(file)

    assert messages(target) == ["behind"]
    assert rows(target, "SELECT reason FROM rejects") == [("line_too_long",)]


def test_many_bad_lines_leave_other_rejects(bring, target, tmp_path):
    """Only the first of them are kept; all are counted."""
    file = tmp_path / "app.jsonl"
    file.write_bytes(b"".join(b"bad %d\n" % n for n in range(2500)))

    assert "2,500 lines rejected" in bring(file, status=1)
    assert rows(target, "SELECT count(*) FROM rejects") == [(100,)]


def test_stdin_is_imported(bring, exported, source, target):
    """A dash stands for standard input, compressed or not."""
    data = exported(source).read_bytes()
    bring("-", input=data)
    said = bring("-", input=gzip.compress(data))

    assert "300 already there" in said
    assert whole(target) == whole(source)


DAGRUNNER = """
CREATE TABLE logs (created TEXT, name TEXT, level TEXT, message TEXT,
                   hostname TEXT, process TEXT, thread TEXT)
"""


def test_a_database_of_dagrunners_is_imported(bring, target, tmp_path):
    """Its seven columns become records, whatever types they have."""
    path = tmp_path / "dagrunner.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(DAGRUNNER)
        connection.executemany(
            "INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (1_700_000_000.125, "root", "INFO", "one", "vm", 17, 140_000_000_000),
                ("2026-11-20T22:06:37", "a", "ERROR", "two", "vm", "18", "MainThread"),
                (None, None, None, None, None, None, None),
            ],
        )
        connection.commit()
    os.utime(path, (1_600_000_000, 1_600_000_000))
    for _ in range(2):
        bring(path)
    shown = "created, name, levelno, level, message, hostname, process, thread"

    assert rows(target, f"SELECT {shown}, threadName FROM logs ORDER BY id") == [
        (1_700_000_000.125, "root", 20, "INFO", "one", "vm", 17, 140_000_000_000, None),
        (1_795_212_397.0, "a", 40, "ERROR", "two", "vm", 18, None, "MainThread"),
        (1.6e9, "", 0, "NOTSET", "", "", None, None, None),
    ]


def test_a_live_database_is_read_with_its_log(bring, target, fill, make_record):
    """What stands in the write-ahead log of another collector alone is imported."""
    path = fill({"message": "in the file"})
    with opened(path) as one:
        one.connection.execute("PRAGMA wal_autocheckpoint = 0")
        one.add(make_record("in the log"))
        bring(path)

    assert messages(target) == ["in the file", "in the log"]


def test_a_database_is_not_imported_into_itself(run, source):
    """That is told as the mistake it is."""
    result = run("import", source, "--db", source)

    assert result.exit_code == 2
    assert "import into" in result.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PAR1....", "parquet"),
        (b"PK\x03\x04....", "zip"),
        (b"\x1f\x8bnot really", "cannot be read further"),
    ],
)
def test_what_is_something_else_is_told(bring, tmp_path, content, said):
    """A file that can't be imported is named, with what it seems to be."""
    file = tmp_path / "file"
    file.write_bytes(content)

    assert said in bring(file, status=1)


@pytest.mark.parametrize("name", ["logs.csv", "logs.csv.gz"])
def test_an_exported_csv_is_told_at_once(run, bring, source, target, tmp_path, name):
    """It is known by its header, and none of its lines becomes a reject."""
    file = tmp_path / name
    assert run("export", "--db", source, "--to", file).exit_code == 0
    said = bring(file, status=1)

    assert "is CSV, which can be exported and not imported" in said
    assert "jsonl" in said
    with closing(sqlite3.connect(target)) as connection:
        assert connection.execute("SELECT count(*) FROM rejects").fetchone() == (0,)


def test_the_others_are_imported_nevertheless(bring, source, target, tmp_path):
    """A file that can't be read does not keep those behind it from coming."""
    (tmp_path / "file").write_bytes(b"PAR1....")
    said = bring(tmp_path / "file", source, status=1)

    assert "parquet" in said
    assert whole(target) == whole(source)


def test_another_programs_database_is_refused(bring, tmp_path):
    """A database without records of ours or of dagrunner's is not read."""
    path = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE records (id, x)")

    assert "neither" in bring(path, status=1)


def test_a_database_of_the_future_is_refused(bring, source):
    """A newer schema may mean something else."""
    with closing(sqlite3.connect(source)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")

    assert "upgrade logcollector" in bring(source, status=1)


@pytest.fixture
def damaged(fill):
    """A database whose records fill many pages."""
    return fill(*various(3000), name="damaged.sqlite")


def told_lost(said):
    return int(
        said.partition(" ids can't be read")[0].rpartition(" ")[2].replace(",", "")
    )


@pytest.mark.parametrize(
    "which", [[0], [-1], [5], [5, 6, 20], range(0, 50, 2)], ids=str
)
def test_all_but_the_lost_pages_are_imported(bring, damaged, target, which):
    """Only the records on pages that can't be read are lost, and that is told."""
    pages = pages_of(damaged, "records")
    assert len(pages) > 50
    everything = whole(damaged)
    spoil(damaged, *[pages[n] for n in which])
    said = bring(damaged)
    saved = whole(target)
    kept = set(saved)

    assert kept < set(everything)
    assert [row for row in everything if row in kept] == saved
    lost = len(everything) - len(saved)
    assert lost <= 100 * len(which)
    assert told_lost(said) == lost


def test_a_lost_page_above_others_costs_what_is_below(bring, damaged, target):
    """Where the root of the records is lost nothing can be reached, and it is told."""
    spoil(damaged, root_page(damaged, "records"))
    said = bring(damaged)

    assert messages(target) == []
    assert told_lost(said) == 3000


@pytest.mark.parametrize("table", ["call_sites", "origins"])
def test_interned_rows_come_from_their_index(bring, damaged, target, table):
    """Where their table is lost they are read from the index, and nothing is lost."""
    everything = whole(damaged)
    spoil(damaged, root_page(damaged, table))
    bring(damaged)

    assert whole(target) == everything


@pytest.mark.parametrize(
    ("table", "kept"), [("call_sites", "hostname"), ("origins", "name")]
)
def test_records_stay_when_their_interned_rows_are_lost(
    bring, damaged, target, table, kept
):
    """A record whose call site or origin is lost is imported with what is known."""
    everything = rows(damaged, f"SELECT message, {kept} FROM logs ORDER BY id")
    spoil(
        damaged,
        root_page(damaged, table),
        root_page(damaged, f"sqlite_autoindex_{table}_1"),
    )
    bring(damaged)

    assert rows(target, f"SELECT message, {kept} FROM logs ORDER BY id") == everything
    assert {
        tuple(msgspec.json.decode(extra)["_lost"])
        for (extra,) in rows(target, "SELECT extra FROM logs")
    } == {(table.removesuffix("s"),)}
    assert "0 imported, 3,000 already there" in bring(damaged)


@pytest.mark.parametrize("bad", [b"\xff", b"\0"])
def test_a_database_that_has_lost_its_first_page_is_imported(
    bring, damaged, target, bad
):
    """Nothing but the first page is lost with the first page."""
    everything = whole(damaged)
    with damaged.open("r+b") as file:
        file.write(bad * 4096)
    spoiled = damaged.read_bytes()

    assert "first page is lost" in bring(damaged)
    assert whole(target) == everything
    assert damaged.read_bytes() == spoiled


def test_a_broken_schema_is_no_hindrance(bring, source, target):
    """Where a table's definition is nonsense the records can be read yet."""
    everything = whole(source)
    with opened(source) as one:
        one.spoil_schema()
    bring(source)

    assert whole(target) == everything


def test_what_was_no_database_of_ours_is_told_of(bring, tmp_path):
    """Where nothing tells what it was, it is said what may help."""
    file = tmp_path / "file"
    file.write_bytes(b"\0" * 8192)

    assert ".recover" in bring(file, status=1)


def test_a_file_that_is_named_twice_is_imported_once(bring, exported, source, target):
    """Each file is compared with what is there by then, also from those before it."""
    file = exported(source)
    said = bring(file, file)

    assert "300 imported" in said
    assert "300 already there" in said
    assert whole(target) == whole(source)


def test_what_was_read_before_a_file_broke_off_is_imported(
    bring, exported, source, target
):
    """Of a torn file all that can be read is stored, and both are told."""
    file = exported(source)
    data = gzip.compress(file.read_bytes(), mtime=0)
    file.write_bytes(data[: len(data) // 2])
    for first in (True, False):
        said = bring(file, status=1)
        found = messages(target)
        assert "cannot be read further" in said
        assert f"{len(found)} {'imported' if first else 'already there'}" in said

    assert 50 < len(found) < 300
    assert found == messages(source)[: len(found)]


def test_the_same_bad_lines_are_kept_once(bring, target, tmp_path):
    """However often a wrong file is imported, its first bad lines are kept, no more."""
    file = tmp_path / "app.jsonl"
    file.write_bytes(b"".join(b"bad %d\n" % n for n in range(500)))
    for _ in range(3):
        bring(file, status=1)

    assert rows(target, "SELECT count(*) FROM rejects") == [(100,)]


def test_what_an_interrupted_import_has_brought_is_told(
    bring, exported, source, target, monkeypatch
):
    """After Ctrl-C it is said how much is there, and that it can be run again."""
    store = Inserter.store

    def interrupted(self, connection, **batch):
        if messages(target):
            raise KeyboardInterrupt
        store(self, connection, **batch)

    monkeypatch.setattr(Inserter, "store", interrupted)
    said = bring(exported(source), status=1)
    found = len(messages(target))

    assert 0 < found < 300
    assert f"{found} imported; it broke off, and can be run again" in said


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_a_pipe_is_imported(bring, exported, source, target, compress):
    """What can't be read twice is read as stdin is."""
    data = compress(exported(source).read_bytes())
    end, begin = os.pipe()

    def write():
        with open(begin, "wb") as pipe:
            pipe.write(data)

    writer = threading.Thread(target=write)
    writer.start()
    said = bring(f"/dev/fd/{end}")
    writer.join()
    os.close(end)

    assert "300 imported" in said
    assert whole(target) == whole(source)


@pytest.mark.parametrize("name", ["app.jsonl", "-"])
def test_a_byte_order_mark_is_no_part_of_a_line(bring, target, tmp_path, name):
    """What some editors write at the beginning of a file costs nothing."""
    data = b'\xef\xbb\xbf{"msg": "one"}\n{"msg": "two"}\n'
    (tmp_path / "app.jsonl").write_bytes(data)
    said = bring(name if name == "-" else tmp_path / name, input=data)

    assert "2 imported" in said
    assert "rejected" not in said
    assert messages(target) == ["one", "two"]


def test_a_level_is_one_beside_msg_too(bring, target, tmp_path):
    """Lines of other programs have `level` and `msg`; it is the record's level."""
    file = tmp_path / "app.jsonl"
    file.write_text(
        '{"msg": "a", "level": "ERROR"}\n{"msg": "b", "level": 40}\n'
        '{"msg": "c", "level": "mine", "levelno": 30}\n'
    )
    bring(file)

    with closing(sqlite3.connect(target)) as connection:
        levels = connection.execute("SELECT levelno FROM logs ORDER BY id").fetchall()
    assert levels == [(40,), (40,), (30,)]


def test_a_file_of_nothing_usable_is_a_mistake(run, target, tmp_path):
    """Where no line is a record, status 1, and what can be imported is told."""
    file = tmp_path / "logs.csv"
    file.write_text("id,created,name\n1,2,app\n")
    result = run("import", "--db", target, file)

    assert result.exit_code == 1
    assert "has nothing that can be imported" in result.stderr
