"""The inserter: one batch in one transaction, in SQLite's own thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from typing import Any, Final

from collector.record import Record
from collector.store.backlog import Batch
from collector.store.rejects import IMPORT_PEER, Reject
from collector.store.rolling_up import roll_up_sql
from collector.store.rows import (
    CALL_SITE_COLUMNS,
    ORIGIN_COLUMNS,
    Interned,
    Missing,
    insert_records_sql,
    row_parameters,
)
from collector.store.transaction import transaction

# Rows of one INSERT: few sizes, so that SQLite keeps each statement prepared.
ROWS_PER_STATEMENT: Final = (2048, 512, 128, 32, 8, 1)

# Keys of one look-up of interned values; eight parameters each stay far below
# the least limit of parameters that SQLite is built with.
KEYS_PER_STATEMENT: Final = 100

_INSERTS: Final = {rows: insert_records_sql(rows) for rows in ROWS_PER_STATEMENT}
_ROLL_UP: Final = roll_up_sql("?")
_REJECT_COLUMNS: Final = tuple(Reject.__dataclass_fields__)
_INSERT_REJECT: Final = (
    f"INSERT INTO rejects ({','.join(_REJECT_COLUMNS)}) "
    f"VALUES ({','.join('?' * len(_REJECT_COLUMNS))})"
)
# Rejects are counted so often while `max_rejects` of them come. To count many takes
# some milliseconds; by their ids nobody can tell, as some may have been deleted.
TRIMS_PER_TURN: Final = 16

_DELETE_REJECTS: Final = (
    f"DELETE FROM rejects WHERE (peer = '{IMPORT_PEER}') = :is_import AND id <= "
    f"(SELECT id FROM rejects WHERE (peer = '{IMPORT_PEER}') = :is_import "
    "ORDER BY id DESC LIMIT 1 OFFSET :kept)"
)
_KEEP_NUMBER: Final = "UPDATE writer_state SET batch = ?"
_KEEP_POSITION: Final = "UPDATE writer_state SET spool_segment = ?, spool_offset = ?"


class Inserter:
    """Stores batches over a connection in autocommit mode.

    Remembers the ids of interned values between batches, so each database
    has its own. Not for several threads at once.
    """

    def __init__(self) -> None:
        self.interned = Interned()
        self._interned_version = 0

    def store(
        self,
        connection: sqlite3.Connection,
        *,
        batch: Batch,
        max_rejects: int,
        number: int | None = None,
        imported: float | None = None,
    ) -> None:
        """Store all of a batch, or nothing of it and raise what SQLite raised.

        Nothing happens if the batch of that `number` was the last one: after a
        COMMIT that failed for want of a sync, SQLite may find it whole in the
        write-ahead log when it opens that anew. Of the rejects, the newest
        `max_rejects` are kept. With `imported`, the epoch second at which an
        import began, the records are noted as imported then.
        """
        try:
            with transaction(connection):
                [(last, version)] = connection.execute(
                    "SELECT batch, interned_version FROM writer_state"
                )
                if number is not None:
                    if last == number:
                        return
                    connection.execute(_KEEP_NUMBER, [number])
                if version != self._interned_version:
                    # Somebody has removed some of them.
                    self.interned.forget()
                    self._interned_version = version
                if batch.records:
                    last_id = self.insert_records(connection, batch.records)
                    if imported is not None:
                        note_import(connection, last_id, imported)
                if batch.rejects:
                    insert_rejects(connection, batch.rejects, max_rejects)
                if batch.position is not None:
                    connection.execute(_KEEP_POSITION, batch.position)
        except BaseException:
            # After a rollback the ids may not be in the database.
            self.interned.forget()
            raise
        self.interned.trim()

    def insert_records(
        self, connection: sqlite3.Connection, records: list[Record]
    ) -> int:
        """Store records within a transaction of the caller's.

        Returns the last id before them. If that is rolled back, this inserter must
        not be used again.
        """
        [(last_id,)] = connection.execute("SELECT max(id) FROM records")
        start = 0
        for rows in ROWS_PER_STATEMENT:
            while len(records) - start >= rows:
                part = records[start : start + rows]
                missing = Missing()
                values = row_parameters(part, self.interned, missing)
                if missing.any():
                    self._intern(connection, missing)
                    values = row_parameters(part, self.interned, Missing())
                connection.execute(_INSERTS[rows], values)
                start += rows
        # In SQL, as there the interpreter lock is not held.
        for sql in _ROLL_UP:
            connection.execute(sql, [last_id or 0] if "?" in sql else [])
        return last_id or 0

    def _intern(self, connection: sqlite3.Connection, missing: Missing) -> None:
        """Store new values and learn the ids of all that are missing."""
        known: Any
        for known, table, columns, values in (
            (
                self.interned.call_sites,
                "call_sites",
                CALL_SITE_COLUMNS,
                missing.call_sites,
            ),
            (self.interned.origins, "origins", ORIGIN_COLUMNS, missing.origins),
        ):
            found = intern_values(connection, table, columns, values)
            known.update(found)
            self.interned.count_chars(found)


def intern_values(
    connection: sqlite3.Connection,
    table: str,
    columns: tuple[str, ...],
    values: Collection[tuple[Any, ...]],
) -> dict[tuple[Any, ...], int]:
    """Store values that are new in `table`; return the ids of all of them."""
    names = ",".join(columns)
    selected = ",".join(f"t.{column}" for column in ("id", *columns))
    one_row = f"({','.join('?' * len(columns))})"
    found: dict[tuple[Any, ...], int] = {}
    left = list(values)
    while left:
        part, left = left[:KEYS_PER_STATEMENT], left[KEYS_PER_STATEMENT:]
        rows = ",".join([one_row] * len(part))
        flat = [item for value in part for item in value]
        connection.execute(
            f"INSERT OR IGNORE INTO {table} ({names}) VALUES {rows}", flat
        )
        # A join in this order looks each up in the index; for (...) IN (VALUES ...)
        # SQLite goes through the whole table.
        ids = connection.execute(
            f"WITH wanted({names}) AS (VALUES {rows}) SELECT {selected} "
            f"FROM wanted CROSS JOIN {table} AS t USING ({names})",
            flat,
        )
        found.update((tuple(row[1:]), row[0]) for row in ids)
    return found


def note_import(connection: sqlite3.Connection, above_id: int, imported: float) -> None:
    """Note that all records with greater ids were imported at an epoch second."""
    [(first, last)] = connection.execute(
        "SELECT min(id), max(id) FROM records WHERE id > ?", [above_id]
    )
    extended = connection.execute(
        "UPDATE imports SET last_id = ? WHERE first_id = (SELECT max(first_id) "
        "FROM imports) AND last_id = ? AND imported = ?",
        [last, first - 1, imported],
    )
    if not extended.rowcount:
        connection.execute(
            "INSERT INTO imports VALUES (?, ?, ?)", [first, last, imported]
        )


def insert_rejects(
    connection: sqlite3.Connection, rejects: list[Reject], max_rejects: int
) -> None:
    """Store rejects, all of an import or all of clients.

    Of the same kind, the oldest beyond `max_rejects` are deleted, some at once: there
    are up to a sixteenth more.
    """
    connection.executemany(
        _INSERT_REJECT,
        [[getattr(reject, column) for column in _REJECT_COLUMNS] for reject in rejects],
    )
    [(last_id,)] = connection.execute("SELECT max(id) FROM rejects")
    step = max(1, max_rejects // TRIMS_PER_TURN)
    if last_id // step > (last_id - len(rejects)) // step:
        is_import = rejects[0].peer == IMPORT_PEER
        connection.execute(
            _DELETE_REJECTS, {"is_import": is_import, "kept": max_rejects}
        )
