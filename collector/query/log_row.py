"""LogRow: one record as the view `logs` shows it, and as queries see it."""

from __future__ import annotations

from typing import NamedTuple


class LogRow(NamedTuple):
    """One row of the view `logs`.

    `created` and `received` are epoch seconds. `extra` is a JSON object as
    text. What is not known is None.
    """

    id: int
    created: float
    name: str
    levelno: int
    level: str
    message: str
    hostname: str
    process: int | None = None
    processName: str | None = None  # noqa: N815 - LogRecord's name
    thread: int | None = None
    threadName: str | None = None  # noqa: N815 - LogRecord's name
    taskName: str | None = None  # noqa: N815 - LogRecord's name
    pathname: str | None = None
    filename: str | None = None
    module: str | None = None
    lineno: int | None = None
    funcName: str | None = None  # noqa: N815 - LogRecord's name
    exc_text: str | None = None
    stack_info: str | None = None
    extra: str | None = None
    peer: str | None = None
    received: float | None = None
