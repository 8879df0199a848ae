"""CollectorFormatter: lines with the hostname and PID of the sender."""

from __future__ import annotations

import json
import logging
import re
import socket
import time
from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

from collector.emit.log_record import as_log_record
from collector.formats import DEFAULT_DATEFMT, DEFAULT_FORMAT
from collector.record import OWN_ATTRIBUTES, RECORD_FIELDS, Record

# One field of a format: its name and the letter of its conversion.
_FIELD: Final = re.compile(r"%\((?P<name>\w+)\)[^a-zA-Z%]*(?P<conversion>[a-zA-Z])")

# Fields that every record has, and the attribute of Record each is made from.
_SOURCES: Final = {
    **{name: name for name in RECORD_FIELDS if name not in ("extra", "received")},
    "asctime": "created",
    "msecs": "created",
}

# What a LogRecord of ours has beside its extra attributes.
_NO_EXTRA: Final = OWN_ATTRIBUTES | {"peer", "started"}

_SAMPLE: Final = Record(
    created=0.0, received=0.0, name="", levelno=0, levelname="", message=""
)


class CollectorFormatter(logging.Formatter):
    """Formats log records with `%(hostname)s` and `%(process)d` always there.

    `format` takes any LogRecord, as every logging.Formatter does;
    `format_record` takes a Record and gives the same line, faster. The
    traceback and the stack stand below the line. `logname` replaces each
    record's name; with `show_extra` the extra attributes end the line, as
    JSON. Raises ValueError for a format that logging would not take.
    """

    def __init__(
        self,
        fmt: str | None = None,
        datefmt: str | None = DEFAULT_DATEFMT,
        *,
        logname: str | None = None,
        show_extra: bool = False,
    ) -> None:
        self._format = DEFAULT_FORMAT if fmt is None else fmt
        fields = [(m["name"], m["conversion"]) for m in _FIELD.finditer(self._format)]
        # A field that only some records bring must not fail the others.
        self._defaults: dict[str, object] = {
            name: "-" if conversion in "sra" else 0
            for name, conversion in fields
            if name not in _SOURCES or name in ("peer", "started")
        }
        super().__init__(self._format, datefmt or None, defaults=self._defaults)
        self._hostname = socket.gethostname()
        self._logname = logname or None
        self._show_extra = show_extra
        self._second = -1
        self._second_text = ""
        self._line = self._compiled([name for name, _ in fields])
        try:
            self._line(_SAMPLE)
        except TypeError as error:
            raise ValueError(str(error)) from None

    def format(self, record: logging.LogRecord) -> str:
        """Format a LogRecord, which may lack hostname and process."""
        if getattr(record, "hostname", None) is None:
            record.hostname = self._hostname
        if record.process is None:
            record.process = 0
        name = record.name
        if self._logname is not None:
            record.name = self._logname
        try:
            return super().format(record)
        finally:
            # Other handlers see the record too.
            record.name = name

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's
        """Return the line of a LogRecord, with its extra attributes if wanted."""
        text = super().formatMessage(record)
        if self._show_extra:
            extra = {k: v for k, v in vars(record).items() if k not in _NO_EXTRA}
            if extra:
                shown = json.dumps(
                    extra, default=str, ensure_ascii=False, separators=(",", ":")
                )
                text = f"{text} {shown}"
        return text

    def format_record(self, record: Record) -> str:
        """Format a Record."""
        text = self._line(record)
        if self._show_extra and record.extra is not None:
            text = f"{text} {record.extra}"
        if record.exc_text is not None:
            text = _below(text, record.exc_text)
        if record.stack_info is not None:
            text = _below(text, record.stack_info)
        return text

    def _compiled(self, names: list[str]) -> Callable[[Record], str]:
        """Return a function that makes a record's line.

        Where the format names only what every Record has, its fields are read
        all at once; else the line is made by logging itself.
        """
        if len(names) < 2 or "%%" in self._format or not _SOURCES.keys() >= set(names):
            return self._slow_line
        template = re.sub(r"%\(\w+\)", "%", self._format)
        read_all = attrgetter(*[_SOURCES[name] for name in names])
        replacements: dict[str, Callable[[Any], object]] = {
            "asctime": self._time_text,
            "msecs": lambda created: created % 1 * 1000,
        }
        if self._logname is not None:
            replacements["name"] = lambda _: self._logname
        replaced = [
            (place, replacements[name])
            for place, name in enumerate(names)
            if name in replacements
        ]

        def line(record: Record) -> str:
            values = list(read_all(record))
            for place, replacement in replaced:
                values[place] = replacement(values[place])
            return template % tuple(values)

        return line

    def _slow_line(self, record: Record) -> str:
        log_record = as_log_record(record, logname=self._logname)
        log_record.message = record.message
        log_record.asctime = self._time_text(record.created)
        try:
            return super().formatMessage(log_record)
        except (TypeError, ValueError, OverflowError):
            # An extra attribute is not of the type that the format wants.
            log_record.__dict__.update(self._defaults)
            return super().formatMessage(log_record)

    def _time_text(self, created: float) -> str:
        second = int(created)
        if second != self._second:
            self._second_text = time.strftime(
                self.datefmt or self.default_time_format, self.converter(second)
            )
            self._second = second
        if self.datefmt:
            return self._second_text
        return f"{self._second_text},{int((created - second) * 1000):03d}"


def _below(text: str, more: str) -> str:
    return f"{text}{more}" if text.endswith("\n") else f"{text}\n{more}"
