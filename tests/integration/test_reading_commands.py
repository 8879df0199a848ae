"""query, tail, stats and db as processes: pipes, terminals, signals, daemons."""

import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from integration.conftest import RunClient, StartDaemon
from integration.daemon import (
    COMMAND,
    PATIENCE_SECONDS,
    Daemon,
    environment,
    run_command,
    until,
)
from integration.wire import numbered_frames, stock_frame

# Users don't set it, and it hides what is still to be written at the end.
BUFFERED = {"PYTHONUNBUFFERED": ""}
HOSTILE = "a\x1b[31m\x07\x9b2J\x7f\r\u202eb"
# 2023-11-14 22:13:20 UTC.
CREATED = 1_700_000_000.0


class Follower:
    """A `tail -f` process; what it writes is gathered as it comes."""

    def __init__(self, folder: Path, *arguments: str | Path) -> None:
        self.lines: list[str] = []
        self.said: list[str] = []
        self.process = subprocess.Popen(
            [*COMMAND, "tail", "-f", *map(str, arguments)],
            cwd=folder,
            env=environment(BUFFERED),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._threads = [
            threading.Thread(target=self._gather, args=pipe, daemon=True)
            for pipe in (
                (self.process.stdout, self.lines),
                (self.process.stderr, self.said),
            )
        ]
        for thread in self._threads:
            thread.start()

    def _gather(self, stream: Any, lines: list[str]) -> None:
        with contextlib.suppress(ValueError):
            for line in stream:
                lines.append(line.removesuffix("\n"))

    def wait_lines(self, count: int) -> list[str]:
        """Wait for so many lines, and return them."""
        until(lambda: len(self.lines) >= count, f"{count} lines, not {self.lines[-5:]}")
        return self.lines

    def wait_said(self, text: str) -> None:
        """Wait until it has said something on stderr."""
        until(lambda: any(text in line for line in self.said), text)

    def wait_open(self, path: Path) -> None:
        """Wait until it has opened a file."""
        until(lambda: str(path) in open_files(self.process.pid), f"{path} is opened")

    def wait_closed(self, path: Path) -> None:
        """Wait until it has no such file open, be it deleted."""
        until(
            lambda: (
                not any(
                    file.removesuffix(" (deleted)") == str(path)
                    for file in open_files(self.process.pid)
                )
            ),
            f"{path} is closed",
        )

    def stop(self, number: int = signal.SIGTERM) -> list[str]:
        """End it with a signal; it must end well, and quietly. Return all lines."""
        self.process.send_signal(number)
        assert self.wait_end() == 0, self.said
        return self.lines

    def wait_end(self) -> int:
        """Wait until it has ended, and all it wrote was read."""
        status = self.process.wait(PATIENCE_SECONDS)
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
        return status

    def kill(self) -> None:
        """End it whatever state it is in."""
        if self.process.poll() is None:
            self.process.kill()
        self.wait_end()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


Follow = Callable[..., Follower]


def open_files(pid: int) -> set[str]:
    """Return the names of the files that a process has open."""
    names = set()
    with contextlib.suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                names.add(str(descriptor.readlink()))
    return names


def cpu_ticks(pid: int) -> int:
    """Return how much time of the processor a process has had."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11])


@pytest.fixture
def follow(tmp_path: Path) -> Iterator[Follow]:
    """Starts followers of the test's database; none outlives the test."""
    started: list[Follower] = []

    def start(*arguments: str | Path) -> Follower:
        follower = Follower(tmp_path, "--db", tmp_path / "logs.sqlite", *arguments)
        started.append(follower)
        return follower

    yield start
    for follower in started:
        follower.kill()


@pytest.fixture
def stored(start_daemon: StartDaemon) -> Callable[..., Path]:
    """Makes a database, through a daemon that has ended; returns its path."""

    def make(*frames: bytes, database: Path | None = None) -> Path:
        daemon = start_daemon(database=database)
        daemon.send(*frames)
        daemon.wait_rows(len(frames))
        daemon.stop()
        return daemon.database

    return make


class Shown:
    """What a command showed on a terminal: its status, and its whole output."""

    def __init__(self, command: list[str], variables: dict[str, str], folder: Path):
        near, far = pty.openpty()
        fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment({"TERM": "xterm-256color", **BUFFERED, **variables}),
            stdin=subprocess.DEVNULL,
            stdout=far,
            stderr=far,
        )
        os.close(far)
        pieces = []
        # Reading fails when the other side was closed by its last process.
        with contextlib.suppress(OSError):
            while piece := os.read(near, 65536):
                pieces.append(piece)
        os.close(near)
        self.status = process.wait(PATIENCE_SECONDS)
        self.text = b"".join(pieces).decode().replace("\r\n", "\n")


