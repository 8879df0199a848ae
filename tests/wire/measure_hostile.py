"""Read every payload of the catalogue, each in a process of its own with limits.

Run as a script by the tests, so that a payload which takes all memory, hangs
or kills the interpreter is one failed test. Writes one JSON object: by name,
the outcome, the CPU time in milliseconds and the memory taken in bytes.
"""

from __future__ import annotations

import gc
import json
import math
import os
import resource
import signal
import sqlite3
import sys
import time
import tracemalloc
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from hostile import CATALOGUE

from collector.errors import DecodeError
from collector.record import RECORD_FIELDS, Record, normalise
from collector.wire.decoder import Decoder
from collector.wire.limits import DecodeLimits

ADDRESS_SPACE = 2 << 30
CPU_SECONDS = 3
ENOUGH_MS = 50.0
HOPELESS_MS = 1500.0
TABLE = (
    "CREATE TABLE r (created REAL NOT NULL, received REAL NOT NULL, started REAL"
    " NOT NULL, relativeCreated REAL NOT NULL, name TEXT NOT NULL, levelname TEXT NOT"
    " NULL, message TEXT NOT NULL, hostname TEXT NOT NULL, processName TEXT NOT NULL,"
    " threadName TEXT NOT NULL, taskName TEXT, pathname TEXT NOT NULL, filename TEXT"
    " NOT NULL, module TEXT NOT NULL, funcName TEXT NOT NULL, exc_text TEXT,"
    " stack_info TEXT, extra TEXT, peer TEXT NOT NULL, levelno INTEGER NOT NULL,"
    " process INTEGER NOT NULL, thread INTEGER NOT NULL, lineno INTEGER NOT NULL)"
    + (" STRICT" if sqlite3.sqlite_version_info >= (3, 37) else "")
)


def read(payload: bytes) -> Record | DecodeError:
    try:
        attributes = Decoder(DecodeLimits()).decode(payload)
        return normalise(attributes, received=2e9, peer="::1", hostname="box")
    except DecodeError as error:
        return error


def store(record: Record) -> None:
    """Raise where SQLite or a reader of JSON would refuse the record."""
    with sqlite3.connect(":memory:") as database:
        database.execute(TABLE)
        values = [getattr(record, field) for field in RECORD_FIELDS]
        database.execute(
            f"INSERT INTO r ({','.join(RECORD_FIELDS)}) "
            f"VALUES ({','.join('?' * len(values))})",
            values,
        )
        row = database.execute(f"SELECT {','.join(RECORD_FIELDS)} FROM r").fetchone()
    database.close()
    if list(row) != values:
        raise AssertionError("SQLite gives back another record")
    if record.extra is not None and not isinstance(json.loads(record.extra), dict):
        raise AssertionError("extra is no JSON object")


def measured(payload: bytes) -> dict[str, object]:
    """First the time, as tracing takes time itself, then the memory."""
    return {**timed(payload), **weighed(payload)}


def timed(payload: bytes) -> dict[str, object]:
    best = float("inf")
    result: Record | DecodeError | None = None
    for _ in range(3):
        result = None
        start = time.process_time()
        result = read(payload)
        best = min(best, (time.process_time() - start) * 1000.0)
        if not ENOUGH_MS < best < HOPELESS_MS:
            break
    if isinstance(result, Record):
        store(result)
        return {"outcome": "record", "cpu_ms": best}
    assert result is not None
    return {"outcome": result.reason, "cpu_ms": best}


def weighed(payload: bytes) -> dict[str, object]:
    tracemalloc.start()
    read(payload)
    return {"memory": tracemalloc.get_traced_memory()[1]}


def apart(name: str) -> dict[str, object]:
    """Do it in a forked process; say what ended it where it gives no result."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        try:
            payload = CATALOGUE[name]()
            until = math.ceil(time.process_time()) + CPU_SECONDS
            resource.setrlimit(resource.RLIMIT_CPU, (until, until))
            result = measured(payload)
        except BaseException as error:
            result = {"outcome": f"{type(error).__name__}: {error}"[:200]}
        os.write(writer, json.dumps(result).encode())
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        told = pipe.read()
    status = os.waitpid(child, 0)[1]
    if told:
        return json.loads(told)
    if os.WIFSIGNALED(status):
        return {"outcome": f"killed by {signal.Signals(os.WTERMSIG(status)).name}"}
    return {"outcome": f"status {status}"}


def main() -> None:
    gc.freeze()  # or each child would copy the pages of all objects
    json.dump({name: apart(name) for name in CATALOGUE}, sys.stdout)


if __name__ == "__main__":
    main()
