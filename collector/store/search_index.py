"""The search index: pieces of three characters of every message and traceback.

FTS5 tables that know, for each piece, the ids of the records that have it. They
hold no text: what they find is looked at again by the query's condition. The
index follows behind the records, `search_state` says how far. It has parts of half
a million ids each (`search_parts`): removing records from it one by one takes more
time than adding them and frees no space, so a part goes when all of its records
are gone, and is made anew when many are (see compaction.py). An id that a part
knows and the records don't is never found.
"""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from typing import Final

from collector.store.transaction import transaction

# Ids of a part.
PART_IDS: Final = 500_000

# Characters of one step: a few large messages take as long as thousands of small
# ones, and the writer waits meanwhile.
STEP_CHARS: Final = 500_000

# Blocks of some 4 KB of a part that is erased, in one step.
STEP_BLOCKS: Final = 1000

# Texts are folded before they get in, so that the tokenizer's own, older
# folding of case does not matter. Without positions and column sizes it takes
# less than half the space.
_CREATE: Final = """
CREATE VIRTUAL TABLE {name} USING fts5(
    text, content='', detail=none, columnsize=0,
    tokenize='trigram case_sensitive 1')
"""

# What FTS5 has in place of an empty index: the averages, and a structure of no
# levels. It can't open a table without, nor drop it then.
_STRUCTURE_ID: Final = 10
_EMPTY: Final = f"""
INSERT OR REPLACE INTO {{name}}_data (id, block)
VALUES (1, x''), ({_STRUCTURE_ID}, zeroblob(7))
"""

# What of a record is indexed.
INDEXED_TEXTS: Final = ("message", "exc_text")

# How a part may be called: the database may be anybody's.
_NAME: Final = re.compile(r"search(_[0-9]{1,19}){0,2}")

_TABLES: Final = """
SELECT name FROM sqlite_master
WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE %' AND name GLOB 'search*'
"""

