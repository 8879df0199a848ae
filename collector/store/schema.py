"""The schema, as numbered migrations.

What repeats in records is stored once: call sites (a log statement and the
level it logs at, nearly always one) and origins (a thread of a run of a
process on a host). The view `logs` puts it together again, one plain row a
record. Numbers that are not known are stored as 0 and texts as '' in the
interned tables, because NULLs are never equal and would defeat their unique
keys; the view shows NULL.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from collector.store.rolling_up import roll_up_sql

# "LogC": tells our files from other programs' (PRAGMA application_id).
APPLICATION_ID: Final = 0x4C6F6743


@dataclass(frozen=True, slots=True)
class Migration:
    """One step from version `number - 1` to `number`."""

    number: int
    sql: str


# The time of receipt is stored as its distance from the time of creation,
# which takes two bytes instead of eight. Records are ordered by an id that is
# never used again.
_FIRST: Final = """
CREATE TABLE call_sites (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    pathname TEXT NOT NULL,
    lineno INTEGER NOT NULL,
    funcName TEXT NOT NULL,
    filename TEXT NOT NULL,
    module TEXT NOT NULL,
    levelno INTEGER NOT NULL,
    level TEXT NOT NULL,
    UNIQUE (name, pathname, lineno, funcName, filename, module, levelno, level)
) {strict};

CREATE TABLE origins (
    id INTEGER PRIMARY KEY,
    hostname TEXT NOT NULL,
    process INTEGER NOT NULL,
    processName TEXT NOT NULL,
    started REAL NOT NULL,
    peer TEXT NOT NULL,
    thread INTEGER NOT NULL,
    threadName TEXT NOT NULL,
    UNIQUE (hostname, process, processName, started, peer, thread, threadName)
) {strict};

CREATE TABLE records (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created REAL NOT NULL,
    delay_ms INTEGER NOT NULL,
    call_site_id INTEGER NOT NULL,
    origin_id INTEGER NOT NULL,
    message TEXT NOT NULL,
    taskName TEXT,
    exc_text TEXT,
    stack_info TEXT,
    extra TEXT
) {strict};

CREATE TABLE rejects (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    received REAL NOT NULL,
    peer TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    payload BLOB NOT NULL,
    payload_bytes INTEGER NOT NULL
) {strict};

CREATE VIEW logs AS
SELECT
    r.id AS id,
    r.created AS created,
    c.name AS name,
    c.levelno AS levelno,
    c.level AS level,
    r.message AS message,
    o.hostname AS hostname,
    nullif(o.process, 0) AS process,
    nullif(o.processName, '') AS processName,
    nullif(o.thread, 0) AS thread,
    nullif(o.threadName, '') AS threadName,
    r.taskName AS taskName,
    nullif(c.pathname, '') AS pathname,
    nullif(c.filename, '') AS filename,
    nullif(c.module, '') AS module,
    nullif(c.lineno, 0) AS lineno,
    nullif(c.funcName, '') AS funcName,
    r.exc_text AS exc_text,
    r.stack_info AS stack_info,
    r.extra AS extra,
    o.peer AS peer,
    r.created + r.delay_ms / 1000.0 AS received
FROM records AS r
JOIN call_sites AS c ON c.id = r.call_site_id
JOIN origins AS o ON o.id = r.origin_id;
"""

# Rollups count the records of each minute, hour and day (of UTC, by the time
# of creation) and call site. Records are found again by their ids: first_id
# and last_id bound them, also where they came late. The same by level alone is
# for histograms: a minute has a hundred call sites, and few levels. A search
# index may or may not be there; search_state says up to which id it holds
# everything.
_SECOND: Final = """
CREATE TABLE rollups (
    seconds INTEGER NOT NULL,
    start INTEGER NOT NULL,
    call_site_id INTEGER NOT NULL,
    count INTEGER NOT NULL,
    first_id INTEGER NOT NULL,
    last_id INTEGER NOT NULL,
    PRIMARY KEY (seconds, start, call_site_id)
) {strict_comma} WITHOUT ROWID;

CREATE TABLE level_rollups (
    seconds INTEGER NOT NULL,
    start INTEGER NOT NULL,
    levelno INTEGER NOT NULL,
    count INTEGER NOT NULL,
    first_id INTEGER NOT NULL,
    last_id INTEGER NOT NULL,
    PRIMARY KEY (seconds, start, levelno)
) {strict_comma} WITHOUT ROWID;

CREATE TABLE search_state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    indexed_id INTEGER NOT NULL
) {strict};

INSERT INTO search_state VALUES (1, 0);
"""

# Tells whose file it is also when its first page, with APPLICATION_ID, is lost.
ABOUT: Final = "a database of logcollector"

# The number of the last batch that was stored, so that one whose COMMIT failed
# is not stored twice; and up to where the frames of the spool are in this
# database (see spool.py).
_THIRD: Final = """
CREATE TABLE writer_state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    batch INTEGER NOT NULL,
    spool_segment INTEGER NOT NULL,
    spool_offset INTEGER NOT NULL,
    about TEXT NOT NULL
) {strict};

INSERT INTO writer_state VALUES (1, 0, 0, 0, '{about}');
"""

# When interned rows are removed, the version rises, so that whoever remembers
# their ids forgets them. Imported records are as old, for retention, as their
# import, whatever `received` says; their ids are bounded by ranges that do not
# overlap. The search index has parts, each for the ids from first_id to last_id, so
# that one whose records are gone can go as a whole. It knows `entries` records, of
# which `records` are still there. A successor, made up to copied_id, will take the
# place of one that has lost many. What was indexed before becomes a part if it is no
# larger than one; else it is indexed anew.
_FOURTH: Final = """
ALTER TABLE writer_state ADD COLUMN interned_version INTEGER NOT NULL DEFAULT 0;

CREATE TABLE imports (
    first_id INTEGER PRIMARY KEY,
    last_id INTEGER NOT NULL,
    imported REAL NOT NULL
) {strict};

CREATE TABLE search_parts (
    first_id INTEGER PRIMARY KEY,
    last_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    entries INTEGER NOT NULL,
    records INTEGER NOT NULL,
    successor TEXT NOT NULL DEFAULT '',
    copied_id INTEGER NOT NULL DEFAULT 0
) {strict};

INSERT INTO search_parts (first_id, last_id, name, entries, records)
SELECT 1, indexed_id, 'search', indexed_id, indexed_id
FROM search_state WHERE indexed_id BETWEEN 1 AND 500000;

UPDATE search_state SET indexed_id = 0 WHERE indexed_id > 500000;
"""

MIGRATIONS: Final = (
    Migration(1, _FIRST),
    Migration(2, ";".join((_SECOND, *roll_up_sql("0"), ""))),
    Migration(3, _THIRD.replace("{about}", ABOUT)),
    Migration(4, _FOURTH),
)

SCHEMA_VERSION: Final = MIGRATIONS[-1].number


def migration_script(migration: Migration, sqlite_version: tuple[int, ...]) -> str:
    """Return the migration as one script in one transaction.

    `sqlite_version` decides whether its tables are STRICT, known since 3.37.
    """
    strict = "STRICT" if sqlite_version >= (3, 37) else ""
    return (
        "BEGIN IMMEDIATE;\n"
        + migration.sql.replace("{strict_comma}", strict and f"{strict},").replace(
            "{strict}", strict
        )
        + f"PRAGMA user_version = {migration.number};\n"
        + "COMMIT;\n"
    )
