"""Errors in groups: records with a traceback, by the traceback's fingerprint.

    from collector.store.error_groups import Timeline, error_groups

    errors = error_groups(reader, node, timeline=Timeline(since - 60, 60, 2))
    for group in errors.groups:  # the largest first
        group.id, group.type, group.count, group.first, group.last, group.history

A record's traceback is that of `exc_text`, or one that was pasted into its
message. All matching records are read, but not held: SQLite asks a function
for the fingerprint of each, and groups by that. What is remembered of texts,
groups and hosts is bounded; so are the rows of each statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from collector.query.conditions import Function
from collector.query.log_row import LogRow
from collector.query.tree import Has, Node, Text, either, every
from collector.store.reader import Deadline, Reader, decoded
from collector.store.search import (
    Progress,
    Search,
    Slice,
    fetch,
    parts,
    time_span,
)
from collector.tracebacks.fingerprint import last_frame
from collector.tracebacks.fingerprints import Fingerprints
from collector.tracebacks.foreign import exception_in
from collector.tracebacks.parser import HEADER, traceback_in
from collector.tracebacks.raised import Frame, Traceback

MOST_GROUPS: Final = 10_000
# Names of hosts, of all groups together.
MOST_HOSTS: Final = 100_000

# Ids of one statement, each of which may be a row of its result.
STEP_IDS: Final = 100_000

# Texts whose fingerprints are remembered; longer ones are not.
MAX_KNOWN_BYTES: Final = 16_000_000
MAX_KNOWN_TEXT_BYTES: Final = 64_000

# Buckets of a history, unless another timeline is given.
HISTORY_LENGTH: Final = 24

# What may have a traceback in it.
MAY_BE_ERRORS: Final = either(Has("exc_text"), Text(HEADER))


@dataclass(frozen=True, slots=True)
class Timeline:
    """`length` pieces of time of `seconds` each, from the epoch second `start`.

    What was before counts to the first piece, what comes after to the last.
    """

    start: int
    seconds: int
    length: int

    def sql(self, moment: str) -> str:
        """Return SQL for the number of the piece that a moment is in."""
        offset = f"CAST(({moment} - {self.start}) / {self.seconds} AS INTEGER)"
        return f"max(0, min({self.length - 1}, {offset}))"


@dataclass(slots=True)
class ErrorGroup:
    """Records whose tracebacks have the same fingerprint, `id`.

    `first` and `last` are the least and the greatest time of creation,
    `first_id` and `last_id` the least and the greatest id; the record
    `last_id` is the example that `type`, `message` and `frame` (where it was
    raised) are of. `history` has how many there are in each piece of the
    timeline, `hosts` how many of each host; of very many hosts not all.
    """

    id: str
    first: float
    last: float
    first_id: int
    last_id: int
    history: list[int]
    count: int = 0
    hosts: dict[str, int] = field(default_factory=dict)
    type: str = ""
    message: str = ""
    frame: Frame | None = None


@dataclass(frozen=True, slots=True)
class Errors:
    """Groups, the largest first.

    `left_out` counts the records of the groups beyond MOST_GROUPS, which are
    those that were last seen the longest ago.
    """

    groups: list[ErrorGroup]
    timeline: Timeline
    left_out: int = 0


def error_groups(
    reader: Reader,
    node: Node,
    *,
    timeline: Timeline | None = None,
    only: str = "",
    progress: Progress | None = None,
) -> Errors:
    """Return the groups of the records that match and have a traceback.

    `only` is what the ids of groups have to begin with.
    """
    if timeline is None:
        timeline = timeline_of(reader, node)
    found = _Found(timeline, only)
    for counted in _counts(reader, node, timeline, progress):
        found.add(counted)
    groups = _with_examples(reader, found.groups)
    groups.sort(key=lambda group: (-group.count, -group.last, group.id))
    return Errors(groups, timeline, found.left_out)


def timeline_of(reader: Reader, node: Node, length: int = HISTORY_LENGTH) -> Timeline:
    """Return a timeline over all the time in which a query's records may be."""
    first, last = time_span(reader, node)
    start = int(first)
    seconds = max(1, -int((start - last) // length))
    return Timeline(start, seconds, length)


def example_text(row: LogRow) -> str:
    """Return the text that a record's traceback stands in."""
    text = _text(row.exc_text)
    return text if exception_in(text) is not None else _text(row.message)


def _traceback_of(row: LogRow) -> Traceback | None:
    return exception_in(_text(row.exc_text)) or traceback_in(_text(row.message))


def _text(value: object) -> str:
    # Tables that are not STRICT may hold bytes.
    return decoded(value) if isinstance(value, bytes) else str(value or "")


class _Counted(NamedTuple):
    """Records of one group, one piece of time and one host."""

    id: str
    piece: int
    host: str
    number: int
    first: float
    last: float
    first_id: int
    last_id: int


class _Found:
    """Groups, while rows are added to them."""

    def __init__(self, timeline: Timeline, only: str) -> None:
        self._length = timeline.length
        self._only = only
        self._by_id: dict[str, ErrorGroup] = {}
        self._names: dict[str, str] = {}
        self._hosts_left = MOST_HOSTS
        self.left_out = 0

    @property
    def groups(self) -> list[ErrorGroup]:
        """All that there are."""
        return list(self._by_id.values())

    def add(self, new: _Counted) -> None:
        """Add records to their group."""
        if not new.id.startswith(self._only):
            return
        group = self._by_id.get(new.id)
        if group is None:
            if len(self._by_id) >= MOST_GROUPS:
                self.left_out += new.number
                return
            group = self._by_id[new.id] = ErrorGroup(
                id=new.id,
                first=new.first,
                last=new.last,
                first_id=new.first_id,
                last_id=new.last_id,
                history=[0] * self._length,
            )
        group.count += new.number
        group.history[new.piece] += new.number
        group.first = min(group.first, new.first)
        group.last = max(group.last, new.last)
        group.first_id = min(group.first_id, new.first_id)
        group.last_id = max(group.last_id, new.last_id)
        host = new.host
        if host not in group.hosts:
            if not self._hosts_left:
                return
            self._hosts_left -= 1
            host = self._names.setdefault(host, host)
        group.hosts[host] = group.hosts.get(host, 0) + new.number


class _Known:
    """Tells the fingerprint of a text, and remembers it."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._fingerprints = Fingerprints()
        self._known: dict[bytes, str | None] = {}
        self._bytes = 0

    def of_exception(self, raw: object) -> str | None:
        """Return the fingerprint of an `exc_text`, None where nothing is raised."""
        # The same text may be known as a message.
        return self._of(raw, b"e", self._fingerprints.of_exception)

    def of_message(self, raw: object) -> str | None:
        """Return the fingerprint of the traceback in a message, None without one."""
        return self._of(raw, b"m", self._fingerprints.of_message)

    def _of(
        self, raw: object, kind: bytes, tell: Callable[[str], str | None]
    ) -> str | None:
        if not isinstance(raw, bytes):
            return None
        key = kind + raw
        if key in self._known:
            return self._known[key]
        # SQLite's own checks are many rows apart.
        self._deadline.check()
        told = tell(decoded(raw))
        if len(raw) <= MAX_KNOWN_TEXT_BYTES:
            self._bytes += len(raw)
            if self._bytes > MAX_KNOWN_BYTES:
                self._known.clear()
                self._bytes = len(raw)
            self._known[key] = told
        return told


def _counts(
    reader: Reader, node: Node, timeline: Timeline, progress: Progress | None
) -> Iterator[_Counted]:
    """Yield what is counted of the records that match, the newest parts first."""
    known = _Known(reader.deadline)
    reader.register(
        [
            Function("error_of_exception", 1, known.of_exception),
            Function("error_of_message", 1, known.of_message),
        ]
    )
    search = Search(reader, every(node, MAY_BE_ERRORS), progress=progress)

    def statement(_: Slice, matched: str) -> str:
        # Texts as bytes, as they need not be UTF-8; others as what they should be,
        # as tables that are not STRICT may hold anything.
        created = "CAST(r.created AS REAL)"
        return (
            "SELECT g.error, g.piece, CAST(o.hostname AS TEXT), sum(g.number), "
            "min(g.first), max(g.last), min(g.first_id), max(g.last_id) FROM ("
            "SELECT coalesce(error_of_exception(CAST(r.exc_text AS BLOB)), "
            "error_of_message(CAST(r.message AS BLOB))) AS error, "
            f"{timeline.sql(created)} AS piece, r.origin_id AS origin_id, "
            f"count(*) AS number, min({created}) AS first, max({created}) AS last, "
            f"min(r.id) AS first_id, max(r.id) AS last_id {matched} GROUP BY 1, 2, 3"
            ") AS g JOIN origins AS o ON o.id = g.origin_id "
            "GROUP BY 1, 2, 3 ORDER BY 8 DESC"
        )

    for part in search.slices(newest_first=True):
        for high in range(part.high, part.low - 1, -STEP_IDS):
            low = max(part.low, high - STEP_IDS + 1)
            rows = search.select(replace(part, low=low, high=high), statement)
            # In SQL this would call the functions twice.
            yield from (_Counted._make(row) for row in rows if row[0] is not None)


def _with_examples(reader: Reader, groups: list[ErrorGroup]) -> list[ErrorGroup]:
    """Return groups with what their newest record says.

    Those whose records were all deleted meanwhile are left out.
    """
    by_id = {group.last_id: group for group in groups}
    told: list[ErrorGroup] = []
    for ids in parts(reader, list(by_id)):
        for row in fetch(reader, ids):
            traceback = _traceback_of(row)
            if traceback is None:
                continue
            group = by_id[row.id]
            raised = traceback.main
            group.type, group.message = raised.type, raised.message
            group.frame = last_frame(raised)
            told.append(group)
    return told
