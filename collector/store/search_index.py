"""The search index: pieces of three characters of every message and traceback.

An FTS5 table that knows, for each piece, the ids of the records that have it.
It holds no text: what it finds is looked at again by the query's condition.
It follows behind the records, `search_state` says how far.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from collector.store.transaction import transaction

# Characters of one step: a few large messages take as long as thousands of small
# ones, and the writer waits meanwhile.
STEP_CHARS: Final = 500_000

# Texts are folded before they get in, so that the tokenizer's own, older
# folding of case does not matter. Without positions and column sizes it takes
# less than half the space.
_CREATE: Final = """
CREATE VIRTUAL TABLE search USING fts5(
    text, content='', detail=none, columnsize=0,
    tokenize='trigram case_sensitive 1')
"""

_SIZES: Final = """
SELECT id, coalesce(length(message), 0) + coalesce(length(exc_text), 0)
FROM records WHERE id > ? AND id <= ? ORDER BY id
"""

_IS_THERE: Final = "SELECT 1 FROM sqlite_master WHERE name = 'search'"

_ADD: Final = """
INSERT INTO search (rowid, text)
SELECT id, {message} || coalesce(char(10) || {exc_text}, '')
FROM records WHERE id > ? AND id <= ?
"""


def _folded(column: str) -> str:
    # SQLite folds ASCII as Python does, without asking it.
    return (
        f"CASE WHEN length({column}) <> length(CAST({column} AS BLOB)) "
        f"THEN logcollector_fold(CAST({column} AS BLOB)) ELSE lower({column}) END"
    )


_ADD_SQL: Final = _ADD.format(message=_folded("message"), exc_text=_folded("exc_text"))


def _fold(text: bytes) -> str:
    return text.decode("utf-8", "replace").casefold()


def create_index(connection: sqlite3.Connection, *, anew: bool = False) -> bool:
    """Make the index if it is missing; False where this SQLite can't have one.

    With `anew` it is emptied if it is there. A new index holds nothing yet.
    """
    connection.create_function("logcollector_fold", 1, _fold, deterministic=True)
    try:
        with transaction(connection):
            if not connection.execute("SELECT 1 FROM search_state").fetchall():
                connection.execute("INSERT INTO search_state VALUES (1, 0)")
                anew = True
            if anew:
                connection.execute("DROP TABLE IF EXISTS search")
            # Somebody may have dropped it by hand, and left the state as it was.
            if not connection.execute(_IS_THERE).fetchall():
                connection.execute("UPDATE search_state SET indexed_id = 0")
                connection.execute(_CREATE)
    except sqlite3.OperationalError as error:
        if "no such module" in str(error) or "tokenizer" in str(error):
            return False
        raise
    return True


def index_some(connection: sqlite3.Connection, records: int) -> int:
    """Index up to so many ids that are not indexed yet, in one transaction.

    Fewer where their texts are long, but at least one record. Returns how many
    remain. `create_index` must have been called before.
    """
    with transaction(connection):
        [(done, last)] = connection.execute(
            "SELECT indexed_id, coalesce((SELECT max(id) FROM records), 0) "
            "FROM search_state"
        ).fetchall()
        stop = _stop(connection, done, min(last, done + records))
        if stop > done:
            connection.execute(_ADD_SQL, (done, stop))
            connection.execute("UPDATE search_state SET indexed_id = ?", (stop,))
    return int(max(0, last - stop))


def _stop(connection: sqlite3.Connection, done: int, stop: int) -> int:
    """Return up to which id one step has time for."""
    left = STEP_CHARS
    for record_id, chars in connection.execute(_SIZES, (done, stop)):
        left -= chars
        if left <= 0:
            return int(record_id)
    return stop


def remaining(connection: sqlite3.Connection) -> int:
    """Return how many ids are not indexed yet."""
    [(left,)] = connection.execute(
        "SELECT coalesce((SELECT max(id) FROM records), 0) - indexed_id "
        "FROM search_state"
    ).fetchall()
    return max(0, int(left))
