"""A wall clock that is set a day forward, and back: nothing is held up or mixed up."""

import contextlib
import json
import shutil
import struct
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from faults.stream import Stream, disorder, numbers
from integration.daemon import PATIENCE_SECONDS, Daemon, run_command, until
from integration.follower import Follower
from integration.wire import framed, stock_frame

pytestmark = pytest.mark.fault

Figure = Callable[[str, float, str], None]

DAY = 86_400
SOURCE = Path(__file__).with_name("shifted_clock.c")

# From a record's sending to its commit, however the clock is set.
LONGEST_DELAY_SECONDS = 5.0


class Clock:
    """The wall clock of the processes that run with `variables`."""

    def __init__(self, folder: Path) -> None:
        library, self._file = folder / "shifted_clock.so", folder / "shift"
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.skip("the clock is set by a library that needs a C compiler")
        done = subprocess.run(
            [compiler, "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"cc can't make the clock's library: {done.stderr.decode()}")
        self._file.write_bytes(bytes(8))
        self.variables: Mapping[str, str] = {
            "LD_PRELOAD": str(library),
            "SHIFTED_CLOCK": str(self._file),
        }

    def set(self, seconds: int) -> None:
        """Let it be so far from the true time."""
        # In place: it is mapped.
        with self._file.open("r+b") as file:
            file.write(struct.pack("q", seconds))


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path)


@pytest.fixture
def follow(tmp_path: Path) -> Iterator[Callable[..., Follower]]:
    started: list[Follower] = []

    def start(*arguments: str | Path) -> Follower:
        follower = Follower(tmp_path, "--db", tmp_path / "logs.sqlite", *arguments)
        started.append(follower)
        return follower

    yield start
    for follower in started:
        follower.kill()


def wait_stored(daemon: Daemon, records: int) -> float:
    """Wait for so many records; return how long that took, in seconds."""
    began = time.monotonic()
    until(lambda: daemon.count() >= records, f"{records} records")
    return time.monotonic() - began


def longest_delay(daemon: Daemon, stream: Stream, seconds: float) -> float:
    """Watch for so long until what has been sent is committed."""
    longest, end = 0.0, time.monotonic() + seconds
    while time.monotonic() < end:
        longest = max(longest, wait_stored(daemon, stream.sent))
    return longest


@pytest.mark.parametrize("days", [[1], [-1], [1, 0, -1, 0]])
def test_steps_under_load(
    start_daemon: Any,
    loop_name: str,
    clock: Clock,
    follow: Any,
    days: list[int],
    figure: Figure,
) -> None:
    """Records go on being stored and followed, in order, with the times of both."""
    daemon = start_daemon("--loop", loop_name, variables=clock.variables)
    begin = time.time()
    with Stream(daemon, rate=1_000) as stream:
        until(lambda: daemon.count() > 500, "a stream under way")
        follower = follow("-n", "0", "--fields", "message")
        follower.wait_lines(1)
        delays = [longest_delay(daemon, stream, 1)]
        for day in days:
            clock.set(day * DAY)
            delays.append(longest_delay(daemon, stream, 2))
        sent = stream.stop()
    wait_stored(daemon, sent)
    until(lambda: follower.lines[-1] == str(sent - 1), "the last line")
    end = time.time()
    shown = [int(line) for line in follower.stop()]
    began = time.monotonic()
    daemon.stop()
    stop_seconds = time.monotonic() - began
    figure(f"longest delay of a record, clock set {days} days", max(delays), "s")

    assert disorder(numbers(daemon.database)) == ""
    assert len(numbers(daemon.database)) == sent
    assert disorder(shown, start=shown[0]) == ""
    assert max(delays) < LONGEST_DELAY_SECONDS
    assert stop_seconds < LONGEST_DELAY_SECONDS
    rows = daemon.rows("SELECT created, received FROM logs ORDER BY id")
    assert all(begin - 1 <= row["created"] <= end + 1 for row in rows)
    seen = [round((row["received"] - row["created"]) / DAY) for row in rows]
    assert [day for n, day in enumerate(seen) if n == 0 or seen[n - 1] != day] == [
        0,
        *days,
    ]
    # Counted by the sender's clock, which has not been set.
    assert count(daemon, "--by", "day") == sent


def count(daemon: Daemon, *arguments: str) -> int:
    """Return the sum that `stats` comes to."""
    done = run_command(
        "stats",
        *("--db", daemon.database, "-o", "json", *arguments),
        folder=daemon.database.parent,
    )
    assert done.returncode == 0, done.stderr
    return sum(row["count"] for row in json.loads(done.stdout))


def found(daemon: Daemon, *arguments: str) -> list[str]:
    """Return the messages that `query` finds, in the order of arrival."""
    done = run_command(
        "query",
        *("--db", daemon.database, "-o", "jsonl", "--limit", "0", *arguments),
        *("--order", "oldest"),
        folder=daemon.database.parent,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line)["message"] for line in done.stdout.splitlines()]


