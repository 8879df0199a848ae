"""What a stock SocketHandler would have sent for a stored record."""

from __future__ import annotations

import logging
import math
from typing import Final

import msgspec

from collector.query.log_row import LogRow
from collector.record import OWN_ATTRIBUTES
from collector.store.reader import decoded

# An extra attribute of such a name would take the place of one of LogRecord's own,
# or of its method, at whoever receives it.
_TAKEN: Final = OWN_ATTRIBUTES | {
    name for name in dir(logging.LogRecord) if not name.startswith("__")
}


def sendable(row: LogRow) -> LogRow:
    """Return a record with texts for bytes, and a time that is one, perhaps 0.0.

    Tables that are not STRICT may hold anything.
    """
    if bytes in map(type, row):
        row = LogRow._make(
            decoded(value) if isinstance(value, bytes) else value for value in row
        )
    created = seconds_of(row.created)
    return row if created == row.created else row._replace(created=created)


def seconds_of(value: object) -> float:
    """Return epoch seconds as they are, 0.0 for what are none."""
    return value if isinstance(value, float) and math.isfinite(value) else 0.0


def stock_attributes(row: LogRow, started: float) -> dict[str, object]:
    """Return the attributes, in the order in which a LogRecord has them.

    `row` is sendable. The message is final: there are no args. `started` is when
    the process began to log, in epoch seconds; if that is 0, not known, there is
    no `relativeCreated`. The host's name goes along, so that it is kept. Extra
    attributes with a name that LogRecord has get an underscore in front.
    """
    created = row.created
    attributes: dict[str, object] = {
        "name": row.name,
        "msg": row.message,
        "args": None,
        "levelname": row.level,
        "levelno": row.levelno,
        "pathname": row.pathname or "",
        "filename": row.filename or "",
        "module": row.module or "",
        "exc_info": None,
        "exc_text": row.exc_text,
        "stack_info": row.stack_info,
        "lineno": row.lineno or 0,
        "funcName": row.funcName or "",
        "created": created,
        "msecs": float(int(created % 1 * 1000)),
        "relativeCreated": (created - started) * 1000,
        "thread": row.thread,
        "threadName": row.threadName,
        "processName": row.processName,
        "process": row.process,
        "taskName": row.taskName,
    }
    if not started:
        del attributes["relativeCreated"]
    if row.hostname:
        attributes["hostname"] = row.hostname
    for key, value in _extra(row.extra).items():
        attributes[f"_{key}" if key in _TAKEN else key] = value
    return attributes


def _extra(text: str | None) -> dict[str, object]:
    if text is None:
        return {}
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        # Somebody has changed the database by hand.
        return {"extra": text}
