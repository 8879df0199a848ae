"""The floors of moving records: what a script of a few lines does.

    python benchmarks/moving_floor.py out DATABASE FILE
    python benchmarks/moving_floor.py in FILE DATABASE
    python benchmarks/moving_floor.py send DATABASE PORT

`out` writes each row of the view as a JSON object, as sqlite3 and json make
them; `in` puts such lines into one wide table; `send` gives each row to a stock
SocketHandler. None of them knows what is there
already, or could go on after an interruption.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

BATCH = 8192


def write_out(database: str, file: str) -> None:
    """Write all rows of the view `logs`."""
    with (
        closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection,
        Path(file).open("w", encoding="utf-8") as lines,
    ):
        rows = connection.execute("SELECT * FROM logs ORDER BY id")
        names = [column[0] for column in rows.description]
        for row in rows:
            values = dict(zip(names, row, strict=True))
            lines.write(json.dumps(values, ensure_ascii=False) + "\n")


def read_in(file: str, database: str) -> None:
    """Store all lines in a table with a column for each key."""
    with (
        closing(sqlite3.connect(database)) as connection,
        Path(file).open(encoding="utf-8") as lines,
    ):
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        names = list(json.loads(next(lines)))
        lines.seek(0)
        connection.execute(f"CREATE TABLE logs ({','.join(names)})")
        marks = ",".join("?" * len(names))
        part = []
        for line in lines:
            values = json.loads(line)
            if values["extra"] is not None:
                values["extra"] = json.dumps(values["extra"])
            part.append(list(values.values()))
            if len(part) == BATCH:
                connection.executemany(f"INSERT INTO logs VALUES ({marks})", part)
                connection.commit()
                part = []
        connection.executemany(f"INSERT INTO logs VALUES ({marks})", part)
        connection.commit()


def send(database: str, port: str) -> None:
    """Send all rows of the view `logs` with a stock handler."""
    handler = logging.handlers.SocketHandler("127.0.0.1", int(port))
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT * FROM logs ORDER BY id")
        names = [column[0] for column in rows.description]
        for row in rows:
            values = dict(zip(names, row, strict=True))
            values["msg"] = values.pop("message")
            values["levelname"] = values.pop("level")
            handler.emit(logging.makeLogRecord(values))
    handler.close()


if __name__ == "__main__":
    {"out": write_out, "in": read_in, "send": send}[sys.argv[1]](*sys.argv[2:])
