"""Orphans: interned rows that no record needs any more.

Whoever stores records remembers the ids of interned rows, so with each removal
`interned_version` rises, and they are looked up again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Final

from collector.store.rolling_up import DAY
from collector.store.transaction import transaction

# Ids of records that are looked at in one step, and of interned rows.
SCANNED_IDS: Final = 100_000
STEP_ROWS: Final = 5000

_VERSION: Final = "UPDATE writer_state SET interned_version = interned_version + 1"


def remove_call_sites(connection: sqlite3.Connection) -> Iterator[int]:
    """Remove call sites that no record has, yielding how many after each step.

    Rollups tell: each record is in one of its day and call site.
    """
    above_id = 0
    while True:
        with transaction(connection):
            [(last_id,)] = connection.execute(
                "SELECT max(id) FROM (SELECT id FROM call_sites WHERE id > ? "
                "ORDER BY id LIMIT ?)",
                (above_id, STEP_ROWS),
            )
            if last_id is None:
                return
            removed = connection.execute(
                "DELETE FROM call_sites WHERE id > ? AND id <= ? AND id NOT IN "
                f"(SELECT call_site_id FROM rollups WHERE seconds = {DAY})",
                (above_id, last_id),
            ).rowcount
            if removed:
                connection.execute(_VERSION)
        above_id = last_id
        yield removed


def remove_origins(connection: sqlite3.Connection) -> Iterator[int]:
    """Remove origins that no record has, yielding how many after each step."""
    # Both at once would read all of the table.
    [(first_id, last_id)] = connection.execute(
        "SELECT (SELECT min(id) FROM records), (SELECT max(id) FROM records)"
    )
    [(last_origin,)] = connection.execute("SELECT max(id) FROM origins")
    # A bit for each: there may be millions.
    used = bytearray((last_origin or 0) // 8 + 1)
    done = (first_id or 1) - 1
    while done < (last_id or 0):
        up_to = min(done + SCANNED_IDS, last_id)
        _note_used(connection, used, done, up_to)
        done = up_to
        yield 0
    above_id = 0
    while True:
        with transaction(connection):
            # Of what came meanwhile, too.
            [(last_id,)] = connection.execute("SELECT max(id) FROM records")
            _note_used(connection, used, done, last_id or 0)
            done = max(done, last_id or 0)
            ids = [
                row[0]
                for row in connection.execute(
                    "SELECT id FROM origins WHERE id > ? AND id <= ? "
                    "ORDER BY id LIMIT ?",
                    (above_id, last_origin or 0, STEP_ROWS),
                )
            ]
            if not ids:
                return
            orphans = [each for each in ids if not used[each >> 3] & 1 << (each & 7)]
            if orphans:
                connection.execute(
                    "DELETE FROM origins WHERE id IN (SELECT value FROM json_each(?))",
                    (json.dumps(orphans),),
                )
                connection.execute(_VERSION)
        above_id = ids[-1]
        yield len(orphans)


def _note_used(
    connection: sqlite3.Connection, used: bytearray, above_id: int, last_id: int
) -> None:
    for (origin,) in connection.execute(
        "SELECT DISTINCT origin_id FROM records WHERE id > ? AND id <= ?",
        (above_id, last_id),
    ):
        # Those that are newer are no orphans.
        if 0 <= origin >> 3 < len(used):
            used[origin >> 3] |= 1 << (origin & 7)
