"""What is in a database: how much of what, since when, and what it takes.

Quick however large it is: records are counted by their rollups. Only sizes to
the byte need the whole file to be read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from collector.errors import ReadError
from collector.store.disk import file_bytes, log_bytes
from collector.store.reader import Reader
from collector.store.rolling_up import DAY, MINUTE

# Rows that tell how large the others are.
SAMPLED_ROWS: Final = 1000

# Of a table's and an index's row beside its values, about.
_ROW_BYTES: Final = 12

# What of each table is sampled, and how often its values are kept: once more where
# there is an index of all of them.
_SAMPLED: Final = {
    "records": (("message", "taskName", "exc_text", "stack_info", "extra"), 20, 1),
    "call_sites": (
        ("name", "pathname", "funcName", "filename", "module", "level"),
        8,
        2,
    ),
    "origins": (("hostname", "processName", "peer", "threadName"), 24, 2),
    "rejects": (("peer", "reason", "detail", "payload"), 12, 1),
}
_ROLLUP_BYTES: Final = 24

SEARCH: Final = "search index"

# The tables that FTS5 keeps for each part.
_IS_OF_SEARCH: Final = re.compile(
    "search(_[0-9]+)*(_(data|idx|config|content|docsize))?"
)


@dataclass(frozen=True, slots=True)
class TableSize:
    """What a table takes, with its indexes."""

    name: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What is in a database. Times are epoch seconds, None where there is none.

    created: of the first and the last record, to the minute. received: of the
    oldest and the newest id. tables: the largest first; `sizes_are_exact` or
    told from samples.
    """

    path: str
    schema_version: int
    page_bytes: int
    file_bytes: int
    free_bytes: int
    log_bytes: int
    records: int
    first_id: int | None
    last_id: int | None
    created: tuple[float | None, float | None]
    received: tuple[float | None, float | None]
    call_sites: int
    origins: int
    rollups: int
    rejects: int
    imports: int
    imported_ids: int
    has_search_index: bool
    indexed_id: int
    index_lag: int
    sizes_are_exact: bool
    tables: tuple[TableSize, ...]


def take_inventory(reader: Reader, path: Path, *, exact_sizes: bool) -> Inventory:
    """Return what is in a database. Without dbstat sizes are never exact."""
    pages, free_pages, page_bytes, version = (
        int(reader.value(f"PRAGMA {name}"))
        for name in ("page_count", "freelist_count", "page_size", "user_version")
    )
    counts = {
        table: int(reader.value(f"SELECT count(*) FROM {table}"))
        for table in ("call_sites", "origins", "rejects", "rollups", "level_rollups")
    }
    counts["records"] = int(
        reader.value(
            "SELECT coalesce(sum(count), 0) FROM level_rollups WHERE seconds = ?",
            (DAY,),
        )
    )
    first_id, last_id = reader.rows(
        "SELECT (SELECT min(id) FROM records), (SELECT max(id) FROM records)"
    )[0]
    created = reader.rows(
        "SELECT (SELECT min(start) FROM level_rollups WHERE seconds = ?), "
        "(SELECT max(start) FROM level_rollups WHERE seconds = ?)",
        (MINUTE, MINUTE),
    )[0]
    imports, imported_ids = reader.rows(
        "SELECT count(*), coalesce(sum(last_id - first_id + 1), 0) FROM imports"
    )[0]
    indexed = reader.indexed_id()
    lag = 0 if last_id is None else max(0, last_id - max(indexed, first_id - 1))
    has_index = bool(reader.rows("SELECT 1 FROM search_parts"))
    exact = _exact_sizes(reader) if exact_sizes else None
    used = (pages - free_pages) * page_bytes
    sizes = exact or _estimated_sizes(reader, counts, used, has_index=has_index)
    return Inventory(
        path=str(path),
        schema_version=version,
        page_bytes=page_bytes,
        file_bytes=file_bytes(path),
        free_bytes=free_pages * page_bytes,
        log_bytes=log_bytes(path),
        records=counts["records"],
        first_id=first_id,
        last_id=last_id,
        created=created,
        received=(_received(reader, first_id), _received(reader, last_id)),
        call_sites=counts["call_sites"],
        origins=counts["origins"],
        rollups=counts["rollups"] + counts["level_rollups"],
        rejects=counts["rejects"],
        imports=imports,
        imported_ids=imported_ids,
        has_search_index=has_index,
        indexed_id=indexed,
        index_lag=lag,
        sizes_are_exact=exact is not None,
        tables=tuple(
            TableSize(name, size)
            for name, size in sorted(sizes.items(), key=lambda item: -item[1])
        ),
    )


def _received(reader: Reader, record_id: int | None) -> float | None:
    rows = reader.rows(
        "SELECT created + delay_ms / 1000.0 FROM records WHERE id = ?", (record_id,)
    )
    return rows[0][0] if rows else None


def _exact_sizes(reader: Reader) -> dict[str, int] | None:
    """Return what each table takes; None where SQLite was built without dbstat."""
    try:
        rows = reader.rows(
            "SELECT coalesce(m.tbl_name, s.name), sum(s.pgsize) FROM dbstat AS s "
            "LEFT JOIN sqlite_master AS m ON m.name = s.name "
            "WHERE s.aggregate = TRUE GROUP BY 1"
        )
    except ReadError as error:
        if "dbstat" in str(error):
            return None
        raise
    sizes: dict[str, int] = {}
    for table, size in rows:
        name = SEARCH if _IS_OF_SEARCH.fullmatch(table) else table
        sizes[name] = sizes.get(name, 0) + size
    return sizes


def _estimated_sizes(
    reader: Reader, counts: dict[str, int], used: int, *, has_index: bool
) -> dict[str, int]:
    """Return about what each table takes, from its newest rows."""
    sizes = {table: _row_bytes(reader, table) * counts[table] for table in _SAMPLED}
    sizes |= {
        table: counts[table] * _ROLLUP_BYTES for table in ("rollups", "level_rollups")
    }
    if has_index:
        # The rest; of FTS5's own tables nothing is known without reading them.
        sizes[SEARCH] = max(0, used - sum(sizes.values()))
    return sizes


def _row_bytes(reader: Reader, table: str) -> int:
    columns, numbers, times = _SAMPLED[table]
    lengths = "+".join(
        f"coalesce(length(CAST({column} AS BLOB)), 0)" for column in columns
    )
    average = reader.value(
        f"SELECT coalesce(avg({lengths}), 0) FROM "
        f"(SELECT * FROM {table} ORDER BY id DESC LIMIT ?)",
        (SAMPLED_ROWS,),
    )
    return int((average + numbers + _ROW_BYTES) * times)
