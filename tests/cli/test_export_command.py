"""`logcollector export`: what is asked for, whole, and a file when it is complete."""

import csv
import gzip
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from zoneinfo import ZoneInfo

import pytest
from moving.databases import various
from store.stored import opened

from collector.moving import part_file
from collector.query.log_row import LogRow
from collector.store import exported


@pytest.fixture
def database(fill):
    """A database with records of all kinds."""
    return fill(*various(300))


@pytest.fixture
def export(run, database, tmp_path):
    """Exports the database into a file, and returns the file and what was said."""

    def export(*arguments, name="out.jsonl", status=0, **options):
        file = tmp_path / name
        result = run("export", "--db", database, "--to", file, *arguments, **options)
        assert result.exit_code == status, (result.output, result.exception)
        assert result.stdout == ""
        return file, result.stderr

    return export


def shown(run, database, *arguments):
    """Return what `query` shows as JSON lines, the oldest first."""
    result = run(
        *("query", "--db", database, "-o", "jsonl", "-n", "0", "--order", "oldest"),
        *arguments,
    )
    return [json.loads(line) for line in result.stdout.splitlines()]


def objects(data):
    """Return the objects of JSON lines without what `query` does not show."""
    found = [json.loads(line) for line in data.splitlines()]
    return [{key: one[key] for key in LogRow._fields} for one in found]


@pytest.fixture
def interrupted(monkeypatch):
    """Ends an export by Ctrl-C, after some of its steps."""

    def interrupt(after_steps):
        monkeypatch.setattr(exported, "STEP_ROWS", 40)
        steps = exported.Export.steps

        def some(self):
            for number, rows in enumerate(steps(self)):
                if number == after_steps:
                    raise KeyboardInterrupt
                yield rows

        monkeypatch.setattr(exported.Export, "steps", some)

    def go_on():
        monkeypatch.undo()
        monkeypatch.setattr(exported, "STEP_ROWS", 40)

    interrupt.go_on = go_on
    return interrupt


QUERIES = [
    [],
    ["level>=error"],
    ["message", "-l", "error"],
    ["user.id=42"],
    ["nothing-has-this"],
    ["--after", "120"],
    ["--after", "120", "level:debug"],
    ["id>=250"],
]


@pytest.mark.parametrize("query", QUERIES, ids=" ".join)
@pytest.mark.parametrize("indexed", [False, True])
def test_the_records_are_those_of_query(run, database, export, query, indexed):
    """The same query finds the same records, with the same values."""
    if indexed:
        with opened(database) as one:
            one.index()
    file, said = export(*query)
    expected = shown(run, database, *query)

    assert objects(file.read_bytes()) == expected
    assert f"{len(expected)} records" in said


def test_stdout_is_the_default(run, database):
    """Without --to, or with a dash, lines are written to stdout and nothing else."""
    for more in ([], ["--to", "-"]):
        result = run("export", "--db", database, *more)
        assert (result.exit_code, result.stderr) == (0, "")
        assert objects(result.stdout_bytes) == shown(run, database)


def test_in_small_steps_it_is_the_same(export, monkeypatch):
    """However much fits into a step, each record is written once, in order."""
    whole = export(name="whole.jsonl")[0].read_bytes()
    some = export("message", name="some.jsonl")[0].read_bytes()
    monkeypatch.setattr(exported, "STEP_ROWS", 7)
    monkeypatch.setattr(exported, "STEP_CHARS", 60)

    assert export(name="b.jsonl")[0].read_bytes() == whole
    assert export("message", name="c.jsonl")[0].read_bytes() == some == whole


def test_when_the_process_was_started_is_told(export, database):
    """A line has `started` beside the columns of the view."""
    file, _ = export()
    with closing(sqlite3.connect(database)) as connection:
        started = connection.execute(
            "SELECT nullif(started, 0) FROM records JOIN origins AS o "
            "ON o.id = origin_id ORDER BY records.id"
        ).fetchall()

    found = [json.loads(line)["started"] for line in file.read_text().splitlines()]
    assert found == [row[0] for row in started]