def test_senders_with_other_clocks(start_daemon: Any) -> None:
    """Ids tell the order of arrival; since and until go by each record's own clock."""
    daemon = start_daemon()
    now = time.time()
    days = {"behind": -1, "right": 0, "ahead": 1}
    names = list(days)
    for n in range(300):
        name = names[n % 3]
        created = now + days[name] * DAY + n / 1000
        daemon.send(stock_frame(f"{name} {n}", name="stream.0", created=created))
    daemon.wait_rows(300)
    daemon.stop()

    messages = [row["message"] for row in daemon.rows()]
    assert messages == [f"{names[n % 3]} {n}" for n in range(300)]
    for row in daemon.rows():
        name, number = row["message"].split()
        assert (
            abs(row["created"] - (now + days[name] * DAY + int(number) / 1000)) < 0.01
        )
        assert abs(row["received"] - now) < PATIENCE_SECONDS
    ahead = [m for m in messages if m.startswith("ahead")]
    behind = [m for m in messages if m.startswith("behind")]
    right = [m for m in messages if m.startswith("right")]
    assert found(daemon, "--until", "12h") == behind
    assert found(daemon, "--since", "12h") == [m for m in messages if m not in behind]
    noon = str(int(now + DAY / 2))
    assert found(daemon, "--since", "12h", "--until", noon) == right
    assert found(daemon, "--since", noon) == ahead
    for by in ("minute", "hour", "day", "level", "logger"):
        assert count(daemon, "--by", by) == 300
    assert count(daemon, "--by", "minute", "--since", noon) == 100
    assert count(daemon, "--by", "hour", "--until", "12h") == 100


@pytest.mark.parametrize("days", [1, -1])
def test_the_time_of_a_frame(start_daemon: Any, clock: Clock, days: int) -> None:
    """A frame has its time to arrive, whatever the clock on the wall says."""
    daemon = start_daemon("--frame-timeout-seconds", "2", variables=clock.variables)
    with daemon.connect() as client:
        client.settimeout(PATIENCE_SECONDS)
        began = time.monotonic()
        client.sendall(stock_frame("half of it")[:50])
        clock.set(days * DAY)
        # Closed: with a reset or without.
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""
        took = time.monotonic() - began
    (reject,) = daemon.wait_rows(1, "rejects")

    assert reject["reason"] == "frame_timeout"
    assert took >= 1.9


@pytest.mark.parametrize("days", [1, -1])
def test_rejects_are_said_after_a_step(
    start_daemon: Any, clock: Clock, days: int
) -> None:
    """What is said now and then is said as often after a step as before it."""
    daemon = start_daemon(variables=clock.variables)
    daemon.send(framed(b"{broken"))
    daemon.wait_said("rejected what")
    clock.set(days * DAY)
    daemon.send(framed(b"{broken"))
    daemon.wait_rows(2, "rejects")
    # Not at once, as the last word is no 10 s old, but then.
    assert daemon.stderr.count("rejected what") == 1
    deadline = time.monotonic() + 2 * PATIENCE_SECONDS
    sent = 2
    while daemon.stderr.count("rejected what") < 2:
        assert time.monotonic() < deadline, "nothing is said of rejects any more"
        daemon.send(framed(b"{broken"))
        sent += 1
        daemon.wait_rows(sent, "rejects")


def test_retention_with_a_clock_years_ahead(
    start_daemon: Any, clock: Clock, tmp_path: Path
) -> None:
    """Records of today stay, though by the clock they are years too old."""
    path = tmp_path / "logs.sqlite"
    daemon = start_daemon(
        "--retention-max-age", "30d", database=path, variables=clock.variables
    )
    daemon.send(*(stock_frame(f"before {n}") for n in range(100)))
    daemon.wait_rows(100)
    clock.set(5000 * DAY)
    daemon.send(*(stock_frame(f"after {n}") for n in range(5000)))
    daemon.wait_rows(5100)
    daemon.stop()

    # A new start looks at once what is too old.
    daemon = start_daemon(
        "--retention-max-age", "30d", database=path, variables=clock.variables
    )
    until(Path(f"{path}-reserve").exists, "a look at what is too old")
    assert daemon.count() == 5100
    newest = daemon.rows("SELECT max(received) FROM logs")[0][0]
    assert newest > time.time() + 4999 * DAY
    daemon.stop()