_ADD: Final = """
INSERT INTO {name} (rowid, text)
SELECT id, {message} || coalesce(char(10) || {exc_text}, '')
FROM records WHERE id > ? AND id <= ?
"""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the index, for the ids from `first_id` to `last_id`."""

    first_id: int
    last_id: int
    name: str


def _folded(column: str) -> str:
    # SQLite folds ASCII as Python does, without asking it.
    return (
        f"CASE WHEN length({column}) <> length(CAST({column} AS BLOB)) "
        f"THEN logcollector_fold(CAST({column} AS BLOB)) ELSE lower({column}) END"
    )


_ADD_SQL: Final = _ADD.replace("{message}", _folded("message")).replace(
    "{exc_text}", _folded("exc_text")
)


def _fold(text: bytes) -> str:
    return text.decode("utf-8", "replace").casefold()


def register_folding(connection: sqlite3.Connection) -> None:
    """Make known to SQLite what records are added to the index with."""
    connection.create_function("logcollector_fold", 1, _fold, deterministic=True)


def create_index(connection: sqlite3.Connection, *, anew: bool = False) -> bool:
    """Make the index if it is missing; False where this SQLite can't have one.

    With `anew` it is emptied if it is there. A new index holds nothing yet. What
    is left of an old one is to be erased.
    """
    register_folding(connection)
    try:
        with transaction(connection):
            if not connection.execute("SELECT 1 FROM search_state").fetchall():
                connection.execute("INSERT INTO search_state VALUES (1, 0)")
                anew = True
            # Somebody may have dropped a part by hand, and left the rest as it was.
            if anew or not _has_all_parts(connection):
                connection.execute("UPDATE search_state SET indexed_id = 0")
                connection.execute("DELETE FROM search_parts")
            _open_part(connection, _done(connection))
    except sqlite3.OperationalError as error:
        if "no such module" in str(error) or "tokenizer" in str(error):
            return False
        raise
    return True


def parts(connection: sqlite3.Connection) -> list[Part]:
    """Return the parts of the index, in the order of their ids."""
    return [
        Part(*row)
        for row in connection.execute(
            "SELECT first_id, last_id, name FROM search_parts ORDER BY first_id"
        ).fetchall()
        if is_part_name(row[2])
    ]


def is_part_name(name: str) -> bool:
    """Tell whether a part can have this name, which then needs no quotes in SQL."""
    return _NAME.fullmatch(name) is not None


def index_some(connection: sqlite3.Connection, records: int) -> int:
    """Index up to so many ids that are not indexed yet, in one transaction.

    Fewer where their texts are long, but at least one record. Returns how many
    remain. `create_index` must have been called before.
    """
    with transaction(connection):
        done = _done(connection)
        [(last,)] = connection.execute("SELECT max(id) FROM records").fetchall()
        last = last or 0
        if last <= done:
            return 0
        part = _open_part(connection, done)
        stop = step_end(connection, done, min(last, done + records, part.last_id))
        added = add_records(connection, part.name, done, stop)
        connection.execute(
            "UPDATE search_parts SET entries = entries + ?, records = records + ? "
            "WHERE name = ?",
            (added, added, part.name),
        )
        connection.execute("UPDATE search_state SET indexed_id = ?", (stop,))
    return int(last - stop)


def add_records(
    connection: sqlite3.Connection, name: str, above_id: int, last_id: int
) -> int:
    """Add the records with greater ids, up to the last, to a table; count them."""
    sql = _ADD_SQL.replace("{name}", name)
    return connection.execute(sql, (above_id, last_id)).rowcount


def step_end(
    connection: sqlite3.Connection,
    above_id: int,
    last_id: int,
    *,
    texts: tuple[str, ...] = INDEXED_TEXTS,
    most_chars: int | None = None,
) -> int:
    """Return up to which id one step has time for, at least one record.

    It has `most_chars` characters in these texts.
    """
    left = STEP_CHARS if most_chars is None else most_chars
    lengths = " + ".join(f"coalesce(length({text}), 0)" for text in texts)
    for record_id, chars in connection.execute(
        f"SELECT id, {lengths} FROM records WHERE id > ? AND id <= ? ORDER BY id",
        (above_id, last_id),
    ):
        left -= chars
        if left <= 0:
            return int(record_id)
    return last_id


def remaining(connection: sqlite3.Connection) -> int:
    """Return how many ids are not indexed yet."""
    [(last,)] = connection.execute("SELECT max(id) FROM records").fetchall()
    return max(0, int(last or 0) - _done(connection))


def erase_some(connection: sqlite3.Connection) -> bool:
    """Erase a piece of a table that is no part any more; tell if there was one.

    To drop a whole table at once would hold up the writer for a second.
    """
    with transaction(connection):
        registered = {
            name
            for names in connection.execute("SELECT name, successor FROM search_parts")
            for name in names
        }
        left = [
            name
            for (name,) in connection.execute(_TABLES).fetchall()
            if is_part_name(name) and name not in registered
        ]
        if not left:
            return False
        name = left[0]
        connection.execute(_EMPTY.format(name=name))
        erased = connection.execute(
            f"DELETE FROM {name}_data WHERE id IN "
            f"(SELECT id FROM {name}_data WHERE id > {_STRUCTURE_ID} LIMIT ?)",
            (STEP_BLOCKS,),
        ).rowcount
        if erased < STEP_BLOCKS:
            connection.execute(f"DROP TABLE {name}")
    return True


def _has_all_parts(connection: sqlite3.Connection) -> bool:
    there = {"", *(name for (name,) in connection.execute(_TABLES))}
    return all(
        {name, successor} <= there and is_part_name(name)
        for name, successor in connection.execute(
            "SELECT name, successor FROM search_parts"
        )
    )


def _done(connection: sqlite3.Connection) -> int:
    """Return up to which id nothing is left to be indexed."""
    [(done, first)] = connection.execute(
        "SELECT indexed_id, (SELECT min(id) FROM records WHERE id > indexed_id) "
        "FROM search_state"
    ).fetchall()
    # Records may be gone before they are indexed.
    return int(done if first is None else max(done, first - 1))


def _open_part(connection: sqlite3.Connection, done: int) -> Part:
    """Return the part that the id behind `done` belongs to, made if need be."""
    first_id = done + 1
    for part in parts(connection):
        if part.first_id <= first_id <= part.last_id:
            return part
    number = done // PART_IDS
    part = Part(first_id, (number + 1) * PART_IDS, new_table(connection, number))
    connection.execute(
        "INSERT INTO search_parts (first_id, last_id, name, entries, records) "
        "VALUES (?, ?, ?, 0, 0)",
        (part.first_id, part.last_id, part.name),
    )
    return part


def new_table(connection: sqlite3.Connection, number: int) -> str:
    """Make an empty table for the part of a number; return its name."""
    taken = {row[0] for row in connection.execute(_TABLES).fetchall()}
    name = f"search_{number}"
    # Another one for the same ids may be there.
    for again in range(1, len(taken) + 1):
        if name not in taken:
            break
        name = f"search_{number}_{again}"
    connection.execute(_CREATE.format(name=name))
    return name
