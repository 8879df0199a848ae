"""A line: one record as a JSON object, the way it is exported and imported.

Its keys are those of `query -o jsonl`, which are the columns of the view, and
`started`. What is not known is null.
"""

from __future__ import annotations

from typing import Final

import msgspec

from collector.emit.visible import escaped
from collector.store.stored_rows import StoredRow

_decode: Final = msgspec.json.Decoder().decode


class Line(msgspec.Struct, forbid_unknown_fields=True):
    """The object of one record, its keys in the order they are written in.

    `created`, `received` and `started` are epoch seconds.
    """

    id: int
    created: float
    name: str
    levelno: int
    level: str
    message: str
    hostname: str
    process: int | None
    processName: str | None  # noqa: N815 - LogRecord's name
    thread: int | None
    threadName: str | None  # noqa: N815 - LogRecord's name
    taskName: str | None  # noqa: N815 - LogRecord's name
    pathname: str | None
    filename: str | None
    module: str | None
    lineno: int | None
    funcName: str | None  # noqa: N815 - LogRecord's name
    exc_text: str | None
    stack_info: str | None
    extra: msgspec.Raw
    peer: str | None
    received: float | None
    started: float | None = None


COLUMNS: Final = Line.__struct_fields__
EXTRA: Final = COLUMNS.index("extra")

# What stands for no `extra` in a line.
NULL: Final = msgspec.Raw(b"null")


def values_of(row: StoredRow) -> tuple[object, ...]:
    """Return the values of COLUMNS; `extra` is the text that is stored."""
    assert row.call_site is not None, "what has lost it is not exported"
    assert row.origin is not None, "what has lost it is not exported"
    name, pathname, lineno, function, filename, module, levelno, level = row.call_site
    hostname, process, process_name, started, peer, thread, thread_name = row.origin
    return (
        row.id,
        row.created,
        name,
        levelno,
        level,
        row.message,
        hostname,
        process or None,
        process_name or None,
        thread or None,
        thread_name or None,
        row.taskName,
        pathname or None,
        filename or None,
        module or None,
        lineno or None,
        function or None,
        row.exc_text,
        row.stack_info,
        row.extra,
        peer,
        _received(row),
        started or None,
    )


def _received(row: StoredRow) -> float | None:
    try:
        return row.created + row.delay_ms / 1000.0
    except TypeError:
        # Tables that are not STRICT may hold anything.
        return None


class LineWriter:
    """Makes lines of records."""

    def __init__(self) -> None:
        self._encode = msgspec.json.Encoder().encode

    def begin(self) -> bytes:
        """Return what comes before all records."""
        return b""

    def encoded(self, rows: list[StoredRow]) -> bytes:
        """Return the lines of records, each with its newline."""
        return b"".join([self._line(row) for row in rows])

    def end(self) -> bytes:
        """Return what comes after all records."""
        return b""

    def _line(self, row: StoredRow) -> bytes:
        values = values_of(row)
        extra = NULL if row.extra is None else _json(row.extra)
        values = (*values[:EXTRA], extra, *values[EXTRA + 1 :])
        line = self._encode(Line(*values))  # type: ignore[arg-type]
        if not line.isascii() or b"\x7f" in line:
            line = escaped(line.decode()).encode()
        return line + b"\n"


def _json(extra: object) -> object:
    """Return what stands for an `extra` in a line: its JSON, else the text it is."""
    if not isinstance(extra, str):
        return None
    if extra.isprintable():
        try:
            _decode(extra)
        except (ValueError, RecursionError):
            return extra
        return msgspec.Raw(extra.encode())
    try:
        # Newlines between its values would make two lines of one.
        return _decode(extra)
    except (ValueError, RecursionError):
        return extra