@pytest.mark.parametrize(
    "extra",
    ['{"a": "x\x85\u202e"}', "no json", '{"a":\n1}', '{"a": "\x1b[31m"}', "[1]"],
)
def test_a_record_is_one_line_that_steers_no_terminal(run, fill, extra):
    """Whatever a database has as extra, a line is JSON without control characters."""
    path = fill({"message": "\x85\u202e\x7f\u2028", "extra": extra})
    result = run("export", "--db", path)
    [line] = result.stdout_bytes.decode().splitlines()

    assert line.isprintable()
    assert json.loads(line)["message"] == "\x85\u202e\x7f\u2028"


def test_a_name_tells_the_format(run, export, database):
    """A file that ends in .csv is one, and .gz is compressed."""
    file, _ = export(name="out.csv.gz")
    rows = list(
        csv.DictReader(io.StringIO(gzip.decompress(file.read_bytes()).decode()))
    )

    assert [int(row["id"]) for row in rows] == list(range(1, 301))
    assert list(rows[0]) == [*LogRow._fields, "started"]
    asked, _ = export("-o", "csv", name="out.txt")
    assert asked.read_bytes() == gzip.decompress(file.read_bytes())


def test_an_ending_of_no_format_is_a_mistake(run, database, tmp_path):
    """Nothing is written then, unless --format says what; without one it is JSON."""
    file = tmp_path / "logs.foo.gz"
    refused = run("export", "--db", database, "--to", file)
    left = list(tmp_path.iterdir())
    named = run("export", "--db", database, "--to", file, "--format", "csv")
    plain = run("export", "--db", database, "--to", tmp_path / "logs")

    assert refused.exit_code == 2
    assert "--format" in refused.stderr
    assert file not in left
    assert (named.exit_code, plain.exit_code) == (0, 0)
    assert (tmp_path / "logs").read_bytes().startswith(b"{")


def test_csv_is_that_of_query(run, database, export):
    """The columns that `query` has look the same."""
    file, _ = export(name="out.csv")
    listed = run("query", "--db", database, "-o", "csv", "-n0", "--order", "oldest")
    rows = csv.reader(io.StringIO(file.read_text(encoding="utf-8"), newline=""))

    expected = list(csv.reader(io.StringIO(listed.stdout, newline="")))
    assert [row[:-1] for row in rows] == expected


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz", "out.csv"])
@pytest.mark.parametrize("torn", [b"", b'{"id":9'], ids=["clean", "torn"])
def test_an_interrupted_export_is_gone_on_with(
    export, interrupted, tmp_path, name, torn, monkeypatch
):
    """Called again it goes on where it was, and the file is as if nothing was."""
    whole = export(name=f"whole-{name}")[0].read_bytes()
    interrupted(3)
    file, _ = export(name=name, status=1)
    assert not file.exists()
    part = part_file.part_of(file)
    with part.open("ab") as torn_file:
        torn_file.write(torn)
    interrupted.go_on()
    file, said = export(name=name)

    opener = gzip.decompress if name.endswith(".gz") else bytes
    assert opener(file.read_bytes()) == opener(whole)
    assert "goes on behind id 120" in said
    assert "180 records" in said
    assert sorted(path.name for path in tmp_path.glob(f"{name}*")) == [name]


def test_a_query_about_time_means_the_same_later(
    run, export, interrupted, database, monkeypatch
):
    """What an interrupted export found by `since:`, it finds also when it goes on."""
    moment = 1_700_000_000 + 60.0
    monkeypatch.setattr("collector.moving.exporting.time.time", lambda: moment)
    whole = export("since:50s", name="whole.jsonl")[0].read_bytes()
    interrupted(1)
    monkeypatch.setattr("collector.moving.exporting.time.time", lambda: moment)
    export("since:50s", status=1)
    interrupted.go_on()
    monkeypatch.setattr("collector.moving.exporting.time.time", lambda: moment + 1000)
    file, _ = export("since:50s")

    assert file.read_bytes() == whole
    assert 0 < len(whole.splitlines()) < 300


