"""A Record as the standard library's LogRecord."""

from __future__ import annotations

import logging

import msgspec

from collector.record import OWN_ATTRIBUTES, Record

# What a record's extra attributes must not replace: a LogRecord's own
# attributes, and its methods.
_PROTECTED = OWN_ATTRIBUTES | {
    name for name in dir(logging.LogRecord) if not name.startswith("__")
}


def as_log_record(record: Record, *, logname: str | None = None) -> logging.LogRecord:
    """Return a LogRecord with all of the record's attributes, extras included.

    Its message is final: it has no args, so that nothing received is ever
    used as a format. `logname` replaces the logger's name.
    """
    attributes: dict[str, object] = {}
    if record.extra is not None:
        extra = msgspec.json.decode(record.extra, type=dict[str, object])
        attributes.update(
            (key, value) for key, value in extra.items() if key not in _PROTECTED
        )
    attributes.update(
        name=record.name if logname is None else logname,
        msg=record.message,
        args=None,
        levelname=record.levelname,
        levelno=record.levelno,
        pathname=record.pathname,
        filename=record.filename,
        module=record.module,
        exc_info=None,
        exc_text=record.exc_text,
        stack_info=record.stack_info,
        lineno=record.lineno,
        funcName=record.funcName,
        created=record.created,
        msecs=record.created % 1 * 1000,
        relativeCreated=record.relativeCreated,
        thread=record.thread,
        threadName=record.threadName,
        processName=record.processName,
        process=record.process,
        taskName=record.taskName,
        hostname=record.hostname,
        peer=record.peer,
        started=record.started,
    )
    return logging.makeLogRecord(attributes)
