"""The statements that add records to the rollups.

The new records are counted by minute and call site once; all rollups are made
of that, by call site and by level, of minutes, hours and days.
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
FROM records WHERE id > {{above_id}} GROUP BY 1, 2
"""


def roll_up_sql(above_id: str) -> tuple[str, ...]:
    """Return statements that add all records with greater ids to the rollups.

    `above_id` is an SQL expression, in the third statement only.
    """
    return (
        _PREPARE,
        _CLEAR,
        _COUNT.format(above_id=above_id),
        _add("rollups", "call_site_id", "temp.fresh"),
        _add(
            "level_rollups",
            "levelno",
            "temp.fresh JOIN call_sites AS c ON c.id = call_site_id",
        ),
    )


def _add(table: str, key: str, fresh: str) -> str:
    lengths = " UNION ALL ".join(
        f"SELECT {seconds}, start / {seconds} * {seconds}, {key}, "
        f"sum(count), min(first_id), max(last_id) FROM {fresh} GROUP BY 2, 3"
        for seconds in (MINUTE, HOUR, DAY)
    )
    return f"""
INSERT INTO {table} (seconds, start, {key}, count, first_id, last_id)
SELECT * FROM ({lengths}) WHERE true
ON CONFLICT (seconds, start, {key}) DO UPDATE SET
    count = count + excluded.count,
    first_id = min(first_id, excluded.first_id),
    last_id = max(last_id, excluded.last_id)
"""
