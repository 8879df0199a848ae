"""Thousands of idle, slow and resetting peers, and a normal client beside them."""

import bisect
import re
import resource
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from faults.crowds import crowd
from integration.daemon import Daemon, until

pytestmark = pytest.mark.fault

IDLE = 5_000
SLOW = 2_000
# A second, so more than 500 in all.
RESETTING = 100

SENDER = Path(__file__).with_name("stock_sender.py")
SECONDS = 2.0
POLL_SECONDS = 0.01

# What else the machine does can only make a run slower, so the best ones count;
# and when they don't do, there are more rounds.
ROUNDS = 2
MOST_ROUNDS = 8

# Of the client whose latency is measured: one that is in a hurry only measures
# how much may wait in memory.
PACE = 1_000


@dataclass
class Run:
    """What a stock client saw and what became of its records."""

    rate: float
    longest_seconds: float
    latencies: list[float]

    def percentile(self, part: float) -> float:
        return self.latencies[int(part * (len(self.latencies) - 1))]


class Watch(threading.Thread):
    """Looks which record is the last one that can be seen, again and again."""

    def __init__(self, database: Path) -> None:
        super().__init__(daemon=True)
        self._database = database
        self._over = threading.Event()
        self.ids: list[int] = []
        self.times: list[float] = []

    def run(self) -> None:
        uri = f"{self._database.as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=10)) as reader:
            while not self._over.wait(POLL_SECONDS):
                (last,) = reader.execute("SELECT max(id) FROM records").fetchone()
                self.times.append(time.time())
                self.ids.append(last or 0)

    def finish(self) -> None:
        self._over.set()
        self.join(10)


def send(daemon: Daemon, name: str, rate: int = 0) -> Run:
    """Let a stock client send for some seconds, and see all its records stored."""
    before = daemon.count()
    watch = Watch(daemon.database)
    watch.start()
    done = subprocess.run(
        [
            *(sys.executable, "-I", SENDER),
            *(str(daemon.port), str(SECONDS), str(rate), name),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    sent, seconds, longest = map(float, done.stdout.split())
    until(lambda: daemon.count() >= before + sent, "all that was sent is stored")
    # The watch sees the last ones too.
    time.sleep(3 * POLL_SECONDS)
    watch.finish()
    rows = daemon.rows(f"SELECT id, created FROM logs WHERE name = '{name}'")
    assert len(rows) == sent
    latencies = [
        watch.times[bisect.bisect_left(watch.ids, row["id"])] - row["created"]
        for row in rows
    ]
    return Run(sent / seconds, longest, sorted(latencies))


def resident_kib(daemon: Daemon) -> int:
    status = Path(f"/proc/{daemon.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1])


def processor_seconds(daemon: Daemon) -> float:
    fields = Path(f"/proc/{daemon.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def connections(daemon: Daemon) -> int:
    return len(list(Path(f"/proc/{daemon.pid}/fd").iterdir()))


def is_good(alone: list[Run], beside: list[Run], paced_beside: list[Run]) -> bool:
    """Whether the client keeps its rate within 0.8, and is served within 0.5 s."""
    rate = max(run.rate for run in alone)
    rate_beside = max(run.rate for run in beside)
    latency = min(run.percentile(0.99) for run in paced_beside)
    return rate_beside >= 0.8 * rate and latency < 0.5


def test_a_stock_client_beside_crowds(
    start_daemon: Any, loop_name: str, figure: Any
) -> None:
    """Idle, slow and resetting peers neither slow a normal one down nor take much."""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 20_000:
        pytest.skip("thousands of connections need a hard limit of 20,000 descriptors")
    if not Path("/proc/self/status").exists():
        pytest.skip("how much memory a process has is only known by /proc")
    daemon = start_daemon(
        *("--loop", loop_name),
        *("--max-connections", "10000", "--max-connections-per-peer", "10000"),
        # Else the slow ones would soon be gone.
        *("--frame-timeout-seconds", "600"),
        *("--flush-interval-seconds", "0.1"),
    )
    send(daemon, "warm")
    descriptors = connections(daemon)
    alone: list[Run] = []
    beside: list[Run] = []
    paced: list[Run] = []
    paced_beside: list[Run] = []
    for n in range(MOST_ROUNDS):
        if n >= ROUNDS and is_good(alone, beside, paced_beside):
            break
        alone.append(send(daemon, f"alone {n}"))
        paced.append(send(daemon, f"paced {n}", PACE))
        memory = [resident_kib(daemon)]
        with ExitStack() as stack:
            began = time.monotonic()
            peers = [stack.enter_context(crowd(daemon.port, "idle", IDLE))]
            until(lambda: connections(daemon) >= descriptors + IDLE, "idle peers")
            accepted = time.monotonic() - began
            memory.append(resident_kib(daemon))
            peers.append(stack.enter_context(crowd(daemon.port, "slow", SLOW)))
            all_of_them = descriptors + IDLE + SLOW
            until(lambda most=all_of_them: connections(daemon) >= most, "slow peers")
            memory.append(resident_kib(daemon))
            stack.enter_context(crowd(daemon.port, "resetting", RESETTING))
            beside.append(send(daemon, f"beside {n}"))
            used = processor_seconds(daemon)
            began = time.monotonic()
            paced_beside.append(send(daemon, f"paced beside {n}", PACE))
            used = (processor_seconds(daemon) - used) / (time.monotonic() - began)
            memory.append(resident_kib(daemon))
            assert [each.hung_up_on() for each in peers] == [0, 0]
        until(lambda: connections(daemon) <= descriptors, "all have ended")
        memory.append(resident_kib(daemon))
        if n == 0:
            first = memory
    daemon.stop()

    rate = max(run.rate for run in alone)
    rate_beside = max(run.rate for run in beside)
    latency = min(run.percentile(0.99) for run in paced)
    latency_beside = min(run.percentile(0.99) for run in paced_beside)
    longest = min(run.longest_seconds for run in paced)
    longest_beside = min(run.longest_seconds for run in paced_beside)
    figure("rate of a stock client alone", rate, "records/s")
    figure("rate beside crowds", rate_beside, "records/s")
    figure("share of its rate that it keeps", rate_beside / rate, "")
    figure(f"latency p99 at {PACE} a second, alone", latency * 1e3, "ms")
    figure("latency p99 beside crowds", latency_beside * 1e3, "ms")
    figure("longest call of the client, alone", longest * 1e3, "ms")
    figure("longest call beside crowds", longest_beside * 1e3, "ms")
    figure(f"time until {IDLE} idle connections are accepted", accepted, "s")
    figure(f"processor taken by the crowds and {PACE} a second", 100 * used, "%")
    stages = ("none", "idle ones", "idle and slow ones", "them and a client", "none")
    for name, figures in (("first", first), ("last", memory)):
        for stage, kib in zip(stages, figures, strict=True):
            figure(f"RSS in the {name} round: {stage}", kib / 1024, "MiB")
    figure("memory of an idle connection", (first[1] - first[0]) / IDLE, "KiB")
    figure("rounds", len(alone), "")
    assert is_good(alone, beside, paced_beside)
