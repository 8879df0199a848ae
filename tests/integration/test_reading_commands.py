"""query, tail, stats and db as processes: pipes, time zones, the index, start-up."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from integration.daemon import (
    BUFFERED,
    COMMAND,
    PATIENCE_SECONDS,
    Daemon,
    environment,
    run_command,
    until,
)
from integration.wire import numbered_frames, stock_frame

# 2023-11-14 22:13:20 UTC.
CREATED = 1_700_000_000.0


@contextmanager
def closed_pipe() -> Iterator[int]:
    """Give the end to write to of a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        yield writing
    finally:
        os.close(writing)


@pytest.mark.parametrize("records", [3, 3000])
@pytest.mark.parametrize(
    "command",
    [
        "query -n 0",
        "query -n 0 -o json",
        "tail -n 5000",
        "stats",
        "errors",
        "stats --by logger",
        "loggers",
        "processes -o jsonl",
        "new --since 2023-11-14",
        "export",
        "export -o csv",
        "rejects list",
        "db info",
        "query --help",
    ],
)
def test_broken_pipes(stored: Callable[..., Path], command: str, records: int) -> None:
    """A reader that takes little, or nothing, is no reason to say or to fail."""
    database = stored(*numbered_frames("app", records))
    with closed_pipe() as writing:
        done = subprocess.run(
            [*COMMAND, *command.split()],
            env=environment({**BUFFERED, "LOGCOLLECTOR_DB": str(database)}),
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    assert done.stderr == b""
    assert done.returncode == 0


def test_a_broken_pipe_of_what_is_not_done(stored: Callable[..., Path]) -> None:
    """Who retries rejects and can't tell how it went does not claim to be done."""
    database = stored(stock_frame("hello"))
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executemany(
            "INSERT INTO rejects VALUES (?, 0, 'p', 'r', 'd', x'00', 1)", [[1], [2]]
        )
    with closed_pipe() as writing:
        done = subprocess.run(
            [*COMMAND, "rejects", "retry", "--all", "--db", database],
            env=environment(BUFFERED),
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_broken_pipe_of_files(
    stored: Callable[..., Path], tmp_path: Path, unbuffered: str
) -> None:
    """What is to go to files is not claimed to be done when stderr is closed."""
    database = stored(stock_frame("hello"))
    file = tmp_path / "a.jsonl"
    run_command("export", "--db", database, "--to", file, folder=tmp_path)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executemany(
            "INSERT INTO rejects VALUES (?, 0, 'p', 'r', 'd', zeroblob(9000), 1)",
            [[1], [2]],
        )

    def status(closed: str, *arguments: object) -> int:
        streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with closed_pipe() as writing:
            return subprocess.run(
                [*COMMAND, *map(str, arguments), "--db", database],
                env=environment({"PYTHONUNBUFFERED": unbuffered}),
                **{**streams, closed: writing},
                timeout=PATIENCE_SECONDS,
                check=False,
            ).returncode

    assert status("stderr", "export", "--to", file, "--continue") == 1
    # The third is not there.
    folder = tmp_path / "payloads"
    assert status("stderr", "rejects", "export", 1, 2, 3, "--to", folder) == 1
    assert status("stdout", "rejects", "export") == 0


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash has pipefail")
@pytest.mark.parametrize("command", ["query -n 0", "tail -n 3000", "export"])
def test_head(stored: Callable[..., Path], command: str) -> None:
    """With `set -o pipefail`, `query | head -1` is no failure, and says nothing."""
    database = stored(*numbered_frames("app", 3000))
    done = subprocess.run(
        [
            "bash",
            "-c",
            'set -o pipefail; "$PYTHON" -m collector $1 | head -1 | wc -l',
            "-",
            command,
        ],
        env=environment(
            {"PYTHON": sys.executable, "LOGCOLLECTOR_DB": str(database), **BUFFERED}
        ),
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, b"1", b"")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["query", "tail", "stats", "stats -o json"])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it")
def test_a_full_disk(
    stored: Callable[..., Path], command: str, unbuffered: str
) -> None:
    """Where the output can't be written that is told in a line, with status 1."""
    database = stored(stock_frame("hello"))
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, *command.split(), "--db", database],
            env=environment({"PYTHONUNBUFFERED": unbuffered}),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["query", "tail", "stats", "db reindex", "--help"])
def test_without_stdout(
    stored: Callable[..., Path], tmp_path: Path, command: str
) -> None:
    """With its standard output closed, a command has nothing to complain of."""
    database = stored(stock_frame("hello"))
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, *command.split()],
        env=environment({**BUFFERED, "LOGCOLLECTOR_DB": str(database)}),
        stderr=subprocess.PIPE,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    assert "Error" not in done.stderr
    assert done.returncode in (0, 1)


