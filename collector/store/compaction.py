"""Compaction: parts of the search index follow what was removed of the records.

A part that has lost all of its records goes; one that has lost more than half is
made anew, step by step, beside the old one, which is used until then.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from collector.store.search_index import (
    PART_IDS,
    add_records,
    is_part_name,
    new_table,
    step_end,
)
from collector.store.transaction import transaction

# Records of one step, as many as the indexer adds at once.
STEP_RECORDS: Final = 2000

_SPARSE: Final = """
SELECT first_id, last_id, successor, copied_id FROM search_parts
WHERE (records * 2 < entries OR successor <> '')
    AND last_id <= (SELECT indexed_id FROM search_state)
    AND last_id - first_id < ?
ORDER BY successor = '', first_id LIMIT 1
"""


def drop_empty_parts(connection: sqlite3.Connection) -> int:
    """Take parts without records from the index, within a transaction; count them.

    Their tables are then to be erased.
    """
    return connection.execute(
        "DELETE FROM search_parts WHERE records <= 0 "
        "AND last_id <= (SELECT indexed_id FROM search_state)"
    ).rowcount


def seal_sparse_part(connection: sqlite3.Connection) -> None:
    """End the part that is being filled, if it has lost many records already."""
    with transaction(connection):
        connection.execute(
            "UPDATE search_parts SET last_id = (SELECT indexed_id FROM search_state) "
            "WHERE records * 2 < entries "
            "AND last_id > (SELECT indexed_id FROM search_state) "
            "AND first_id <= (SELECT indexed_id FROM search_state)"
        )


def compact_some(connection: sqlite3.Connection) -> bool:
    """Do one step of making a sparse part anew; tell if there was one."""
    with transaction(connection):
        found = connection.execute(_SPARSE, (PART_IDS,)).fetchall()
        if not found:
            return False
        [(first_id, last_id, successor, copied_id)] = found
        if not is_part_name(successor):
            successor = new_table(connection, first_id // PART_IDS)
            copied_id = first_id - 1
        [(next_id,)] = connection.execute(
            "SELECT min(id) FROM records WHERE id > ? AND id <= ?", (copied_id, last_id)
        ).fetchall()
        if next_id is None:
            connection.execute(
                "UPDATE search_parts SET name = successor, successor = '', "
                "copied_id = 0, entries = records WHERE first_id = ?",
                (first_id,),
            )
            return True
        stop = step_end(
            connection, next_id - 1, min(last_id, _step(connection, next_id))
        )
        add_records(connection, successor, next_id - 1, stop)
        connection.execute(
            "UPDATE search_parts SET successor = ?, copied_id = ? WHERE first_id = ?",
            (successor, stop, first_id),
        )
    return True


def _step(connection: sqlite3.Connection, next_id: int) -> int:
    """Return the id up to which there are as many records as one step has."""
    [(last,)] = connection.execute(
        "SELECT max(id) FROM "
        "(SELECT id FROM records WHERE id >= ? ORDER BY id LIMIT ?)",
        (next_id, STEP_RECORDS),
    ).fetchall()
    return int(last)
