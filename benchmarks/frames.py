"""Stock frames to send: what a shop's web workers might log in a while.

Every frame is made by `logging.handlers.SocketHandler.makePickle` from a
`logging.LogRecord`. The seed fixes all but the time stamps, which end with
the time of the run, so that no retention finds the records old.
"""

from __future__ import annotations

import logging
import random
import struct
import sys
import time
from array import array
from dataclasses import dataclass
from logging.handlers import SocketHandler
from pathlib import Path

# The records are made as if by this many processes, one after the other, so
# that each of as many connections can carry those of one process.
PROCESSES = 8

SITES = 200
EXTRA_SHARE = 0.10
TRACEBACK_SHARE = 0.01
PREFIX = struct.Struct(">L")

SOURCES = "/srv/shop/app/"
LOGGERS = (
    *("shop.web", "shop.web.cart", "shop.web.session", "shop.web.search"),
    *("shop.orders", "shop.orders.totals", "shop.orders.payment"),
    *("shop.stock", "shop.stock.sync", "shop.mail.outbox", "shop.jobs.runner"),
    *("shop.jobs.nightly", "shop.db.pool", "shop.db.query", "shop.cache"),
    *("urllib3.connectionpool", "sqlalchemy.engine.Engine"),
    *("gunicorn.access", "celery.worker", "asyncio"),
)
VERBS = ("load", "store", "check", "render", "send", "retry", "close", "refresh")
NOUNS = ("cart", "order", "page", "session", "invoice", "query", "reply", "lease")
LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)
LEVEL_WEIGHTS = (30, 55, 10, 5)
# Each takes a word, a whole number and a float.
TEMPLATES = (
    "%s of customer %d answered in %.1f ms, nothing left to do",
    "GET /shop/%s/%d served from the cache in %.1f ms, status 200",
    "%s %d waits for its lock, %.1f ms so far",
    "connection for %s %d taken from the pool, idle for %.1f ms",
    "%s %d was sent again after %.1f ms, the mail server asked to wait",
    "%s %d: total is now %.2f EUR, discount applied",
)
THREADS = tuple(
    (139_872_000_000_000 + 8_392_704 * number, name)
    for number, name in enumerate(
        ("MainThread", *(f"ThreadPoolExecutor-0_{number}" for number in range(7)))
    )
)


@dataclass(frozen=True, slots=True)
class Site:
    """A place in the source that logs."""

    logger: str
    level: int
    pathname: str
    lineno: int
    function: str
    template: str
    noun: str


@dataclass(frozen=True, slots=True)
class FrameFile:
    """Frames one after the other in a file, as they go over the wire.

    Record number i lies at the bytes offsets[i] to offsets[i + 1]. Formatted
    with one line a record and its traceback below it, they make `lines` lines.
    """

    path: Path
    offsets: array[int]
    lines: int

    @property
    def records(self) -> int:
        """How many frames there are."""
        return len(self.offsets) - 1

    @property
    def mean_bytes(self) -> float:
        """Mean length of a frame with its prefix."""
        return self.offsets[-1] / self.records


def make_sites(chance: random.Random) -> list[Site]:
    """Return the places that log, several in each logger's file."""
    sites = []
    for number in range(SITES):
        logger = LOGGERS[number % len(LOGGERS)]
        noun = chance.choice(NOUNS)
        sites.append(
            Site(
                logger=logger,
                level=chance.choices(LEVELS, LEVEL_WEIGHTS)[0],
                pathname=f"{SOURCES}{logger.replace('.', '/')}.py",
                lineno=20 + 7 * number,
                function=f"{chance.choice(VERBS)}_{noun}",
                template=chance.choice(TEMPLATES),
                noun=noun,
            )
        )
    return sites


def make_record(site: Site, chance: random.Random) -> logging.LogRecord:
    """Return a record from that place, as `Logger.makeRecord` would."""
    args = (site.noun, chance.randrange(1_000_000), chance.random() * 200)
    level, error = site.level, None
    if chance.random() < TRACEBACK_SHARE:
        level, error = logging.ERROR, raised(chance.randrange(1, 4))
    record = logging.LogRecord(
        site.logger,
        level,
        site.pathname,
        site.lineno,
        site.template,
        args,
        None if error is None else (type(error), error, error.__traceback__),
        site.function,
    )
    if chance.random() < EXTRA_SHARE:
        record.__dict__["request"] = f"{chance.getrandbits(64):016x}"
        record.__dict__["user"] = {"id": args[1], "role": "customer"}
    return record


def raised(depth: int) -> Exception:
    """Return an exception raised that many calls below here."""

    def descend(left: int) -> None:
        if left:
            descend(left - 1)
        else:
            raise ConnectionError("db-7.internal:5432 refused the connection")

    try:
        descend(depth)
    except ConnectionError as error:
        return error
    raise AssertionError("descend always raises")


def write_frames(path: Path, records: int, seed: int) -> FrameFile:
    """Make that many frames and write them to the file."""
    chance = random.Random(seed)
    sites = make_sites(chance)
    # Few places do most of the logging.
    chosen = chance.choices(sites, [1 / (rank + 4) for rank in range(SITES)], k=records)
    handler = SocketHandler("127.0.0.1", 0)  # never connects: makes frames only
    begin = time.time() - records * 1e-4
    offsets = array("Q", [0])
    lines = 0
    with path.open("wb") as file:
        for number, site in enumerate(chosen):
            record = make_record(site, chance)
            process = number * PROCESSES // records
            started = begin - 3600 - process
            record.process = 4100 + process
            record.thread, record.threadName = chance.choice(THREADS)
            record.created = begin + number * 1e-4
            record.msecs = float(int(record.created % 1 * 1000))
            record.relativeCreated = (record.created - started) * 1000
            frame = handler.makePickle(record)
            offsets.append(offsets[-1] + file.write(frame))
            lines += 1
            if record.exc_text:
                lines += record.exc_text.count("\n") + 1
    return FrameFile(path, offsets, lines)


def bodies(frames: bytes) -> list[bytes]:
    """Return the frames' payloads without their length prefixes."""
    payloads = []
    position = 0
    while position < len(frames):
        (length,) = PREFIX.unpack_from(frames, position)
        position += PREFIX.size
        payloads.append(frames[position : position + length])
        position += length
    return payloads


if __name__ == "__main__":
    made = write_frames(Path(sys.argv[1]), int(sys.argv[2]), seed=2)
    print(f"{made.records} frames, {made.mean_bytes:.0f} bytes each")
