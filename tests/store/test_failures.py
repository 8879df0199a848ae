"""What each of SQLite's errors asks for."""

import sqlite3

import pytest

from collector.store.failures import Failure, classify

PASSING = (
    "BUSY LOCKED NOMEM INTERRUPT IOERR FULL CANTOPEN PROTOCOL SCHEMA BUSY_SNAPSHOT "
    "BUSY_RECOVERY IOERR_WRITE IOERR_FSYNC IOERR_READ CANTOPEN_ISDIR"
)
FOR_GOOD = "PERM READONLY AUTH READONLY_DBMOVED READONLY_DIRECTORY"
DAMAGED = "CORRUPT NOTADB CORRUPT_INDEX"
RECORD = (
    "ERROR CONSTRAINT MISMATCH TOOBIG RANGE MISUSE CONSTRAINT_NOTNULL "
    "CONSTRAINT_TRIGGER CONSTRAINT_UNIQUE"
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (name, failure)
        for names, failure in (
            (PASSING, Failure.PASSING),
            (FOR_GOOD, Failure.FOR_GOOD),
            (DAMAGED, Failure.DAMAGED),
            (RECORD, Failure.RECORD),
        )
        for name in names.split()
        if hasattr(sqlite3, "SQLITE_" + name)
    ],
)
def test_codes(name, expected):
    """An error is judged by its primary code, however it is extended."""
    error = sqlite3.OperationalError(name)
    error.sqlite_errorcode = getattr(sqlite3, "SQLITE_" + name)

    assert classify(error) is expected


@pytest.mark.parametrize(
    "error",
    [
        OverflowError("Python int too large to convert to SQLite INTEGER"),
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
        ValueError("embedded null character"),
        sqlite3.ProgrammingError("Error binding parameter 1"),
    ],
)
def test_values_that_cannot_be_bound(error):
    """What the sqlite3 module refuses to bind is the record's fault."""
    assert classify(error) is Failure.RECORD


def test_a_real_lock(tmp_path):
    """The error of a locked database is one that passes."""
    path = tmp_path / "a.sqlite"
    first = sqlite3.connect(path, isolation_level=None)
    second = sqlite3.connect(path, isolation_level=None, timeout=0)
    first.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError) as caught:
        second.execute("BEGIN IMMEDIATE")
    first.close()
    second.close()

    assert classify(caught.value) is Failure.PASSING