def on_terminal(*arguments: str | Path, folder: Path, **variables: str) -> Shown:
    """Run a command on a terminal of 100 columns."""
    return Shown([*COMMAND, *map(str, arguments)], variables, folder)


def ids_of(lines: list[str]) -> list[int]:
    return [json.loads(line)["id"] for line in lines]


# --- tail -f ---------------------------------------------------------------


def test_what_is_committed_is_shown(daemon: Daemon, follow: Follow) -> None:
    """First the newest are shown, then each record as soon as it is stored."""
    daemon.send(*numbered_frames("before", 5))
    daemon.wait_rows(5)
    follower = follow("-n", "2", "--fields", "logger,message")
    assert follower.wait_lines(2) == ["before\t3", "before\t4"]
    for n in range(3):
        daemon.send(stock_frame(f"new {n}", name="after"))
        assert follower.wait_lines(3 + n)[-1] == f"after\tnew {n}"

    assert len(follower.stop()) == 5
    assert follower.said == []


def test_none_doubled_or_dropped(
    start_daemon: StartDaemon, follow: Follow, run_client: RunClient
) -> None:
    """Of what several threads log each record is shown once, across a restart."""
    client = """
        import threading
        def work(name):
            log = logging.getLogger(name)
            log.propagate = False
            log.setLevel(logging.INFO)
            log.addHandler(logging.handlers.SocketHandler("127.0.0.1", PORT))
            for n in range(250):
                log.info("%d", n)
        threads = [threading.Thread(target=work, args=[f"t{n}"]) for n in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
    """
    daemon = start_daemon()
    follower = follow("-n", "0", "-o", "jsonl", "--fields", "id,logger,message")
    follower.wait_open(daemon.database)
    run_client(daemon.port, client)
    daemon.stop()
    daemon = start_daemon()
    run_client(daemon.port, client)
    daemon.wait_rows(2000)
    shown = [json.loads(line) for line in follower.wait_lines(2000)]

    assert len(follower.stop()) == 2000
    assert [each["id"] for each in shown] == list(range(1, 2001))
    for name in ("t0", "t1", "t2", "t3"):
        numbers = [int(each["message"]) for each in shown if each["logger"] == name]
        assert numbers == [*range(250), *range(250)]


def test_a_database_that_is_not_there_yet(
    start_daemon: StartDaemon, follow: Follow
) -> None:
    """It is said that there is none, and its records are shown from the first."""
    follower = follow("-n", "0", "--fields", "message")
    follower.wait_said("not there yet")
    start_daemon().send(*numbered_frames("new", 3))

    assert follower.wait_lines(3) == ["0", "1", "2"]
    assert len(follower.stop()) == 3


def test_a_database_that_is_moved_away(
    start_daemon: StartDaemon, follow: Follow, tmp_path: Path
) -> None:
    """Records of the new database are shown, from its first."""
    daemon = start_daemon()
    daemon.send(*numbered_frames("old", 5))
    daemon.wait_rows(5)
    follower = follow("--fields", "logger,message")
    follower.wait_lines(5)
    daemon.send(stock_frame("last", name="old"))
    daemon.stop()
    for path in tmp_path.glob("logs.sqlite*"):
        path.rename(tmp_path / path.name.replace("logs", "moved"))
    start_daemon().send(*numbered_frames("new", 3))

    follower.wait_lines(9)
    assert follower.stop()[5:] == ["old\tlast", "new\t0", "new\t1", "new\t2"]