@pytest.mark.parametrize(
    "change",
    [
        ["level:error"],
        ["-o", "csv"],
        ["--level", "error"],
        ["--after", "3"],
        ["--limit", "200"],
        ["--grep", "message"],
    ],
)
def test_a_part_of_another_export_is_left_alone(export, interrupted, change):
    """It is told, not gone on with; --overwrite does away with it."""
    interrupted(2)
    file, _ = export(status=1)
    interrupted.go_on()
    part = part_file.part_of(file).read_bytes()
    _, said = export(*change, status=1)

    assert "another export" in said
    assert part_file.part_of(file).read_bytes() == part
    export(*change, "--overwrite")
    assert not part_file.part_of(file).exists()


def test_a_part_of_another_database_is_left_alone(export, interrupted, run, fill):
    """The same query on another database is another export."""
    interrupted(2)
    file, _ = export(status=1)
    interrupted.go_on()
    other = fill({}, name="other.sqlite")
    result = run("export", "--db", other, "--to", file)

    assert result.exit_code == 1
    assert "another export" in result.stderr


@pytest.mark.parametrize("name", ["out.jsonl.part", "out.jsonl.part.json"])
def test_what_is_somebody_elses_is_left_alone(export, tmp_path, name):
    """A file that only has the name of a part is not written over."""
    (tmp_path / name).write_text("mine", encoding="utf-8")
    (tmp_path / "out.jsonl.part").touch()
    _, said = export(status=1)

    assert "in the way" in said
    assert (tmp_path / name).read_text(encoding="utf-8") == "mine"


def test_two_exports_do_not_write_the_same_file(export, tmp_path):
    """The second one is told that there is a first one."""
    note = part_file.Note("db", "", 0.0, "jsonl")
    with part_file.open_part(tmp_path / "out.jsonl", note) as part:
        part.write(b"mine", 1)
        part.sync()
        _, said = export("--overwrite", status=1)

    assert "another export is writing it" in said
    assert (tmp_path / "out.jsonl").read_bytes() == b"mine"


def test_a_file_that_is_there_is_kept(export):
    """It is written anew only with --overwrite."""
    file, _ = export()
    before = file.read_bytes()
    _, said = export("level:error", status=1)

    assert "--overwrite" in said
    assert file.read_bytes() == before
    export("level:error", "--overwrite")
    assert file.read_bytes() != before


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz", "out.csv"])
def test_what_is_new_is_added(export, database, make_record, name):
    """With --continue a complete file gets the records that have come since.

    What they are asked for is the query as it is given then, and that is said.
    """
    export(name=name)
    with opened(database) as one:
        one.add(*[make_record(f"new\n{n}") for n in range(5)])
    file, said = export("--continue", name=name)
    opener = gzip.decompress if name.endswith(".gz") else bytes

    assert "5 records" in said
    whole, _ = export(name=f"whole-{name}")
    assert opener(file.read_bytes()) == opener(whole.read_bytes())
    said = export("--continue", name=name)[1]
    assert "0 records" in said
    assert "as it is given now" in said


def test_to_a_file_of_another_database_nothing_is_added(export, run, fill):
    """Where its last record is not in the database, a file is not gone on with."""
    file, _ = export()
    before = file.read_bytes()
    for other in (fill({}, name="few.sqlite"), fill(*[{}] * 400, name="many.sqlite")):
        result = run("export", "--db", other, "--to", file, "--continue")
        assert result.exit_code == 1
        assert "not one of" in result.stderr
    assert file.read_bytes() == before


@pytest.mark.parametrize("cut", [1, 20])
def test_a_file_that_is_not_whole_is_not_gone_on_with(export, cut):
    """A last line that is torn is told of."""
    file, _ = export()
    file.write_bytes(file.read_bytes()[:-cut])

    assert "not whole" in export("--continue", status=1)[1]


def test_a_full_disk_is_told(export, monkeypatch):
    """What could be written is kept, and the error says so."""

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(part_file.os, "write", full)
    assert "No space left" in export(status=1)[1]


def test_a_folder_that_is_not_there_is_told(export):
    """Nothing is written, and no traceback shown."""
    assert "folder" in export(name="none/out.jsonl", status=1)[1]


def test_a_file_is_for_its_owner_and_group(export):
    """What is exported has the rights of the database."""
    assert export()[0].stat().st_mode & 0o7777 == 0o640


