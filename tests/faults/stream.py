"""A stream of numbered records at a steady rate, as one busy client makes it."""

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

from integration.daemon import PATIENCE_SECONDS, Daemon, until
from integration.wire import stock_frame

# Records that are due are sent together, so often.
TICK_SECONDS = 0.005


class Stream:
    """Sends records whose messages count up from 0, over one connection.

    Used as a context: it sends from the beginning to the end of the block, or
    until `stop`. `padding` is appended to each message.
    """

    def __init__(
        self,
        daemon: Daemon,
        *,
        name: str = "stream",
        rate: float = 2_000,
        padding: int = 0,
        loggers: int = 1,
    ) -> None:
        self._socket = daemon.connect()
        self._name = name
        self._rate = rate
        self._padding = " " + "x" * padding if padding else ""
        self._loggers = loggers
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name)
        self.broken: OSError | None = None
        # How many records the kernel has taken, and the longest it took.
        self.sent = 0
        self.longest_send_seconds = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> int:
        """Send no more and close; return how many records were sent."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(PATIENCE_SECONDS)
        self._socket.close()
        return self.sent

    def wait_sent(self, more: int) -> None:
        """Wait until so many more records have been sent than by now."""
        goal = self.sent + more
        until(lambda: self.sent >= goal or self.broken, f"{goal} records sent")
        assert self.broken is None, self.broken

    def _run(self) -> None:
        begin = time.monotonic()
        while not self._stopping.wait(TICK_SECONDS):
            due = int((time.monotonic() - begin) * self._rate)
            frames = [self._frame(number) for number in range(self.sent, due)]
            started = time.monotonic()
            try:
                self._socket.sendall(b"".join(frames))
            except OSError as error:
                self.broken = error
                return
            took = time.monotonic() - started
            self.longest_send_seconds = max(self.longest_send_seconds, took)
            self.sent = due

    def _frame(self, number: int) -> bytes:
        name = f"{self._name}.{number % self._loggers}"
        return stock_frame(f"{number}{self._padding}", name=name)


def numbers(database: Path, name: str = "stream", where: str = "true") -> list[int]:
    """Return the numbers of a stream's stored records, in their order.

    Reads on as far as the file can be read.
    """
    found: list[int] = []
    with closing(sqlite3.connect(database, timeout=10)) as reader:
        rows = reader.execute(
            f"SELECT message FROM logs WHERE name LIKE '{name}.%' AND {where} "
            "ORDER BY id"
        )
        try:
            found.extend(int(message.split()[0]) for (message,) in rows)
        except sqlite3.DatabaseError:
            return found
    return found


def so_far(database: Path, name: str = "stream") -> list[int]:
    """Return as much, and nothing while the file is missing or out of order."""
    if not database.exists():
        return []
    try:
        return numbers(database, name)
    except sqlite3.DatabaseError:
        return []


def disorder(numbers: list[int], start: int = 0) -> str:
    """Tell where the numbers stop to count up from `start`; "" if nowhere.

    Comparing the lists would have pytest explain thousands of differences.
    """
    for place, number in enumerate(numbers, start):
        if number != place:
            near = numbers[max(0, place - start - 2) : place - start + 3]
            return f"{number} where {place} should be, near {near}"
    return ""
