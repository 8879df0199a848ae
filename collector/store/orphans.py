"""Orphans: interned rows that no record needs any more.

Whoever stores records remembers the ids of interned rows, so with each removal
`interned_version` rises, and they are looked up again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Final

from collector.store.transaction import transaction

# Ids of records that are looked at in one step, and of interned rows.
SCANNED_IDS: Final = 20_000
STEP_ROWS: Final = 5000

TABLES: Final = ("call_sites", "origins")

_VERSION: Final = "UPDATE writer_state SET interned_version = interned_version + 1"


class Used:
    """The ids of interned rows that records have, a bit each: there may be millions."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.last_ids = {
            table: connection.execute(f"SELECT max(id) FROM {table}").fetchone()[0] or 0
            for table in TABLES
        }
        self._bits = {
            table: bytearray(last_id // 8 + 1)
            for table, last_id in self.last_ids.items()
        }

    def note(self, above_id: int, last_id: int) -> None:
        """Note what records have with ids above one, up to another."""
        for ids in self._connection.execute(
            "SELECT DISTINCT call_site_id, origin_id FROM records "
            "WHERE id > ? AND id <= ?",
            (above_id, last_id),
        ):
            for table, row_id in zip(TABLES, ids, strict=True):
                # Those that are newer are no orphans.
                if 0 <= row_id <= self.last_ids[table]:
                    self._bits[table][row_id >> 3] |= 1 << (row_id & 7)

    def has(self, table: str, row_id: int) -> bool:
        """Tell whether a row of a table is used."""
        return bool(self._bits[table][row_id >> 3] & 1 << (row_id & 7))


def remove_orphans(connection: sqlite3.Connection) -> Iterator[int]:
    """Remove interned rows that no record has, yielding how many after each step."""
    used = Used(connection)
    # Both at once would read all of the table.
    [(first_id, last_id)] = connection.execute(
        "SELECT (SELECT min(id) FROM records), (SELECT max(id) FROM records)"
    )
    done = (first_id or 1) - 1
    while done < (last_id or 0):
        up_to = min(done + SCANNED_IDS, last_id)
        used.note(done, up_to)
        done = up_to
        yield 0
    for table in TABLES:
        above_id = 0
        while True:
            with transaction(connection):
                # Of what came meanwhile, too.
                [(last_id,)] = connection.execute("SELECT max(id) FROM records")
                used.note(done, last_id or 0)
                done = max(done, last_id or 0)
                ids = [
                    row[0]
                    for row in connection.execute(
                        f"SELECT id FROM {table} WHERE id > ? AND id <= ? "
                        "ORDER BY id LIMIT ?",
                        (above_id, used.last_ids[table], STEP_ROWS),
                    )
                ]
                orphans = [each for each in ids if not used.has(table, each)]
                if orphans:
                    connection.execute(
                        f"DELETE FROM {table} WHERE id IN "
                        "(SELECT value FROM json_each(?))",
                        (json.dumps(orphans),),
                    )
                    connection.execute(_VERSION)
            if not ids:
                break
            above_id = ids[-1]
            yield len(orphans)
