"""Reading records for export: all that a query finds, whole, by their ids.

Each statement is a short read transaction and takes bounded memory, so the
daemon is not held up however long it takes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from collector.query.tree import Everything, Node
from collector.store.reader import Reader
from collector.store.search import Search
from collector.store.stored_rows import COLUMNS, StoredRow, StoredRows, text_chars

# Rows of one statement, and their characters: some 20 ms.
STEP_ROWS: Final = 2000
STEP_CHARS: Final = 8_000_000


class Export:
    """The records that a query finds behind an id, up to today's last one.

    With `limit` only so many, the first ones.
    """

    def __init__(
        self,
        reader: Reader,
        node: Node,
        *,
        after: int | None = None,
        limit: int | None = None,
    ) -> None:
        self._reader = reader
        self._node = node
        self._limit = limit
        [(low, high)] = reader.rows(
            "SELECT (SELECT min(id) FROM records), (SELECT max(id) FROM records)"
        )
        self.high: Final[int] = high or 0
        self.low: Final[int] = max(low or 1, 1 if after is None else after + 1)

    def steps(self) -> Iterator[list[StoredRow]]:
        """Yield records in the order of their ids, some at a time, never none.

        What has lost an interned row is left out, as from the view.
        """
        stored = StoredRows(self._reader.rows)
        raw = self._all() if isinstance(self._node, Everything) else self._found()
        left = self._limit
        for rows in raw:
            made = [stored.made(row) for row in rows]
            kept = [row for row in made if row.call_site and row.origin][:left]
            if kept:
                yield kept
            if left is not None:
                left -= len(kept)
                if not left:
                    return

    def _all(self) -> Iterator[list[Any]]:
        low = self.low
        while low <= self.high:
            rows = self._some("r.id BETWEEN ? AND ?", low, self.high)
            if not rows:
                return
            low = rows[-1][0] + 1
            yield rows

    def _found(self) -> Iterator[list[Any]]:
        search = Search(
            self._reader, self._node, after=self.low - 1, before=self.high + 1
        )
        ids: list[int] = []
        step = STEP_ROWS if self._limit is None else min(STEP_ROWS, self._limit)
        for record_id in search.ids(newest_first=False):
            ids.append(record_id)
            if len(ids) == step:
                yield from self._of(ids)
                ids = []
        yield from self._of(ids)

    def _of(self, ids: list[int]) -> Iterator[list[Any]]:
        while ids:
            rows = self._some(
                "r.id IN (SELECT value FROM json_each(?))", json.dumps(ids)
            )
            if not rows:
                return
            yield rows
            ids = [each for each in ids if each > rows[-1][0]]

    def _some(self, condition: str, *values: object) -> list[Any]:
        return self._reader.some(
            f"SELECT {COLUMNS} FROM records AS r WHERE {condition} "
            f"ORDER BY r.id LIMIT {STEP_ROWS}",
            values,
            too_long(STEP_CHARS),
        )


def too_long(most_chars: int) -> Callable[[Any], bool]:
    """Return what tells of row after row whether they are together so long."""
    left = most_chars

    def enough(row: Any) -> bool:
        nonlocal left
        left -= text_chars(row)
        return left <= 0

    return enough