def test_what_is_deleted_meanwhile_is_left_out(export, database, monkeypatch):
    """Records that vanish while they are exported are no error."""
    monkeypatch.setattr(exported, "STEP_ROWS", 40)
    steps = exported.Export.steps

    def deleting(self):
        for rows in steps(self):
            yield rows
            with opened(database) as one:
                one.connection.execute(
                    "DELETE FROM records WHERE id BETWEEN 30 AND 250"
                )

    monkeypatch.setattr(exported.Export, "steps", deleting)
    file, _ = export()

    ids = [json.loads(line)["id"] for line in file.read_text().splitlines()]
    assert ids == [*range(1, 41), *range(251, 301)]


def test_without_pyarrow_it_is_said_what_to_install(export, monkeypatch):
    """Parquet is for those who have it, and others are told."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    _, said = export(name="out.parquet", status=1)

    assert "pip install pyarrow" in said


@pytest.mark.parametrize(
    "flags",
    [
        ["--continue", "--overwrite"],
        ["--continue", "--limit", "5"],
        ["-o", "xml"],
        ["-o", "parquet"],
    ],
)
def test_mistakes_are_told(export, flags):
    """Flags that make no sense are a user's mistake."""
    export(*flags, name="out.gz", status=2)


def test_writing_is_on_the_disk_before_the_name(export, monkeypatch):
    """The file is synced before it gets its name."""
    done = []
    monkeypatch.setattr(part_file.os, "fsync", lambda file: done.append("sync"))
    replace = part_file.Path.replace

    def noted(self, target):
        done.append(target.name)
        return replace(self, target)

    monkeypatch.setattr(part_file.Path, "replace", noted)
    export()
    assert done[-3:] == ["sync", "out.jsonl", "sync"]