@pytest.mark.parametrize("command", ["query -o jsonl", "query -o json", "tail -o json",
                                     "stats --by logger -o jsonl"])  # fmt: skip
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_json_in_any_encoding(
    stored: Callable[..., Path], tmp_path: Path, command: str, encoding: str
) -> None:
    """JSON stays JSON, of the same values, where stdout can't take a character."""
    text = "é世🎉"
    database = stored(stock_frame(text, name=text))
    done = subprocess.run(
        [*COMMAND, *command.split(), "--db", database],
        env=environment({"PYTHONIOENCODING": encoding, **BUFFERED}),
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    [found] = [json.loads(done.stdout.decode(encoding))]
    [values] = found if isinstance(found, list) else [found]

    assert values.get("name", values.get("logger")) == text


@pytest.mark.parametrize(
    ("zone", "time"),
    [
        ("Europe/Berlin", "2023-11-14 23:13:20.000"),
        (":Europe/Berlin", "2023-11-14 23:13:20.000"),
        ("America/New_York", "2023-11-14 17:13:20.000"),
        ("Asia/Kolkata", "2023-11-15 03:43:20.000"),
        ("UTC", "2023-11-14 22:13:20.000"),
        ("Nowhere/Land", "2023-11-14 22:13:20.000"),
    ],
)
def test_time_zones(
    stored: Callable[..., Path], tmp_path: Path, zone: str, time: str
) -> None:
    """Times are shown, and read, in the zone of the environment."""
    database = stored(stock_frame("hello", created=CREATED))
    clock = time[:-4].replace(" ", "T")

    def shown(*arguments: str) -> str:
        done = run_command(
            "query", "--db", database, "--fields", "time", *arguments,
            folder=tmp_path, variables={"TZ": zone},
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.rstrip("\n").removesuffix("Z")

    assert shown() == time
    assert shown("--utc") == "2023-11-14 22:13:20.000"
    assert shown("--since", clock) == time
    assert shown("--until", clock) == ""
    assert shown("--utc", "--since", "2023-11-14T22:13:20") != ""


def test_reindex_beside_a_daemon(daemon: Daemon, tmp_path: Path) -> None:
    """The daemon goes on storing and indexing; what is searched for is found."""
    daemon.send(*numbered_frames("app", 3000))
    daemon.wait_rows(3000)
    done = run_command("db", "reindex", "--db", daemon.database, folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert "indexed" in done.stderr
    assert "Traceback" not in done.stderr
    [[indexed]] = daemon.rows("SELECT indexed_id FROM search_state")
    assert indexed == 3000
    daemon.send(*numbered_frames("app", 3000, start=3000))
    daemon.wait_rows(6000)
    until(
        lambda: daemon.rows("SELECT indexed_id FROM search_state")[0][0] > 5000,
        "the daemon indexes on",
    )
    count = run_command(
        "query", "--db", daemon.database, "--count", "599", folder=tmp_path
    )

    # 599, 1599 ... 5599, and 5990 to 5999.
    assert count.stdout == "16\n"
    daemon.stop()
    assert "search index" not in daemon.stderr


def test_searches_while_it_is_reindexed(
    stored: Callable[..., Path], tmp_path: Path
) -> None:
    """Whatever moment a search comes at, it finds all there is."""
    database = stored(*numbered_frames("app", 20_000))
    reindexing = subprocess.Popen(
        [*COMMAND, "db", "reindex", "--db", database],
        env=environment(BUFFERED),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    found = set()
    while reindexing.poll() is None:
        count = run_command(
            "query", "--db", database, "--count", "777", folder=tmp_path
        )
        found.add((count.returncode, count.stdout, count.stderr))
    out, _ = reindexing.communicate()

    assert (reindexing.returncode, out) == (0, b"")
    expected = sum("777" in str(n) for n in range(20_000))
    assert found == {(0, f"{expected}\n", "")}


MODULES = """\
import sys
from collector.cli.main import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print(*sorted(sys.modules), sep="\\n", file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--help"], {"lark", "rich", "regex", "msgspec", "asyncio", "aiosqlite"}),
        (["tail", "-n", "50"], {"lark", "rich", "regex", "asyncio", "aiosqlite"}),
        (["tail", "--level", "info"], {"lark", "rich", "asyncio", "aiosqlite"}),
        (["query", "hello"], {"rich", "asyncio", "aiosqlite"}),
        (["stats"], {"lark", "rich", "asyncio", "aiosqlite"}),
        (["errors"], {"lark", "rich", "asyncio", "aiosqlite"}),
    ],
    ids=lambda value: str(sorted(value) if isinstance(value, set) else value),
)
def test_only_what_is_needed_is_loaded(
    stored: Callable[..., Path], arguments: list[str], unwanted: set[str]
) -> None:
    """A command does not import what is heavy and not its business."""
    database = stored(stock_frame("hello"))
    done = subprocess.run(
        [sys.executable, "-c", MODULES, *arguments],
        env=environment(
            {"LOGCOLLECTOR_DB": str(database), "PYTHONPROFILEIMPORTTIME": ""}
        ),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout != ""
    loaded = {*done.stderr.split("\n")}
    assert "collector.cli.main" in loaded
    assert loaded & unwanted == set()
