"""The statements that add records to the rollups, and take them out again.

Records are counted by minute and call site once; all rollups are made of that,
by call site and by level, of minutes, hours and days.
"""

from __future__ import annotations

from typing import Final

# The lengths of rollups.
MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 86400

_PREPARE: Final = """
CREATE TEMP TABLE IF NOT EXISTS fresh (
    start INTEGER, call_site_id INTEGER, count INTEGER, first_id INTEGER,
    last_id INTEGER)
"""
_CLEAR: Final = "DELETE FROM temp.fresh"
_COUNT: Final = f"""
INSERT INTO temp.fresh
SELECT CAST(created AS INTEGER) / {MINUTE} * {MINUTE}, call_site_id,
    count(*), min(id), max(id)
FROM records AS r WHERE {{chosen}} GROUP BY 1, 2
"""
_BY_LEVEL: Final = "temp.fresh JOIN call_sites AS c ON c.id = call_site_id"


def roll_up_sql(above_id: str) -> tuple[str, ...]:
    """Return statements that add all records with greater ids to the rollups.

    `above_id` is an SQL expression, in the third statement only.
    """
    return (
        _PREPARE,
        _CLEAR,
        _COUNT.format(chosen=f"id > {above_id}"),
        _add("rollups", "call_site_id", "temp.fresh"),
        _add("level_rollups", "levelno", _BY_LEVEL),
    )


def roll_back_sql(chosen: str, last_id: int) -> tuple[str, ...]:
    """Return statements that take records out of the rollups.

    `chosen` is the condition on the records `r`, in the third statement only.
    They must be all of their rollups that have ids up to `last_id`, behind which
    `first_id` is then put.
    """
    return (
        _PREPARE,
        _CLEAR,
        _COUNT.format(chosen=chosen),
        *_subtract("rollups", "call_site_id", "temp.fresh", last_id),
        *_subtract("level_rollups", "levelno", _BY_LEVEL, last_id),
    )


def _by_length(key: str, fresh: str) -> str:
    return " UNION ALL ".join(
        f"SELECT {seconds} AS seconds, start / {seconds} * {seconds} AS start, {key}, "
        "sum(count) AS count, min(first_id) AS first_id, max(last_id) AS last_id "
        f"FROM {fresh} GROUP BY 2, 3"
        for seconds in (MINUTE, HOUR, DAY)
    )


def _add(table: str, key: str, fresh: str) -> str:
    return f"""
INSERT INTO {table} (seconds, start, {key}, count, first_id, last_id)
SELECT * FROM ({_by_length(key, fresh)}) WHERE true
ON CONFLICT (seconds, start, {key}) DO UPDATE SET
    count = count + excluded.count,
    first_id = min(first_id, excluded.first_id),
    last_id = max(last_id, excluded.last_id)
"""


def _subtract(table: str, key: str, fresh: str, last_id: int) -> tuple[str, str]:
    same = f"(seconds, start, {key})"
    gone = _by_length(key, fresh)
    return (
        f"""
UPDATE {table} SET
    count = {table}.count - gone.count,
    first_id = max({table}.first_id, {last_id + 1})
FROM ({gone}) AS gone
WHERE {table}.seconds = gone.seconds AND {table}.start = gone.start
    AND {table}.{key} = gone.{key}
""",
        f"""
DELETE FROM {table}
WHERE count <= 0 AND {same} IN (SELECT seconds, start, {key} FROM ({gone}))
""",
    )
