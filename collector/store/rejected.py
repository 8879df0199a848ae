"""The rejects that are kept: finding them, storing them as records, deleting them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from collector.record import Record
from collector.store.inserter import Inserter
from collector.store.reader import Reader
from collector.store.transaction import transaction

# Rejects of one statement, or of one transaction: their payloads have up to 64 KiB.
STEP_REJECTS: Final = 100


class Kept(NamedTuple):
    """A reject as it is kept, without its payload.

    `payload_bytes` is how long that was, `kept_bytes` how much of it there is.
    """

    id: int
    received: float
    peer: str
    reason: str
    detail: str
    payload_bytes: int
    kept_bytes: int

    @property
    def is_whole(self) -> bool:
        """Whether all of the payload is there."""
        return self.payload_bytes == self.kept_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which rejects are meant: those that all of it holds for.

    since, until: received since (inclusive), until (exclusive), epoch seconds.
    """

    ids: tuple[int, ...] = ()
    reason: str | None = None
    peer: str | None = None
    since: float | None = None
    until: float | None = None

    def condition(self) -> tuple[str, list[object]]:
        """Return an SQL condition and its parameters."""
        tests = ["TRUE"]
        parameters: list[object] = []
        if self.ids:
            tests.append("id IN (SELECT value FROM json_each(?))")
            parameters.append(json.dumps(self.ids))
        for test, value in (
            ("reason = ?", self.reason),
            ("peer = ?", self.peer),
            ("received >= ?", self.since),
            ("received < ?", self.until),
        ):
            if value is not None:
                tests.append(test)
                parameters.append(value)
        return " AND ".join(tests), parameters


# Tables that are not STRICT may hold anything.
_COLUMNS: Final = (
    "id, CAST(received AS REAL), CAST(peer AS TEXT), CAST(reason AS TEXT), "
    "CAST(detail AS TEXT), CAST(payload_bytes AS INTEGER), "
    "length(CAST(payload AS BLOB))"
)


def newest_first(
    reader: Reader, selection: Selection, limit: int | None = None
) -> Iterator[Kept]:
    """Yield the rejects that are meant, `limit` at most."""
    condition, parameters = selection.condition()
    left = limit
    before = None
    while left is None or left > 0:
        page = reader.rows(
            f"SELECT {_COLUMNS} FROM rejects WHERE {condition} "
            "AND (? IS NULL OR id < ?) ORDER BY id DESC LIMIT ?",
            [*parameters, before, before, min(STEP_REJECTS, left or STEP_REJECTS)],
        )
        if not page:
            return
        for row in page:
            yield Kept._make(row)
        before = page[-1][0]
        if left is not None:
            left -= len(page)


def number_of(reader: Reader, selection: Selection) -> int:
    """Return how many rejects are meant."""
    condition, parameters = selection.condition()
    return int(
        reader.value(f"SELECT count(*) FROM rejects WHERE {condition}", parameters)
    )


def oldest_first(reader: Reader, selection: Selection) -> Iterator[list[Kept]]:
    """Yield the rejects that are meant, as many as one step takes at a time.

    Those that come meanwhile are not among them.
    """
    condition, parameters = selection.condition()
    last = reader.value("SELECT coalesce(max(id), 0) FROM rejects")
    after = 0
    while page := reader.rows(
        f"SELECT {_COLUMNS} FROM rejects WHERE {condition} "
        "AND id > ? AND id <= ? ORDER BY id LIMIT ?",
        [*parameters, after, last, STEP_REJECTS],
    ):
        yield [Kept._make(row) for row in page]
        after = page[-1][0]


def unknown(reader: Reader, ids: Iterable[int]) -> list[int]:
    """Return those ids that no reject has, in order."""
    rows = reader.rows(
        "SELECT DISTINCT value FROM json_each(?) "
        "WHERE value NOT IN (SELECT id FROM rejects) ORDER BY value",
        (json.dumps(list(ids)),),
    )
    return [row[0] for row in rows]


def payload_of(reader: Reader, reject_id: int) -> bytes | None:
    """Return what is kept of a payload; None if the reject is not there any more."""
    rows = reader.rows(
        "SELECT CAST(payload AS BLOB) FROM rejects WHERE id = ?", (reject_id,)
    )
    return rows[0][0] if rows else None


def store_again(
    connection: sqlite3.Connection, records: Mapping[int, Record]
) -> list[int]:
    """Store records in the place of the rejects with these ids, in one transaction.

    Returns the ids of those that were still there, and so were stored.
    """
    with transaction(connection):
        there = _there(connection, list(records))
        # One of its own for each transaction: ids of interned rows do not outlast it.
        if there:
            Inserter().insert_records(connection, [records[each] for each in there])
            _delete(connection, there)
    return there


def delete(connection: sqlite3.Connection, ids: list[int]) -> int:
    """Delete rejects in one transaction; return how many were still there."""
    with transaction(connection):
        return _delete(connection, ids)


def _there(connection: sqlite3.Connection, ids: list[int]) -> list[int]:
    rows = connection.execute(
        "SELECT id FROM rejects WHERE id IN (SELECT value FROM json_each(?)) "
        "ORDER BY id",
        (json.dumps(ids),),
    )
    return [row[0] for row in rows]


def _delete(connection: sqlite3.Connection, ids: list[int]) -> int:
    return connection.execute(
        "DELETE FROM rejects WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(ids),),
    ).rowcount
