"""Run the collector for minutes under load and mixed faults, then do the accounts.

    python benchmarks/soak.py [--seconds 600] [--seed N] [--folder DIR]

One daemon after the other serves the same database and spool, under load from
stock SocketHandlers and from fast senders, whose every record is numbered.
Meanwhile: locks, long readers, bad frames, resets, reloads, and as root a full
file system. Each ends by SIGTERM or by kill -9.

Where it was asked to stop, the accounts must balance exactly: what was received
was stored, rejected or shed, and each number that is missing was shed. Where it
was killed, the numbers tell how many records were lost with it. Everything that
is stored is there once and in each sender's order. Exit status 1 when not.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The tests' daemon and senders.
sys.path.insert(0, str(ROOT / "tests"))

from console import default_folder, say  # noqa: E402
from faults.accounts import (  # noqa: E402
    check_database,
    counts,
    disorder,
    stored,
)
from faults.load import Report, Sender  # noqa: E402
from integration.daemon import Daemon, until  # noqa: E402
from integration.disk import mounted  # noqa: E402
from mischief import Mischief  # noqa: E402

EPOCH_SECONDS = (6.0, 25.0)
FAULT_SECONDS = (0.1, 4.0)
BETWEEN_SECONDS = (0.2, 2.0)
QUIET_SECONDS = 60.0

# The senders, each with its records a second.
LOAD = (("stock", 300.0), ("stock", 300.0), ("fast", 700.0), ("fast", 700.0))

# A database of ten minutes takes a third of it.
DISK_MEGABYTES = 768

# What the status has of records that are not stored yet.
WAITING = ("waiting_records", "spool_records")

# What becomes of what came.
ACCOUNTS = ("stored", "refused_by_sqlite", "rejected", "shed")

# Every third daemon has so little room that a lock of some seconds makes it shed.
LITTLE_ROOM = ("--queue-high-records", "1000", "--spool-max-bytes", "2000000")


@dataclass(slots=True)
class Epoch:
    """The life of one daemon: how it ended, what it said, what was sent to it."""

    killed: bool
    counts: dict[str, int] = field(default_factory=dict)
    reports: dict[str, Report] = field(default_factory=dict)
    bad_frames: int = 0


class Soak:
    """One database, and the daemons that serve it one after the other."""

    def __init__(
        self, folder: Path, *, disk: Path | None, chance: random.Random
    ) -> None:
        self.database = (disk or folder) / "logs.sqlite"
        self.epochs: list[Epoch] = []
        self.faults: Counter[str] = Counter()
        self._folder = folder
        self._disk = disk
        self._chance = chance
        self._deck: list[str] = []

    def run(self, seconds: float) -> None:
        """Go on for so long, and end with a daemon that is asked to stop."""
        deadline = time.monotonic() + seconds
        with ExitStack() as stack:
            clients = [
                stack.enter_context(Sender(kind, f"s{number}", self._folder))
                for number, (kind, _) in enumerate(LOAD)
            ]
            while (left := deadline - time.monotonic()) > 0 or self.epochs[-1].killed:
                last = left < EPOCH_SECONDS[1]
                length = min(self._chance.uniform(*EPOCH_SECONDS), max(left, 1.0))
                epoch = Epoch(killed=not last and self._chance.random() < 0.5)
                self.epochs.append(epoch)
                self._live(epoch, clients, length)

    def _live(self, epoch: Epoch, clients: list[Sender], seconds: float) -> None:
        chance = self._chance
        flags = ["--db", str(self.database), "--port", "0", "--emit", "none"]
        flags += ["--spool", str(self._folder / "spool"), "--http-address", "0"]
        if len(self.epochs) % 3 == 2:
            flags += LITTLE_ROOM
        daemon = Daemon(
            flags,
            folder=self._folder,
            database=self.database,
        )
        try:
            daemon.wait_ready()
            mischief = Mischief(daemon, chance=chance, disk=self._disk)
            for client, (_, rate) in zip(clients, LOAD, strict=True):
                client.send(daemon.port, rate=rate)
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                time.sleep(chance.uniform(*BETWEEN_SECONDS))
                name = self._next_fault(mischief.names)
                with mischief.fault(name):
                    time.sleep(chance.uniform(*FAULT_SECONDS))
                    if epoch.killed and time.monotonic() >= deadline:
                        # In the midst of it.
                        epoch.counts = counts(daemon)
                        daemon.kill()
                if daemon.process.poll() is not None:
                    break
            if epoch.killed and daemon.process.poll() is None:
                epoch.counts = counts(daemon)
                daemon.kill()
            epoch.reports = {client.name: stopped(client) for client in clients}
            epoch.bad_frames = mischief.bad_frames
            if not epoch.killed:
                epoch.counts = quiet(daemon)
                daemon.stop()
        finally:
            daemon.kill()
        ending = "killed" if epoch.killed else "stopped"
        told = {k: n for k, n in epoch.counts.items() if n and k.endswith("_total")}
        say(f"daemon {len(self.epochs)} {ending} after {seconds:.0f} s {told or ''}")

    def _next_fault(self, names: Sequence[str]) -> str:
        """Return a fault by chance, but each before any comes again."""
        if not self._deck:
            self._deck = self._chance.sample(names, len(names))
        name = self._deck.pop()
        self.faults[name] += 1
        return name


def stopped(client: Sender) -> Report:
    """End what a client sends and return what became of it."""
    client.stop()
    return client.report()


def came(numbers: Mapping[str, int]) -> int:
    """Return how many records came to a daemon, over the network or in the spool."""
    return sum(numbers.get(f"{name}_total", 0) for name in ("received", "recovered"))


def quiet(daemon: Daemon) -> dict[str, int]:
    """Wait until nothing waits any more; return the daemon's counts then."""
    seen: list[dict[str, int]] = [{}]

    def settled() -> bool:
        seen.append(counts(daemon))
        return not any(seen[-1][name] for name in WAITING) and came(seen[-1]) == came(
            seen[-2]
        )

    until(settled, f"quiet; the daemon said {daemon.stderr}", QUIET_SECONDS)
    return seen[-1]