def test_a_database_that_is_removed(
    start_daemon: StartDaemon, follow: Follow, tmp_path: Path
) -> None:
    """Records of the new one are shown, though it may have the old one's place."""
    daemon = start_daemon()
    daemon.send(*numbered_frames("old", 5))
    daemon.wait_rows(5)
    follower = follow("--fields", "logger,message")
    follower.wait_lines(5)
    daemon.stop()
    for path in tmp_path.glob("logs.sqlite*"):
        path.unlink()
    # From now on the file system may use its inode again.
    follower.wait_closed(daemon.database)
    start_daemon().send(*numbered_frames("new", 3))

    follower.wait_lines(8)
    assert follower.stop()[5:] == ["new\t0", "new\t1", "new\t2"]


def test_a_database_that_is_replaced(
    start_daemon: StartDaemon,
    follow: Follow,
    stored: Callable[..., Path],
    tmp_path: Path,
) -> None:
    """A database that is put in place of another is shown from its first record."""
    other = stored(*numbered_frames("new", 7), database=tmp_path / "other.sqlite")
    daemon = start_daemon()
    daemon.send(*numbered_frames("old", 5))
    daemon.wait_rows(5)
    follower = follow("--fields", "logger,message")
    follower.wait_lines(5)
    daemon.stop()
    other.replace(daemon.database)
    follower.wait_lines(12)
    start_daemon().send(stock_frame("more", name="new"))
    follower.wait_lines(13)

    assert follower.stop()[5:] == [*(f"new\t{n}" for n in range(7)), "new\tmore"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it(daemon: Daemon, follow: Follow, number: int) -> None:
    """Ctrl-C and SIGTERM end it with status 0, and nothing said."""
    daemon.send(stock_frame("one"))
    daemon.wait_rows(1)
    follower = follow()
    follower.wait_lines(1)

    assert len(follower.stop(number)) == 1
    assert follower.said == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_before_there_is_a_database(follow: Follow, number: int) -> None:
    """While it waits for its database, it ends as well."""
    follower = follow()
    follower.wait_said("not there yet")

    assert follower.stop(number) == []
    assert len(follower.said) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_its_first_search(
    stored: Callable[..., Path], follow: Follow, number: int
) -> None:
    """A first search that takes long is given up at a signal, at once."""
    database = stored(stock_frame("x" * 20_000))
    follower = follow("-o", "json", "/(x+x+)+y/")
    follower.wait_open(database)

    follower.process.send_signal(number)
    assert follower.wait_end() == 0, follower.said
    assert follower.said == []
    assert json.loads("".join(follower.lines)) == []


def test_signals_end_a_search_in_what_comes(daemon: Daemon, follow: Follow) -> None:
    """A search in a record that came, and that takes long, is given up as well."""
    follower = follow("/(x+x+)+y|hello/", "--fields", "message")
    follower.wait_open(daemon.database)
    daemon.send(stock_frame("hello"))
    follower.wait_lines(1)
    before = cpu_ticks(follower.process.pid)
    daemon.send(stock_frame("x" * 20_000))
    until(lambda: cpu_ticks(follower.process.pid) > before + 20, "it searches")

    follower.stop()
    assert follower.said == []


@pytest.mark.parametrize("command", ["query", "stats"])
def test_ctrl_c_is_no_error_of_the_database(
    stored: Callable[..., Path], tmp_path: Path, command: str
) -> None:
    """A search that is interrupted ends, and nothing is said to be broken."""
    database = stored(stock_frame("x" * 20_000))
    process = subprocess.Popen(
        [*COMMAND, command, "--db", database, "/(x+x+)+y/"],
        env=environment(BUFFERED),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: str(database) in open_files(process.pid), "it reads")
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode != 0
    assert out == ""
    assert "cannot be read" not in said
    assert "Traceback" not in said


def test_tracebacks_are_indented(daemon: Daemon, follow: Follow) -> None:
    """A traceback stands below its record, as it comes."""
    follower = follow("--utc")
    follower.wait_open(daemon.database)
    daemon.send(
        stock_frame("broken", exc_text="Traceback:\n  ValueError: x", created=CREATED),
        stock_frame("after"),
    )
    first, *below, last = follower.wait_lines(4)

    assert first.startswith("2023-11-14 22:13:20.000Z INFO     app ")
    assert below == ["    | Traceback:", "    |   ValueError: x"]
    assert last.endswith("after")


def test_queries_of_what_comes(daemon: Daemon, follow: Follow) -> None:
    """Of what comes only that is shown which the query and the flags ask for."""
    follower = follow(
        "--level", "warning", "--logger", "app", "-g", "RED", "--fields", "message",
        "--", "user.id=42", "-no", "/w.nted/",
    )  # fmt: skip
    follower.wait_open(daemon.database)
    right = {
        "levelno": 30,
        "levelname": "WARNING",
        "name": "app.db",
        "user": {"id": 42},
    }
    daemon.send(
        stock_frame("wanted red 1", **right),
        stock_frame("wanted red", **{**right, "levelno": 20}),
        stock_frame("wanted red", **{**right, "name": "apple"}),
        stock_frame("wanted red", **{**right, "user": {"id": 43}}),
        stock_frame("wanted red no", **right),
        stock_frame("wanted blue", **right),
        stock_frame("Wanted Red 2", **right),
    )

    assert follower.wait_lines(2) == ["wanted red 1", "Wanted Red 2"]
    assert len(follower.stop()) == 2


@pytest.mark.parametrize("records", [0, 1, 3])
def test_json_that_is_ended(daemon: Daemon, follow: Follow, records: int) -> None:
    """What was written as an array is one when a signal has ended it."""
    follower = follow("-o", "json")
    follower.wait_open(daemon.database)
    daemon.send(*numbered_frames("app", records))
    follower.wait_lines(records)
    until(lambda: daemon.count() == records, "all is stored")
    documents = json.loads("\n".join(follower.stop()))

    assert [each["message"] for each in documents] == [str(n) for n in range(records)]


def test_a_reader_that_goes(daemon: Daemon, tmp_path: Path) -> None:
    """When nobody reads any more, it ends at the next record, quietly."""
    daemon.send(stock_frame("first"))
    daemon.wait_rows(1)
    process = subprocess.Popen(
        [*COMMAND, "tail", "-f", "--db", daemon.database, "-o", "json"],
        env=environment(BUFFERED),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.read(1) == b"["
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr as stderr:
        daemon.send(stock_frame("second"))
        process.wait(PATIENCE_SECONDS)
        assert stderr.read() == b""


# --- pipes -----------------------------------------------------------------


@pytest.mark.parametrize("records", [3, 3000])
@pytest.mark.parametrize(
    "command",
    ["query -n 0", "query -n 0 -o json", "tail -n 5000", "stats", "stats --by logger"],
)
def test_broken_pipes(stored: Callable[..., Path], command: str, records: int) -> None:
    """A reader that takes little, or nothing, is no reason to say anything."""
    database = stored(*numbered_frames("app", records))
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [*COMMAND, *command.split(), "--db", database],
            env=environment(BUFFERED),
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    finally:
        os.close(writing)

    assert done.stderr == b""
    assert done.returncode in (0, 1)


def test_head(stored: Callable[..., Path], tmp_path: Path) -> None:
    """`query | head -1` shows one line, and nothing on stderr."""
    database = stored(*numbered_frames("app", 3000))
    done = subprocess.run(
        '"$PYTHON" -m collector query -n 0 --fields id --db "$DATABASE" | head -1',
        shell=True,
        env=environment(
            {"PYTHON": sys.executable, "DATABASE": str(database), **BUFFERED}
        ),
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    assert (done.stdout, done.stderr) == (b"3000\n", b"")


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


# --- terminals -------------------------------------------------------------


COMMANDS_WITH_COLOR = ["query", "tail", "stats", "query -o table"]


@pytest.mark.parametrize("command", COMMANDS_WITH_COLOR)
def test_color(stored: Callable[..., Path], tmp_path: Path, command: str) -> None:
    """A terminal gets colours, unless it has none, or they are not wanted."""
    database = stored(stock_frame("hello", levelno=40, levelname="ERROR"))
    arguments = (*command.split(), "--db", database)
    colored = on_terminal(*arguments, folder=tmp_path)
    plain = [
        on_terminal(*arguments, folder=tmp_path, NO_COLOR="1"),
        on_terminal(*arguments, folder=tmp_path, TERM="dumb"),
        on_terminal(*arguments, "--no-color", folder=tmp_path),
    ]
    piped = run_command(*arguments, folder=tmp_path)

    assert colored.status == 0
    assert "\x1b[31m" in re.sub(r"\x1b\[1?;?31;?1?m", "\x1b[31m", colored.text)
    assert [each.status for each in plain] == [0, 0, 0]
    assert [each.text for each in plain if "\x1b" in each.text] == []
    assert "\x1b" not in piped.stdout
    assert "hello" in piped.stdout or "stats" in command


@pytest.mark.parametrize(
    "command",
    [
        *("query", "tail", "query -o table", "query -o jsonl", "query -o csv"),
        *("stats", "stats --by logger", "stats --by callsite", "stats --by key"),
        *("stats --by logger -o json", "stats --by key -o jsonl", "query -C 1 -g 31m"),
    ],
)
def test_records_never_steer_a_terminal(
    stored: Callable[..., Path], tmp_path: Path, command: str
) -> None:
    """No control character of a record reaches a terminal; colours are ours."""
    database = stored(
        stock_frame(
            HOSTILE,
            **dict.fromkeys(
                ("name", "levelname", "pathname", "funcName", "exc_text", "key"),
                HOSTILE,
            ),
        )
    )
    shown = on_terminal(*command.split(), "--db", database, folder=tmp_path)
    ours = re.sub(r"\x1b\[[0-9;]*m", "", shown.text.replace("\x1b[31m2J", "!"))

    assert shown.status == 0
    assert not set(ours) & set("\x1b\x07\x9b\x7f\r\u202e")
    assert "a\x1b[31m" not in shown.text


def test_a_table_is_as_wide_as_the_terminal(
    stored: Callable[..., Path], tmp_path: Path
) -> None:
    """Tables and pictures take no more columns than there are."""
    database = stored(stock_frame("word " * 100))
    for command in ("query -o table", "stats", "stats --by callsite"):
        arguments = (*command.split(), "--db", database, "--no-color")
        lines = on_terminal(*arguments, folder=tmp_path).text.splitlines()
        assert max(map(len, lines)) <= 100
        assert any(len(line) > 60 for line in lines)


# Makes every search one that takes long.
SLOW = """\
import sys
from collector.cli import main, reading
from collector.store import search
reading.SAY_PROGRESS_SECONDS = 0
search.SCANNED_IDS = 100
sys.argv[0] = "logcollector"
main.main()
"""


def test_progress_is_not_in_the_way(
    stored: Callable[..., Path], tmp_path: Path
) -> None:
    """A search that takes long says so on a line that it takes back."""
    database = stored(*numbered_frames("app", 1500))
    arguments = ["query", "--db", str(database), "-n", "0", "--fields", "id"]
    shown = Shown([sys.executable, "-c", SLOW, *arguments], {}, tmp_path)

    assert "searching: " in shown.text
    assert "of 1,500 records" in shown.text
    # Nothing else is written on the line before it is cleared.
    after = re.findall(r"records\x1b\[K(..)", shown.text, re.DOTALL)
    assert {each[0] for each in after} == {"\r"}
    seen = re.sub(r"\r[^\n\r]*\x1b\[K", "", shown.text).replace("\r", "")
    assert seen.split() == [str(n) for n in range(1500, 0, -1)]


def test_progress_is_for_terminals_only(
    stored: Callable[..., Path], tmp_path: Path
) -> None:
    """Where stderr is no terminal nothing is said of progress."""
    database = stored(*numbered_frames("app", 1500))
    done = subprocess.run(
        [sys.executable, "-c", SLOW, "query", "--db", database, "--count"],
        env=environment(BUFFERED),
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )

    assert (done.stdout, done.stderr) == (b"1500\n", b"")


# --- time zones ------------------------------------------------------------


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


# --- db reindex ------------------------------------------------------------


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


# --- start-up --------------------------------------------------------------

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
    ],
    ids=str,
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
