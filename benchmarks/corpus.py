"""A week of records to search in: what a shop's twenty hosts might log.

The records are what the daemon would have made of what came in, in the order
of their arrival. The seed fixes everything but the time.
"""

from __future__ import annotations

import logging
import math
import random
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate

from frames import SITES, SOURCES, THREADS, Site, make_sites
from messages import RARE_WORD, TEMPLATES, USERS, tracebacks

from collector.record import Record, level_name

BATCH = 8192
MINUTE = 60
HOUR = 3600
DAY = 86400
DAYS = 7

EXTRA_SHARE = 0.20
TRACEBACK_SHARE = 0.02
RARE_RECORDS = 20

# One more place logs at a level of its own, about one record in so many.
ALARM_LOGGER = "shop.stock.sync"
ALARM_ONE_IN = 100_000

# One logger logs much, but in one hour of the day only.
NIGHT_LOGGER = "shop.jobs.nightly"
NIGHT_HOUR = 2
NIGHT_ACTIVITY = 1.5

HOSTS = (
    *(f"web{number}" for number in range(1, 13)),
    *(f"job{number}" for number in range(1, 6)),
    *(f"db{number}" for number in range(1, 4)),
)
PROCESSES = ("MainProcess", "SpawnProcess-1", "SpawnProcess-2", "SpawnProcess-3")
# Clocks of hosts differ by up to this.
CLOCK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Origin:
    """A thread of a process; `clock_seconds` is what its clock is off."""

    hostname: str
    process: int
    process_name: str
    thread: int
    thread_name: str
    peer: str
    clock_seconds: float


class Corpus:
    """So many records, of the week that ends at the epoch second `end`.

    That is the end of a day of UTC.
    """

    def __init__(self, *, records: int, end: int, seed: int) -> None:
        self.records = records
        self._end = end
        self._chance = random.Random(seed)
        self._sites = place_sites(self._chance)
        self._origins = make_origins(self._chance)
        self._tracebacks = tracebacks()
        # Few places do most of the logging.
        shares = [(1 / (rank + 2)) ** 1.2 for rank in range(SITES)]
        nightly = [site.logger == NIGHT_LOGGER for site in self._sites[:SITES]]
        pairs = list(zip(shares, nightly, strict=True))
        self._by_day = list(accumulate(0.0 if at else share for share, at in pairs))
        self._by_night = list(accumulate(share if at else 0.0 for share, at in pairs))
        errors = sum(
            share
            for site, (share, at) in zip(self._sites, pairs, strict=False)
            if site.level == logging.ERROR and not at
        )
        self._failing_share = TRACEBACK_SHARE * self._by_day[-1] / errors

    def batches(self) -> Iterator[list[Record]]:
        """Make the records, once."""
        step = self.records // RARE_RECORDS
        batch: list[Record] = []
        number = 0
        for start, count, night_share in self._minutes():
            for place in range(count):
                moment = start + MINUTE * place / count
                rare = number % step == step // 2
                batch.append(self._record(moment, night_share, rare=rare))
                number += 1
                if len(batch) == BATCH:
                    yield batch
                    batch = []
        if batch:
            yield batch

    def _minutes(self) -> Iterator[tuple[int, int, float]]:
        """Yield each minute's start, records, and the nightly jobs' share."""
        starts = range(self._end - DAYS * DAY, self._end, MINUTE)
        sums = list(accumulate(sum(activity(start)) for start in starts))
        before = 0
        for start, so_far in zip(starts, sums, strict=True):
            upto = round(self.records * so_far / sums[-1])
            by_day, by_night = activity(start)
            yield start, upto - before, by_night / (by_day + by_night)
            before = upto

    def _record(self, moment: float, night_share: float, *, rare: bool) -> Record:
        """Make the record that arrives at a moment."""
        draw = self._chance.random
        if draw() * ALARM_ONE_IN < 1:
            number = SITES
        else:
            shares = self._by_night if draw() < night_share else self._by_day
            number = bisect(shares, draw() * shares[-1])
        site = self._sites[number]
        origin = self._origins[int(draw() * len(self._origins))]
        template, arguments = TEMPLATES[number % len(TEMPLATES)]
        message = template % arguments(draw)
        if rare:
            message = f"{message}, {RARE_WORD}"
        failing = site.level == logging.ERROR and draw() < self._failing_share
        created = moment - draw() * 0.05 + origin.clock_seconds
        # Processes are started anew each day.
        day = int(moment) // DAY
        started = day * DAY - 600.0 + origin.process % 600
        return Record(
            created=created,
            received=moment,
            name=site.logger,
            levelno=site.level,
            levelname=level_name(site.level),
            message=message,
            hostname=origin.hostname,
            process=origin.process + day % 7,
            processName=origin.process_name,
            started=started,
            thread=origin.thread,
            threadName=origin.thread_name,
            pathname=site.pathname,
            filename=site.pathname.rpartition("/")[2],
            module=site.logger.rpartition(".")[2],
            lineno=site.lineno,
            funcName=site.function,
            exc_text=self._tracebacks[int(draw() * 12)] if failing else None,
            extra=self._extra() if draw() < EXTRA_SHARE else None,
            relativeCreated=(created - started) * 1000,
            peer=origin.peer,
        )

    def _extra(self) -> str:
        draw = self._chance.random
        request, user = int(draw() * 2**52), int(draw() * USERS)
        return (
            f'{{"request":"{request:016x}","user":{{"id":{user},"role":"customer"}},'
            f'"bytes":{int(draw() * 90_000)}}}'
        )


def place_sites(chance: random.Random) -> list[Site]:
    """Return the places that log, from the commonest on, and the alarm's."""
    sites = make_sites(chance)
    # Of the commonest, two are what web workers log at every request.
    sites[0] = replace(sites[0], level=logging.INFO)
    sites[1] = replace(sites[1], level=logging.INFO)
    alarm = Site(
        logger=ALARM_LOGGER,
        level=logging.CRITICAL,
        pathname=f"{SOURCES}shop/stock/sync.py",
        lineno=7,
        function="give_up",
        template="",
        noun="",
    )
    return [*sites, alarm]


def make_origins(chance: random.Random) -> list[Origin]:
    """Return the threads of some processes on each host."""
    return [
        Origin(
            hostname=hostname,
            process=1000 + 400 * number + 70 * place,
            process_name=process_name,
            thread=thread,
            thread_name=thread_name,
            peer=f"10.0.0.{10 + number}",
            clock_seconds=clock_seconds,
        )
        for number, hostname in enumerate(HOSTS)
        for clock_seconds in [chance.uniform(-CLOCK_SECONDS, CLOCK_SECONDS)]
        for place, process_name in enumerate(PROCESSES)
        for thread, thread_name in THREADS[:4]
    ]


def activity(moment: int) -> tuple[float, float]:
    """Return how busy the shop and its nightly jobs are, in the same unit.

    Least at four in the morning, most at four in the afternoon.
    """
    hours = moment % DAY / HOUR
    by_day = 1 - 0.8 * math.cos((hours - 4) / 24 * math.tau)
    return by_day, NIGHT_ACTIVITY if int(hours) == NIGHT_HOUR else 0.0
