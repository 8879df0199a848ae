"""kill -9 at random moments, again and again, with the same database and spool."""

import os
import random
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from faults.accounts import (
    check_database,
    disorder,
    reading,
    spilled,
    spool_of,
    stored,
)
from faults.load import Sender, senders
from integration.daemon import Daemon, until

pytestmark = pytest.mark.fault

KILLS = int(os.environ.get("FAULT_KILLS", "200"))
# Then a new database, so that looking at all of it stays quick.
KILLS_PER_DATABASE = 20

CLIENTS = 2
RATE = 10_000
LOAD_SECONDS = (0.02, 0.4)
# A start takes some 0.4 s: these kills fall into it.
START_SECONDS = (0.0, 0.5)

# Small, so that a lock makes it spill within these moments.
FLAGS = ("--queue-high-records", "500")


class Witness:
    """A reader that notes what is committed, up to the kill."""

    def __init__(self, database: Path) -> None:
        self.seen: dict[int, str] = {}
        self._database = database
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.002):
            try:
                with reading(self._database) as reader:
                    while not self._over.wait(0.002):
                        self.seen.update(
                            reader.execute(
                                "SELECT id, extra FROM records ORDER BY id DESC LIMIT 3"
                            ).fetchall()
                        )
            except sqlite3.Error:
                # There is no database yet, or no table in it.
                continue


class Trial:
    """One database, and what is known of it over many kills."""

    def __init__(self, database: Path, chance: random.Random) -> None:
        self.database = database
        self.spool = spool_of(database)
        self.chance = chance
        self.seen: dict[int, str] = {}
        self.spilled: dict[str, set[int]] = defaultdict(set)
        self.spilling_kills = 0

    def run(self, start_daemon: Any, clients: list[Sender]) -> None:
        """Start, kill, and look at what is there."""
        chance = self.chance
        daemon = start_daemon(*FLAGS, database=self.database, wait=False)
        with witnessed(self):
            if chance.random() < 0.15:
                time.sleep(chance.uniform(*START_SECONDS))
                daemon.process.kill()
                daemon.wait_end()
            else:
                daemon.wait_ready()
                self._load_and_kill(daemon, clients)
        assert "Traceback" not in daemon.stderr, daemon.stderr
        self.check()

    def _load_and_kill(self, daemon: Daemon, clients: list[Sender]) -> None:
        with ExitStack() as stack:
            if self.chance.random() < 0.4:
                stack.enter_context(daemon.locked())
            for client in clients:
                client.send(daemon.port, rate=RATE)
            time.sleep(self.chance.uniform(*LOAD_SECONDS))
            daemon.process.kill()
            daemon.wait_end()
        for client in clients:
            client.stop()
            client.report()

    def check(self) -> None:
        """Fail if something committed is gone, twice there or only in part."""
        if not self.database.exists():
            return
        check_database(self.database)
        with reading(self.database) as reader:
            for number, extra in self.seen.items():
                [(kept,)] = reader.execute(
                    "SELECT extra FROM records WHERE id = ?", [number]
                ).fetchall() or [(None,)]
                assert kept == extra, f"id {number} had been committed"
        assert disorder(stored(self.database)) is None
        left = spilled(self.spool)
        self.spilling_kills += bool(left)
        for sender, numbers in left.items():
            self.spilled[sender] |= numbers

    def finish(self, start_daemon: Any) -> int:
        """Replay and stop; return how many records are stored."""
        daemon = start_daemon(*FLAGS, database=self.database)
        until(lambda: not spilled(self.spool), "a spool that is read")
        daemon.stop()
        self.check()
        found = stored(self.database)
        for sender, numbers in self.spilled.items():
            lost = numbers.difference(found.get(sender, ()))
            assert not lost, f"{len(lost)} of {sender} were spilled and not replayed"
        return sum(map(len, found.values()))


@contextmanager
def witnessed(trial: Trial) -> Iterator[None]:
    witness = Witness(trial.database)
    witness.start()
    try:
        yield
    finally:
        witness.stop()
        trial.seen.update(witness.seen)


def test_killed_again_and_again(start_daemon: Any, tmp_path: Path, figure: Any) -> None:
    """What was committed stays, once and in order; what was spilled is replayed."""
    chance = random.Random(9020)
    began = time.monotonic()
    kills = records = sent = spilling = 0
    while kills < KILLS:
        folder = tmp_path / f"after-{kills}"
        folder.mkdir()
        trial = Trial(folder / "logs.sqlite", chance)
        with senders("fast", CLIENTS, folder) as clients:
            for _ in range(min(KILLS_PER_DATABASE, KILLS - kills)):
                trial.run(start_daemon, clients)
                kills += 1
            sent += sum(client.sent for client in clients)
        records += trial.finish(start_daemon)
        spilling += trial.spilling_kills
    figure("kills", kills, "times")
    figure("kills with frames in the spool", spilling, "times")
    figure("time of all kills", time.monotonic() - began, "s")
    figure("records of killed daemons: sent", sent, "records")
    figure("records of killed daemons: stored", records, "records")
    assert records > 0
    # Otherwise this would not prove what it says.
    assert spilling > kills / 10
