"""Reading a table that may be damaged: all rows that SQLite can still reach.

Rows are read in the order of their keys. Where that fails, the next place is
looked for from which it works again, in steps that double; what lies between
is read from both its ends, and what is left in the middle by halves, down to
single keys. A page that is lost costs the rows on it and no others.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final

from collector.store.exported import STEP_CHARS, STEP_ROWS, too_long
from collector.store.reader import decoded

# What SQLite says of what is damaged, or too large to be a record of ours.
_DAMAGE: Final = frozenset(
    {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_TOOBIG,
        sqlite3.SQLITE_FORMAT,
    }
)

# Statements that go into a place which can't be read: some seconds. After
# that, what can't be read from its ends is given up.
MOST_PROBES: Final = 200_000

# Ranges of what is lost that are told one by one.
_MOST_RANGES: Final = 1000

# Stands for a value that can't be read.
LOST: Final = object()

Row = tuple[Any, ...]
# A range of keys to read, or rows that were read already.
_Part = tuple[int, int] | list[Row]


def is_damage(error: BaseException) -> bool:
    """Tell whether an error is one of what is read, not of reading as such."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return isinstance(error, MemoryError | OverflowError | sqlite3.DataError)
    return code & 0xFF in _DAMAGE


@dataclass(slots=True)
class Losses:
    """What could not be read: how many keys, and the ranges of the first of them."""

    keys: int = 0
    ranges: list[tuple[int, int]] = field(default_factory=list)

    def add(self, low: int, high: int) -> None:
        """Note that no row with a key of a range could be read."""
        self.keys += high - low + 1
        if self.ranges and self.ranges[-1][1] == low - 1:
            self.ranges[-1] = (self.ranges[-1][0], high)
        elif len(self.ranges) < _MOST_RANGES:
            self.ranges.append((low, high))


class SalvagedTable:
    """One table of a database, read by an integer key.

    `columns` are those of `table` to read, both as they stand in a statement;
    the key comes first. A row of which only some can be read has LOST for the
    others. What is `lost` altogether is known when all steps have been read.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        columns: tuple[str, ...],
        table: str,
        key: str,
    ) -> None:
        self._connection = connection
        self._columns = columns
        self._table = table
        self._key = key
        self._probes_left = MOST_PROBES
        self.lost = Losses()

    def steps(self, low: int, high: int) -> Iterator[list[Row]]:
        """Yield the rows with keys from low to high in order, some at a time.

        Raises sqlite3.Error for what has nothing to do with damage.
        """
        while low <= high:
            rows, failed = self._read(low, high)
            if rows:
                yield rows
                low = rows[-1][0] + 1
            if failed:
                end = self._readable_from(low, high) - 1
                yield from self._halves(low, end)
                low = end + 1
            elif not rows:
                return

    def _readable_from(self, low: int, high: int) -> int:
        """Return a key above low from which reading works; high + 1 for none."""
        distance = 1
        while low + distance <= high:
            rows, failed = self._read(low + distance, high, limit=1)
            if rows or not failed:
                return low + distance
            distance *= 2
        return high + 1

    def _halves(self, low: int, high: int) -> Iterator[list[Row]]:
        """Yield what can be read between two keys, where low can't be gone from."""
        parts: list[_Part] = [(low, high)]
        while parts:
            part = parts.pop()
            if isinstance(part, list):
                yield part
                continue
            first, last = part
            if self._probes_left <= 0:
                self.lost.add(first, last)
                continue
            rows, failed = self._read(first, last)
            if rows:
                yield rows
                first = rows[-1][0] + 1
            if first > last or not (rows or failed):
                continue
            if not failed:
                parts.append((first, last))
                continue
            rows, failed = self._read(first, last, backwards=True)
            if rows:
                parts.append(rows[::-1])
                last = rows[-1][0] - 1
            elif not failed:
                continue
            if first > last:
                continue
            if first == last:
                yield from self._pieces(first)
                continue
            middle = (first + last) // 2
            parts += [(middle + 1, last), (first, middle)]

    def _pieces(self, key: int) -> Iterator[list[Row]]:
        """Yield what can be read of a row that can't be read as one."""
        values = [self._value(column, key) for column in self._columns[1:]]
        if all(value is LOST for value in values):
            self.lost.add(key, key)
        else:
            yield [(key, *values)]

    def _value(self, column: str, key: int) -> object:
        self._probes_left -= 1
        sql = f"SELECT {column} FROM {self._table} WHERE {self._key} = ?"
        try:
            found = self._connection.execute(sql, (key,)).fetchall()
        except (sqlite3.Error, MemoryError, OverflowError) as error:
            if not is_damage(error):
                raise
            return LOST
        return found[0][0] if found else LOST

    def _read(
        self, low: int, high: int, *, limit: int = STEP_ROWS, backwards: bool = False
    ) -> tuple[list[Row], bool]:
        """Return rows from one end of a range, and whether they end at damage."""
        self._probes_left -= 1
        rows: list[Row] = []
        enough = too_long(STEP_CHARS)
        order = "DESC" if backwards else "ASC"
        sql = (
            f"SELECT {','.join(self._columns)} FROM {self._table} "
            f"WHERE {self._key} BETWEEN ? AND ? ORDER BY {self._key} {order} LIMIT ?"
        )
        last = high + 1 if backwards else low - 1
        try:
            with closing(self._connection.execute(sql, (low, high, limit))) as cursor:
                for row in cursor:
                    key = row[0]
                    # Damage can lead SQLite in circles.
                    if not (low <= key < last if backwards else last < key <= high):
                        return rows, True
                    last = key
                    rows.append(row)
                    if enough(row):
                        break
        except (sqlite3.Error, MemoryError, OverflowError) as error:
            if "decode" in str(error) and self._connection.text_factory is str:
                # Text that is no UTF-8: slower from now on.
                self._connection.text_factory = decoded
                return self._read(low, high, limit=limit, backwards=backwards)
            if not is_damage(error):
                raise
            return rows, True
        return rows, False