def test_a_killed_export_is_gone_on_with(run, database, tmp_path):
    """What a kill leaves behind is gone on with like what Ctrl-C leaves."""
    file = tmp_path / "out.jsonl"
    script = (
        "import os, signal\n"
        "from collector.store import exported\n"
        "from collector.moving import part_file\n"
        "from collector.cli.main import main\n"
        "exported.STEP_ROWS, part_file.SYNC_BYTES = 40, 1\n"
        "steps = exported.Export.steps\n"
        "def killed(self):\n"
        "    for number, rows in enumerate(steps(self)):\n"
        "        if number == 4: os.kill(os.getpid(), signal.SIGKILL)\n"
        "        yield rows\n"
        "exported.Export.steps = killed\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "export", "--db", database, "--to", file],
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    result = run("export", "--db", database, "--to", file)

    assert "goes on behind id 160" in result.stderr
    assert objects(file.read_bytes()) == shown(run, database)


@pytest.mark.parametrize("flags", [[], ["--overwrite"], ["--continue"]], ids=str)
@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal"])
def test_the_database_is_not_written_over(run, database, flags, suffix):
    """What is the database, or belongs to it, stays as it is."""
    target = database.with_name(database.name + suffix)
    before = database.read_bytes()
    result = run("export", "--db", database, "--to", target, "-o", "jsonl", *flags)

    assert result.exit_code == 1
    assert "the database itself" in result.stderr
    assert database.read_bytes() == before


@pytest.mark.parametrize("flags", [[], ["--overwrite"], ["--continue"]], ids=str)
@pytest.mark.parametrize(
    "make",
    [
        os.mkfifo,
        lambda path: path.symlink_to(path.with_name("elsewhere")),
        lambda path: path.symlink_to(path.with_name("logs.sqlite")),
    ],
    ids=["fifo", "link to nothing", "link to the database"],
)
def test_only_a_file_is_written_over(export, database, tmp_path, flags, make):
    """Pipes, devices and links are told of, and nothing waits for them."""
    target = tmp_path / "out.jsonl"
    make(target)
    before = database.read_bytes()
    _, said = export(*flags, status=1)

    assert "is no file" in said or "the database itself" in said
    assert not target.is_file() or target.is_symlink()
    assert database.read_bytes() == before


def test_a_pipe_in_the_place_of_the_part_is_told(export, tmp_path):
    """What would be waited for in vain is in the way."""
    os.mkfifo(tmp_path / "out.jsonl.part")

    assert "in the way" in export(status=1)[1]


@pytest.mark.parametrize("flags", [["--overwrite"], ["--continue"]], ids=str)
def test_a_note_without_a_part_hinders_nothing(export, tmp_path, flags):
    """What a kill just before the end or the beginning leaves is done away with."""
    file, _ = export()
    whole = file.read_bytes()
    note = part_file.Note("db", "another", 0.0, "jsonl", 300, len(whole))
    part_file.write_note(part_file.note_of(file), note)
    export(*flags)

    assert file.read_bytes() == whole
    assert [path.name for path in tmp_path.glob("out*")] == ["out.jsonl"]


@pytest.mark.parametrize("last", [-3, 0, 10**30, 2**63], ids=str)
@pytest.mark.parametrize("name", ["out.jsonl", "out.csv"])
def test_a_file_with_an_odd_id_is_not_gone_on_with(export, last, name):
    """What no record of any database can have as its id is told of."""
    file, _ = export(name=name)
    lines = {
        "out.jsonl": f'{{"id":{last},"created":5.0}}\n',
        "out.csv": f"{last},5.0\r\n",
    }
    file.write_bytes(file.read_bytes() + lines[name].encode())

    assert "is no id of a record" in export("--continue", name=name, status=1)[1]


def test_a_part_in_another_time_zone_is_of_another_export(
    export, interrupted, monkeypatch
):
    """A query that means other times is another one, however it is written."""
    monkeypatch.setattr(
        "collector.cli.reading.local_zone", lambda: ZoneInfo("Asia/Tokyo")
    )
    interrupted(1)
    export("since:2023-11-14", status=1)
    interrupted.go_on()
    monkeypatch.setattr(
        "collector.cli.reading.local_zone", lambda: ZoneInfo("Asia/Tokyo")
    )

    assert "another export" in export("since:2023-11-14", "--utc", status=1)[1]
    assert "goes on behind" in export("since:2023-11-14")[1]


def test_where_nothing_can_be_made_nothing_is_promised(export, monkeypatch):
    """An export that could not begin is not said to go on."""

    def refused(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(part_file.os, "open", refused)
    _, said = export(status=1)

    assert "cannot be written: Permission denied" in said
    assert "kept" not in said


@pytest.mark.parametrize("query", [[], ["message"], ["level:error"]], ids=str)
@pytest.mark.parametrize("limit", [1, 7, 45])
@pytest.mark.parametrize("step", [7, 2000])
def test_a_limit(run, database, export, monkeypatch, query, limit, step):
    """With --limit the first so many are exported."""
    monkeypatch.setattr(exported, "STEP_ROWS", step)
    file, said = export(*query, "-n", limit)

    assert objects(file.read_bytes()) == shown(run, database, *query)[:limit]
    assert f"{limit} record{'' if limit == 1 else 's'}\n" in said
    result = run("export", "--db", database, "--limit", limit, *query)
    assert result.stdout_bytes == file.read_bytes()


def test_an_interrupted_export_with_a_limit_is_begun_anew(export, interrupted):
    """No more than the limit is in the file, whatever was there of it."""
    whole = export("-n", "130", name="whole.jsonl")[0].read_bytes()
    interrupted(3)
    export("-n", "130", status=1)
    interrupted.go_on()
    file, said = export("-n", "130")

    assert file.read_bytes() == whole
    assert "130 records" in said


def test_a_name_that_can_be_none_is_told(export):
    """A name that is too long for its part file is no traceback."""
    assert "too long" in export(name=f"{'x' * 248}.jsonl", status=1)[1]


@pytest.mark.parametrize("flags", [["--continue"], ["--overwrite", "-n", "1"]], ids=str)
def test_a_folder_that_is_closed_is_told(export, interrupted, monkeypatch, flags):
    """Where nothing can be renamed or removed the file stays as it is."""
    file, _ = export()
    whole = file.read_bytes()
    if "--overwrite" in flags:
        interrupted(1)
        export("--overwrite", status=1)
        interrupted.go_on()

    def refused(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    for name in ("rename", "replace", "unlink"):
        monkeypatch.setattr(part_file.Path, name, refused)
    _, said = export(*flags, status=1)

    assert "cannot be written: Permission denied" in said
    assert file.read_bytes() == whole
