"""Records as the parameters of one INSERT, with what repeats interned.

Part of the hot path, so typed for mypyc. One statement carries many rows:
with one row a statement, SQLite would have to take the interpreter lock back
after each.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, final

from collector.record import Record

RECORD_COLUMNS: Final = (
    "created",
    "delay_ms",
    "call_site_id",
    "origin_id",
    "message",
    "taskName",
    "exc_text",
    "stack_info",
    "extra",
)
# Texts that are often absent. They are handed over as '' and made NULL by
# SQLite, because the sqlite3 module takes ten times as long for a None as for
# a text, with the interpreter lock held (it looks for adapters).
NULLABLE_COLUMNS: Final = (
    "taskName",
    "exc_text",
    "stack_info",
    "extra",
)
CALL_SITE_COLUMNS: Final = (
    "name",
    "pathname",
    "lineno",
    "funcName",
    "filename",
    "module",
    "levelno",
    "level",
)
ORIGIN_COLUMNS: Final = (
    "hostname",
    "process",
    "processName",
    "started",
    "peer",
    "thread",
    "threadName",
)

CallSite = tuple[str, str, int, str, str, str, int, str]
Origin = tuple[str, int, str, float, str, int, str]

# A peer can make up names without end; memory must not follow.
MAX_INTERNED: Final = 20_000
MAX_INTERNED_CHARS: Final = 8_000_000


@final
class Interned:
    """The ids of interned values, by value, as far as they are known.

    The tables forget everything when they have grown large; then ids are
    looked up in the database again.
    """

    def __init__(self) -> None:
        self.call_sites: dict[CallSite, int] = {}
        self.origins: dict[Origin, int] = {}
        self._chars: int = 0

    def count_chars(self, values: Iterable[tuple[object, ...]]) -> None:
        """Count what newly interned values take."""
        for value in values:
            for part in value:
                if isinstance(part, str):
                    self._chars += len(part)

    def forget(self) -> None:
        """Drop all ids: after a rollback they may not be in the database."""
        self.call_sites.clear()
        self.origins.clear()
        self._chars = 0

    def trim(self) -> None:
        """Keep the tables within their bounds."""
        if self._chars > MAX_INTERNED_CHARS:
            self.forget()
        if len(self.call_sites) > MAX_INTERNED:
            self.call_sites.clear()
        if len(self.origins) > MAX_INTERNED:
            self.origins.clear()


@final
class Missing:
    """Values that have no known id yet."""

    def __init__(self) -> None:
        self.call_sites: set[CallSite] = set()
        self.origins: set[Origin] = set()

    def any(self) -> bool:
        """Tell whether anything is missing."""
        return bool(self.call_sites) or bool(self.origins)


def row_parameters(
    records: list[Record], interned: Interned, missing: Missing
) -> list[object]:
    """Return the values of RECORD_COLUMNS of all records, one after the other.

    Where an id is not known it is added to `missing`; the result is then of
    no use before those are interned.
    """
    call_sites = interned.call_sites
    origins = interned.origins
    parameters: list[object] = []
    for record in records:
        call_site = call_site_of(record)
        call_site_id = call_sites.get(call_site)
        if call_site_id is None:
            missing.call_sites.add(call_site)
        origin = (
            record.hostname,
            record.process,
            record.processName,
            record.started,
            record.peer,
            record.thread,
            record.threadName,
        )
        origin_id = origins.get(origin)
        if origin_id is None:
            missing.origins.add(origin)
        parameters += (
            record.created,
            delay_ms(record.created, record.received),
            call_site_id,
            origin_id,
            record.message,
            record.taskName or "",
            record.exc_text or "",
            record.stack_info or "",
            record.extra or "",
        )
    return parameters


def call_site_of(record: Record) -> CallSite:
    """Return the call site of a record, as it is interned."""
    return (
        record.name,
        record.pathname,
        record.lineno,
        record.funcName,
        record.filename,
        record.module,
        record.levelno,
        record.levelname,
    )


def delay_ms(created: float, received: float) -> int:
    """Return how many milliseconds after its creation a record was received."""
    delay = (received - created) * 1000.0
    return int(delay + 0.5) if delay >= 0.0 else -int(0.5 - delay)


def insert_records_sql(rows: int) -> str:
    """Return an INSERT of `rows` records with a parameter for each value."""
    values = ["nullif(?,'')" if c in NULLABLE_COLUMNS else "?" for c in RECORD_COLUMNS]
    row = f"({','.join(values)})"
    return (
        f"INSERT INTO records ({','.join(RECORD_COLUMNS)}) "
        f"VALUES {','.join([row] * rows)}"
    )
