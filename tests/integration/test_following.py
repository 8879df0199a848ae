"""`tail -f` as a process: no record dropped or doubled, whatever happens."""

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from integration.conftest import RunClient, StartDaemon
from integration.daemon import (
    BUFFERED,
    COMMAND,
    PATIENCE_SECONDS,
    Daemon,
    environment,
    until,
)
from integration.follower import Follower, open_files
from integration.wire import numbered_frames, stock_frame

Follow = Callable[..., Follower]


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


@pytest.fixture
def shown(start_daemon: StartDaemon, follow: Follow) -> tuple[Daemon, Follower]:
    """A daemon with five records, and a follower that has shown them."""
    daemon = start_daemon()
    daemon.send(*numbered_frames("old", 5))
    daemon.wait_rows(5)
    follower = follow("--fields", "logger,message")
    follower.wait_lines(5)
    return daemon, follower


def test_a_database_that_is_moved_away(
    shown: tuple[Daemon, Follower], start_daemon: StartDaemon, tmp_path: Path
) -> None:
    """Records of the new database are shown, from its first."""
    daemon, follower = shown
    daemon.send(stock_frame("last", name="old"))
    daemon.stop()
    for path in tmp_path.glob("logs.sqlite*"):
        path.rename(tmp_path / path.name.replace("logs", "moved"))
    start_daemon().send(*numbered_frames("new", 3))

    follower.wait_lines(9)
    assert follower.stop()[5:] == ["old\tlast", "new\t0", "new\t1", "new\t2"]


def test_a_database_that_is_removed(
    shown: tuple[Daemon, Follower], start_daemon: StartDaemon, tmp_path: Path
) -> None:
    """Records of the new one are shown, though it may have the old one's place."""
    daemon, follower = shown
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
    # Python forgets a signal that comes while something is being deleted, as the
    # parts of a regular expression are when it has been compiled.
    before = cpu_ticks(process.pid)
    until(lambda: cpu_ticks(process.pid) > before + 50, "it searches")
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
        stock_frame(
            "broken", exc_text="Traceback:\n  ValueError: x", created=1_700_000_000.0
        ),
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


def test_a_pattern_that_takes_for_ever(daemon: Daemon, follow: Follow) -> None:
    """A search in what comes has its time; then it ends, and says so."""
    daemon.send(stock_frame("first"))
    daemon.wait_rows(1)
    follower = follow("-n", "0", "--timeout", "1", "/(a|a)+$/")
    follower.wait_open(daemon.database)
    daemon.send(stock_frame("a" * 60 + "b"))

    assert follower.wait_end() == 1
    follower.wait_said("logcollector: ")
