"""What is asked of the filled database, each as a command would ask it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from corpus import ALARM_LOGGER, DAY, DAYS, HOUR, MINUTE, NIGHT_LOGGER
from messages import COMMON_WORDS, RARE_WORD
from timing import Timing, timed

from collector.query.parser import parse
from collector.query.tree import Node
from collector.store import rollups
from collector.store.reader import Deadline, Reader, connect
from collector.store.search import Search
from collector.store.search_index import Part
from collector.store.stats import GROUPINGS, Grouping, by_time, count, group_records

NEWEST = 100
TIMEOUT_SECONDS = 600.0

# What is done with a reader and a query; returns how much was found.
Use = Callable[[Reader, Node], int]


class Unindexed(Reader):
    """A reader that knows of no search index."""

    def index_parts(self) -> list[Part]:
        """Return that nothing is indexed."""
        return []


@dataclass(frozen=True, slots=True)
class Question:
    """A query, what is done with what it finds, and how long it may take."""

    title: str
    query: str
    use: Use
    most_ms: float | None = None


def newest(reader: Reader, node: Node) -> int:
    """Read the newest matches."""
    return sum(1 for _ in Search(reader, node).rows(newest_first=True, limit=NEWEST))


def grouped(reader: Reader, node: Node, *, by: Grouping) -> int:
    """Count the matches in groups; return how many groups there are."""
    return len(group_records(reader, node, by))


def questions(database: Path, records: int) -> list[Question]:
    """Return what is asked of a filled database."""
    with closing(opened(database, Reader)) as reader:
        _, last = rollups.time_bounds(reader)
    middle = last // DAY * DAY - DAYS // 2 * DAY
    day = span(middle, middle + DAY)
    hour = span(middle + 12 * HOUR, middle + 13 * HOUR)
    common = f'"{COMMON_WORDS}"'
    alarms = f"level:critical logger:{ALARM_LOGGER}"
    per_minute = partial(grouped, by=by_time(MINUTE))
    per_hour = partial(grouped, by=by_time(HOUR))
    per_logger = partial(grouped, by=GROUPINGS["logger"])
    return [
        Question("common logger and level", "level>=info logger:shop.web", newest, 50),
        Question("rare logger and level", "level>=error logger:shop.cache", newest, 50),
        Question("one record in 100,000", alarms, newest, 50),
        Question("logger of the night", f"logger:{NIGHT_LOGGER}", newest, 50),
        Question("two words, often together", "invoice discount", newest),
        Question("two words, never together", "retried expired", newest),
        Question("a host", "host:web7", newest),
        Question("a key of extra", "user.id=42", newest),
        Question("a common regex", r"/pool, idle for 1\d\d/", newest),
        Question("a regex nowhere, one day", f"/zyz+yv[b-z]/ {day}", newest),
        Question("common text, one hour", f"{common} {hour}", newest),
        Question("rare text, one hour", f"{RARE_WORD} {hour}", newest),
        Question("one id:", f"id:{records // 2}", newest, 5),
        Question("--count of a level", "level>=warning", count),
        Question("--count of a host", "host:web7", count),
        Question("histogram by minute of a day", day, per_minute, 50),
        Question("histogram by hour of everything", "", per_hour, 50),
        Question("count by logger", "", per_logger, 100),
    ]


def span(start: int, stop: int) -> str:
    """Return the part of a query that asks for a time."""
    since, until = (
        datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        for epoch in (start, stop)
    )
    return f"since:{since} until:{until}"


def opened(database: Path, kind: type[Reader]) -> Reader:
    """Return a reader as a command has it."""
    return kind(connect(database), database, Deadline(TIMEOUT_SECONDS))


def answered(
    database: Path, query: str, use: Use, kind: type[Reader] = Reader
) -> Timing:
    """Time a query, which is parsed each time and has a reader of its own."""

    def ask() -> int:
        with closing(opened(database, kind)) as reader:
            return use(reader, parse(query, now=time.time(), zone=UTC))

    return timed(ask)