def accounts(soak: Soak) -> tuple[dict[str, float], list[str]]:
    """Return what became of all records, and what is wrong with that."""
    wrong: list[str] = []
    found = {name: list(numbers) for name, numbers in stored(soak.database).items()}
    if place := disorder(found):
        wrong.append(f"twice or out of order: {place}")
    there = {name: set(numbers) for name, numbers in found.items()}
    totals: Counter[str] = Counter()
    for number, epoch in enumerate(soak.epochs, 1):
        missing = dropped = 0
        for name, report in epoch.reports.items():
            tried = set(range(report.first, report.first + report.tried))
            gone = tried - there.get(name, set())
            there.get(name, set()).difference_update(tried)
            totals["sent"] += report.tried
            dropped += len(gone.intersection(report.dropped))
            missing += len(gone.difference(report.dropped))
        totals["given up by handlers"] += dropped
        if epoch.killed:
            # What it shed it had told; the rest was in memory or in the kernel.
            shed = min(missing, epoch.counts["shed_total"])
            totals["shed"] += shed
            totals["lost with a killed daemon"] += missing - shed
            say(f"daemon {number}: {missing - shed} were lost with it")
            continue
        wrong += [f"daemon {number}: {text}" for text in imbalance(epoch, missing)]
        totals["shed"] += epoch.counts["shed_total"]
        totals["rejected"] += epoch.counts["rejected_total"]
        if dropped:
            wrong.append(f"daemon {number}: {dropped} were given up by handlers")
    if strange := sum(map(len, there.values())):
        wrong.append(f"{strange} are stored that nobody sent")
    totals["stored"] = sum(map(len, found.values()))
    left = (
        totals["sent"]
        - sum(totals[name] for name in ("stored", "shed", "lost with a killed daemon"))
        - totals["given up by handlers"]
    )
    if left:
        wrong.append(f"{left} are in no account")
    return dict(totals), wrong


def imbalance(epoch: Epoch, missing: int) -> list[str]:
    """Tell what is wrong with the accounts of a daemon that was asked to stop."""
    counts = epoch.counts
    went = {name: counts[f"{name}_total"] for name in ACCOUNTS}
    wrong = []
    if came(counts) != sum(went.values()):
        wrong.append(f"{came(counts)} came, and went: {went}")
    if missing != went["shed"]:
        wrong.append(f"{missing} are missing and {went['shed']} were shed")
    if went["rejected"] < epoch.bad_frames:
        wrong.append(f"{epoch.bad_frames} were bad, {went['rejected']} rejected")
    return wrong


def main() -> int:
    """Soak, print the accounts, return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    seconds = float(os.environ.get("SOAK_SECONDS", "600"))
    parser.add_argument("--seconds", type=float, default=seconds)
    parser.add_argument("--seed", type=int, default=9020)
    parser.add_argument(
        "--folder", type=Path, help="where to write (default: /var/tmp)"
    )
    options = parser.parse_args()
    parent = options.folder or default_folder()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=parent)))
        disk = None
        try:
            disk = stack.enter_context(mounted(folder / "disk", DISK_MEGABYTES))
        except OSError as error:
            say(f"no full disk in this soak: {error}")
        soak = Soak(folder, disk=disk, chance=random.Random(options.seed))
        soak.run(options.seconds)
        totals, wrong = accounts(soak)
        try:
            check_database(soak.database)
        except AssertionError as error:
            wrong.append(f"{soak.database.name}: {error}")
        slowest = max(
            (r.slowest_seconds for e in soak.epochs for r in e.reports.values()),
            default=0.0,
        )
    kills = sum(epoch.killed for epoch in soak.epochs)
    print(f"daemons: {len(soak.epochs)}, of which killed: {kills}")
    print("faults:", ", ".join(f"{n} {name}" for name, n in soak.faults.items()))
    for name, total in totals.items():
        print(f"{name}: {total}")
    print(f"longest call of a sender: {slowest * 1000:.0f} ms")
    for text in wrong:
        print(f"WRONG: {text}")
    if not wrong:
        print("the accounts balance")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
