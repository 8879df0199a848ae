"""A client in a process of its own, that sends numbered records.

    python generator.py fast|stock NAME COUNTER [PADDING]

Each record has `sender` (NAME) and `sequence` among its extra attributes;
sequences count up from FIRST_SEQUENCE over the life of the process. It says
`ready`, then takes commands on stdin, one a line:

    send PORT RATE SECONDS    connect to 127.0.0.1, send, close, report
    stop                      end the sending under way

A rate of 0 is full speed, 0 seconds last until `stop`. A report is a line of
JSON, see `Report`. How many records have been sent so far, in all, is kept in
the file COUNTER, 8 bytes in this machine's order, which a test can map.

`fast` sends what SocketHandler makes of one record, with time and number
replaced. `stock` is a logger with a stock SocketHandler, whose calls are timed.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import mmap
import os
import select
import socket
import struct
import sys
import time
from logging.handlers import SocketHandler

# Above 65,535 the pickle's integer always takes four bytes.
FIRST_SEQUENCE = 100_000

# A call this long is one that an application notices.
SLOW_SECONDS = 0.25

HOST = "127.0.0.1"
TICK_SECONDS = 0.01
LONGEST_BURST = 500

# What replaces time and number in the pickle of the one record.
_MARKED_SEQUENCE = 0x6B6A6968
_MARKED_TIME = 1234567890.123456


@dataclasses.dataclass
class Report:
    """What became of one `send`.

    Records `first` to `first + sent - 1` were handed to the kernel; those up
    to `first + tried - 1` perhaps. `dropped` are those that the handler gave
    up; `slowest_seconds` is the longest call, `slow` how many were slow.
    """

    first: int
    sent: int = 0
    tried: int = 0
    dropped: list[int] = dataclasses.field(default_factory=list)
    error: str = ""
    slowest_seconds: float = 0.0
    slow: int = 0

    def called(self, seconds: float) -> None:
        """Note how long a call took."""
        self.slowest_seconds = max(self.slowest_seconds, seconds)
        self.slow += seconds > SLOW_SECONDS


class Commands:
    """The lines that come on stdin."""

    def __init__(self) -> None:
        self._rest = b""

    def next(self, seconds: float | None) -> list[str] | None:
        """Return the next command's words; None when none comes in time."""
        while b"\n" not in self._rest:
            if not select.select([0], [], [], seconds)[0]:
                return None
            more = os.read(0, 4096)
            if not more:
                raise SystemExit(0)
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode().split()


class Generator:
    """Counts, keeps the pace, obeys."""

    def __init__(self, name: str, counter: str, padding: str) -> None:
        self.name = name
        self.message = "record %09d of %s" + (" " + padding if padding else "")
        self.commands = Commands()
        self.next_sequence = FIRST_SEQUENCE
        with open(counter, "r+b") as file:
            self._counter = mmap.mmap(file.fileno(), 8)

    def count(self, sent: int) -> None:
        """Let the test see how many have been sent."""
        struct.pack_into("q", self._counter, 0, sent)

    def run(self) -> None:
        """Obey until stdin ends."""
        print("ready", flush=True)
        while True:
            command = self.commands.next(None)
            if command and command[0] == "send":
                port, rate, seconds = command[1:]
                report = Report(self.next_sequence)
                try:
                    self.send(int(port), float(rate), float(seconds), report)
                except OSError as error:
                    report.error = repr(error)
                self.next_sequence = report.first + report.tried
                print(json.dumps(dataclasses.asdict(report)), flush=True)

    def due(self, rate: float, seconds: float, report: Report):
        """Yield how many records to send now, until time is up or `stop`."""
        began = time.monotonic()
        while True:
            passed = time.monotonic() - began
            over = bool(seconds) and passed >= seconds
            count = LONGEST_BURST
            if rate:
                whole = rate * (min(passed, seconds) if seconds else passed)
                count = min(round(whole) - report.tried, LONGEST_BURST)
            if over and (not rate or count <= 0):
                return
            if count > 0:
                yield count
            # A look at stdin costs 2 us, and is the pause when nothing is due.
            command = self.commands.next(TICK_SECONDS if count <= 0 else 0)
            if command and command[0] == "stop":
                return

    def send(self, port: int, rate: float, seconds: float, report: Report) -> None:
        """Send, and note in the report what became of it."""
        raise NotImplementedError


class Fast(Generator):
    """Sends frames that are made in a microsecond."""

    def send(self, port: int, rate: float, seconds: float, report: Report) -> None:
        template = self._template()
        at_sequence = template.index(struct.pack("<i", _MARKED_SEQUENCE))
        at_time = template.index(struct.pack(">d", _MARKED_TIME))
        at_number = template.index(b"record ") + len(b"record ")
        size = len(template)
        with socket.create_connection((HOST, port), 30) as client:
            client.settimeout(120)
            for count in self.due(rate, seconds, report):
                first = report.first + report.tried
                block = bytearray(template * count)
                now = time.time()
                for n in range(count):
                    start = n * size
                    struct.pack_into("<i", block, start + at_sequence, first + n)
                    struct.pack_into(">d", block, start + at_time, now)
                    struct.pack_into(
                        "9s", block, start + at_number, b"%09d" % (first + n)
                    )
                report.tried += count
                before = time.monotonic()
                client.sendall(block)
                report.called(time.monotonic() - before)
                report.sent += count
                self.count(report.first + report.sent - FIRST_SEQUENCE)

    def _template(self) -> bytes:
        record = logging.LogRecord(
            f"load.{self.name}",
            logging.INFO,
            "/srv/load/load.py",
            7,
            self.message,
            (0, self.name),
            None,
            "work",
        )
        record.created = _MARKED_TIME
        record.sender = self.name
        record.sequence = _MARKED_SEQUENCE
        return SocketHandler(HOST, 0).makePickle(record)


class Stock(Generator):
    """Logs as an application does."""

    def send(self, port: int, rate: float, seconds: float, report: Report) -> None:
        handler = SocketHandler(HOST, port)
        logger = logging.getLogger(f"load.{self.name}")
        logger.propagate = False
        logger.setLevel(logging.DEBUG)
        logger.handlers = [handler]
        for count in self.due(rate, seconds, report):
            for _ in range(count):
                sequence = report.first + report.tried
                report.tried += 1
                extra = {"sender": self.name, "sequence": sequence}
                before = time.monotonic()
                logger.info(self.message, sequence, self.name, extra=extra)
                report.called(time.monotonic() - before)
                # The handler says nothing of what it gives up.
                if handler.sock is None:
                    report.dropped.append(sequence)
                else:
                    report.sent += 1
            self.count(report.first + report.sent - FIRST_SEQUENCE)
        handler.close()


def main(arguments: list[str]) -> None:
    """Be one of the two."""
    kind, name, counter, *padding = arguments
    kinds = {"fast": Fast, "stock": Stock}
    kinds[kind](name, counter, "x" * int(padding[0]) if padding else "").run()


if __name__ == "__main__":
    main(sys.argv[1:])
