"""A million names that are all different: memory stays bounded, speed comes back."""

import os
import pickle
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from integration.daemon import Daemon, run_command, until
from integration.wire import stock_frame

pytestmark = pytest.mark.fault

Figure = Callable[[str, float, str], None]

# How many different names each attribute gets.
NAMES = int(os.environ.get("FAULT_NAMES", "1000000"))
FRAMES_PER_SEND = 10_000

NORMAL_RECORDS = 50_000
ROUNDS = 5

MOST_RSS_MIB = 300.0
LEAST_SPEED = 0.5

# How long an interpreted daemon on a busy machine may take for all of it.
ATTACK_SECONDS = 900.0


def hostile_frames() -> Iterator[bytes]:
    """Yield the frames, of which each has a logger, thread, key and host of its own.

    The names come in no order, so that no index finds them side by side.
    """
    slots = ("<logger>", "<thread>", "<extra>!", "<a host>")
    attributes = {
        **pickle.loads(stock_frame("attack")[4:]),
        "name": "app." + slots[0],
        "threadName": "thread-" + slots[1],
        "key_" + slots[2]: "value",
        "hostname": slots[3] + ".example",
    }
    text = pickle.dumps(attributes, 1)
    pieces = re.split(b"(" + b"|".join(slot.encode() for slot in slots) + b")", text)
    assert len(pieces) == 9, "each slot stands in the pickle once"
    prefix = len(text).to_bytes(4, "big")
    chance = random.Random(4)
    for start in range(0, NAMES, FRAMES_PER_SEND):
        frames = []
        for _ in range(min(FRAMES_PER_SEND, NAMES - start)):
            # Eight hexadecimal digits for each slot; hardly any two are equal.
            digits = b"%032x" % chance.getrandbits(128)
            pieces[1::2] = digits[:8], digits[8:16], digits[16:24], digits[24:]
            frames += [prefix, *pieces]
        yield b"".join(frames)


def normal_load() -> bytes:
    """Return what an application sends that logs at forty places."""
    frames = [
        stock_frame(f"request {n} answered", name=f"shop.web.{n % 10}", lineno=n % 40)
        for n in range(NORMAL_RECORDS // 50)
    ]
    return b"".join(frames) * 50


def rss_mib(daemon: Daemon, key: str = "VmRSS") -> float:
    status = Path(f"/proc/{daemon.pid}/status").read_text()
    found = re.search(rf"{key}:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


def newest_id(daemon: Daemon) -> int:
    return int(daemon.rows("SELECT coalesce(max(id), 0) FROM records")[0][0])


def speed(daemon: Daemon, load: bytes) -> float:
    """Return how many records of a normal load are stored a second."""
    goal = newest_id(daemon) + NORMAL_RECORDS
    began = time.monotonic()
    daemon.send(load)
    until(lambda: newest_id(daemon) >= goal, "a normal load", ATTACK_SECONDS)
    return NORMAL_RECORDS / (time.monotonic() - began)


def test_a_million_names(start_daemon: Any, figure: Figure) -> None:
    """A flood of different names costs the daemon neither its memory nor its speed."""
    daemon = start_daemon()
    load = normal_load()
    before = max(speed(daemon, load) for _ in range(ROUNDS))
    figure("RSS before", rss_mib(daemon), "MiB")

    goal, began = newest_id(daemon) + NAMES, time.monotonic()
    with daemon.connect() as client:
        client.settimeout(ATTACK_SECONDS)
        for frames in hostile_frames():
            client.sendall(frames)
    until(lambda: newest_id(daemon) >= goal, "all names", ATTACK_SECONDS)
    figure("records a second, all different", NAMES / (time.monotonic() - began), "1/s")

    rounds = [speed(daemon, load) for _ in range(ROUNDS)]
    figure("speed at once after it, of that before", rounds[0] / before, "")
    figure("speed after it, of that before", max(rounds) / before, "")
    figure("RSS after", rss_mib(daemon), "MiB")
    peak = rss_mib(daemon, "VmHWM")
    figure("RSS's peak", peak, "MiB")
    size = daemon.database.stat().st_size / NAMES
    figure("bytes of the file for each different record", size, "B")
    answers = answer_seconds(daemon)
    for name, seconds in answers.items():
        figure(f"`{name}` with so many names", seconds, "s")
    daemon.stop()

    assert peak < MOST_RSS_MIB
    assert max(rounds) >= LEAST_SPEED * before
    assert newest_id(daemon) == goal + ROUNDS * NORMAL_RECORDS
    assert "shed" not in daemon.stderr


def answer_seconds(daemon: Daemon) -> dict[str, float]:
    """Ask what looks through all names; return how long each answer took."""
    questions: dict[str, tuple[str, ...]] = {
        "stats --by level": ("stats", "--by", "level", "-o", "json"),
        "stats --by logger": ("stats", "--by", "logger", "-o", "json", "logger:shop"),
        "query --logger": ("query", "--logger", "shop.web.3", "-n", "3", "-o", "jsonl"),
        "query key": ("query", "has:key_00000000", "--count"),
    }
    folder = daemon.database.parent
    began = time.monotonic()
    done = run_command(
        folder=folder,
        variables={
            "LOGCOLLECTOR_DB": str(daemon.database),
            "_LOGCOLLECTOR_COMPLETE": "bash_complete",
            "COMP_WORDS": "logcollector query --logger shop.",
            "COMP_CWORD": "3",
        },
    )
    seconds = {"completion": time.monotonic() - began}
    assert done.returncode == 0, done.stderr
    assert "shop.web.3" in done.stdout
    for name, (command, *arguments) in questions.items():
        began = time.monotonic()
        done = run_command(
            *(command, "--db", daemon.database, *arguments), folder=folder
        )
        seconds[name] = time.monotonic() - began
        assert done.returncode == 0, (name, done.stderr)
    # A table of all of them is refused, not attempted.
    done = run_command(
        *("stats", "--by", "logger", "--db", daemon.database), folder=folder
    )
    assert done.returncode == 0 or "narrow it down" in done.stderr
    return seconds
