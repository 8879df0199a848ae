"""What an error of SQLite means for the batch that met it."""

from __future__ import annotations

import enum
import sqlite3
from typing import Final


class Failure(enum.Enum):
    """What to do about a failed transaction."""

    PASSING = "passing"
    """Nothing is wrong with the batch: keep it and try again."""

    RECORD = "record"
    """SQLite refuses something in the batch: find it and reject it."""

    DAMAGED = "damaged"
    """What is in the file is no sound database."""

    FOR_GOOD = "for good"
    """The database can't be used any more."""


_PASSING: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_SCHEMA,
    }
)
_FOR_GOOD: Final = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_AUTH,
    }
)
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def classify(error: Exception) -> Failure:
    """Tell what a failed transaction's error asks for.

    `error` is an sqlite3.Error, or what the sqlite3 module raises for a
    parameter that it can't bind.
    """
    if isinstance(error, MemoryError):
        return Failure.PASSING
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return Failure.RECORD
    # The lowest byte is the primary result code.
    for codes, failure in (
        (_PASSING, Failure.PASSING),
        (_DAMAGED, Failure.DAMAGED),
        (_FOR_GOOD, Failure.FOR_GOOD),
    ):
        if code & 0xFF in codes:
            return failure
    return Failure.RECORD


def is_input_output(error: Exception) -> bool:
    """Tell whether the file system failed, so that only a new start may help."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF == sqlite3.SQLITE_IOERR


def is_full(error: Exception) -> bool:
    """Tell whether there was no space left."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF == sqlite3.SQLITE_FULL


def is_locked(error: Exception) -> bool:
    """Tell whether another connection has the database locked."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    )
