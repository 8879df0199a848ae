"""What a process logged around a record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from collector.query.log_row import LogRow
from collector.store.reader import Reader
from collector.store.search import fetch

# A process that logs seldom has its neighbours far away: no further than this.
MOST_IDS: Final = 200_000


def with_context(
    reader: Reader, rows: Iterable[LogRow], records: int, *, newest_first: bool
) -> Iterator[tuple[bool, list[LogRow]]]:
    """Yield each row with so many of the same run of a process around it.

    `newest_first` tells how the rows are ordered. Where the surroundings of two
    overlap, each row is there once; the flag is whether they are apart from
    what came before. Looks no further than 200,000 ids away.
    """
    seen: set[int] = set()
    for row in rows:
        ids = [
            *reversed(neighbours(reader, row.id, records, newer=False)),
            row.id,
            *neighbours(reader, row.id, records, newer=True),
        ]
        if newest_first:
            ids.reverse()
        fresh = [each for each in ids if each not in seen]
        seen.update(fresh)
        yield len(fresh) == len(ids), fetch(reader, fresh)


def neighbours(
    reader: Reader, record_id: int, records: int, *, newer: bool
) -> list[int]:
    """Return the ids next to a record, of the same run of its process.

    The nearest comes first.
    """
    if newer:
        low, high, order = record_id + 1, record_id + MOST_IDS, "ASC"
    else:
        low, high, order = record_id - MOST_IDS, record_id - 1, "DESC"
    rows = reader.rows(
        "SELECT r.id FROM records AS r WHERE r.id BETWEEN ? AND ? AND r.origin_id IN ("
        "SELECT o.id FROM records AS hit "
        "JOIN origins AS mine ON mine.id = hit.origin_id "
        "JOIN origins AS o ON (o.hostname, o.process, o.processName, o.started) = "
        "(mine.hostname, mine.process, mine.processName, mine.started) "
        f"WHERE hit.id = ?) ORDER BY r.id {order} LIMIT ?",
        (low, high, record_id, records),
    )
    return [row[0] for row in rows]
