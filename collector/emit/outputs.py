"""Outputs: where emitted records go. Each is written to by one thread."""

from __future__ import annotations

import errno
import logging
import logging.config
import logging.handlers
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol, TextIO

from collector.emit.formatter import CollectorFormatter
from collector.emit.log_record import as_log_record
from collector.emit.visible import visible
from collector.errors import ConfigError
from collector.record import MAX_NAME_CHARS, Record

# `logging` keeps every logger it was ever asked for: a peer that makes up
# names must not grow the process, so beyond this the root logger is used.
MAX_LOGGERS: Final = 10_000
MAX_LOGGER_DEPTH: Final = 50


class Output(Protocol):
    """Takes records in order; called from one thread only.

    `write` may block and may raise OSError or ValueError, after which the
    records of that call count as dropped.
    """

    def write(self, records: Sequence[Record]) -> None:
        """Show the records."""

    def close(self) -> None:
        """Let go of what was opened."""


class StreamOutput:
    """Writes lines to an open text stream, stdout or stderr."""

    def __init__(self, stream: TextIO, formatter: CollectorFormatter) -> None:
        self._stream = stream
        self._formatter = formatter

    def write(self, records: Sequence[Record]) -> None:
        """Write the records' lines and flush."""
        text = lines(records, self._formatter)
        encoding = self._stream.encoding or "utf-8"
        if encoding.lower().replace("-", "") != "utf8":
            text = text.encode(encoding, "backslashreplace").decode(encoding)
        self._stream.write(text)
        self._stream.flush()

    def close(self) -> None:
        """Do nothing: the stream belongs to whoever started the process."""


class FileOutput:
    """Appends lines to a file; rotated, where asked, by the standard handlers."""

    def __init__(
        self,
        path: Path,
        formatter: CollectorFormatter,
        *,
        rotate_bytes: int = 0,
        rotate_when: str = "",
        rotate_keep: int = 7,
    ) -> None:
        self._path = path
        self._formatter = formatter
        self._handler: (
            logging.handlers.TimedRotatingFileHandler
            | logging.handlers.RotatingFileHandler
            | logging.FileHandler
        )
        if rotate_when:
            self._handler = logging.handlers.TimedRotatingFileHandler(
                path, when=rotate_when, backupCount=rotate_keep, encoding="utf-8"
            )
        elif rotate_bytes:
            self._handler = logging.handlers.RotatingFileHandler(
                path, maxBytes=rotate_bytes, backupCount=rotate_keep, encoding="utf-8"
            )
        else:
            self._handler = logging.FileHandler(path, encoding="utf-8")

    def write(self, records: Sequence[Record]) -> None:
        """Append the records' lines, rotating before where it is due."""
        text = lines(records, self._formatter)
        handler = self._handler
        if isinstance(
            handler,
            logging.handlers.TimedRotatingFileHandler
            | logging.handlers.RotatingFileHandler,
        ):
            # They measure a formatted record: give them the whole text.
            probe = logging.makeLogRecord({"msg": text.rstrip("\n")})
            if handler.shouldRollover(probe):
                handler.doRollover()
        assert handler.stream is not None
        handler.stream.write(text)
        handler.stream.flush()

    def close(self) -> None:
        """Close the file."""
        self._handler.close()


class LoggingOutput:
    """Hands records to this process's own logging policy."""

    def __init__(self, *, logname: str | None = None) -> None:
        self._logname = logname
        self._loggers: set[str] = set()

    def write(self, records: Sequence[Record]) -> None:
        """Let the logger of each record's name handle it."""
        for record in records:
            self._logger(self._logname or record.name).handle(
                as_log_record(record, logname=self._logname)
            )

    def _logger(self, name: str) -> logging.Logger:
        if name not in self._loggers:
            if (
                len(self._loggers) >= MAX_LOGGERS
                or name.count(".") > MAX_LOGGER_DEPTH
                or len(name) > MAX_NAME_CHARS
                # Our own messages must not start a circle.
                or name.partition(".")[0] == "logcollector"
            ):
                return logging.getLogger()
            self._loggers.add(name)
        return logging.getLogger(name)

    def close(self) -> None:
        """Do nothing: logging.shutdown flushes the handlers."""


def lines(records: Sequence[Record], formatter: CollectorFormatter) -> str:
    """Return the records' lines as one text that ends in a newline."""
    format_record = formatter.format_record
    return "\n".join([visible(format_record(record)) for record in records]) + "\n"


def open_output(
    target: str,
    formatter: CollectorFormatter,
    *,
    logname: str | None = None,
    logging_config: Mapping[str, Any] | None = None,
    rotate_bytes: int = 0,
    rotate_when: str = "",
    rotate_keep: int = 7,
) -> Output | None:
    """Open what the setting `emit` names; None for "none".

    Raises ConfigError when the file can't be opened or the policy is wrong.
    """
    if target == "none":
        return None
    if target == "stdout":
        return StreamOutput(sys.stdout, formatter)
    if target == "stderr":
        return StreamOutput(sys.stderr, formatter)
    if target == "logging":
        configure_logging(logging_config or {}, formatter)
        return LoggingOutput(logname=logname)
    path = Path(target)
    try:
        return FileOutput(
            path,
            formatter,
            rotate_bytes=rotate_bytes,
            rotate_when=rotate_when,
            rotate_keep=rotate_keep,
        )
    except OSError as error:
        raise ConfigError(
            "emit", f"{path}: cannot be opened: {os.strerror(error.errno or 0)}"
        ) from None
    except ValueError as error:
        raise ConfigError("emit", f"{target!r}: cannot be opened: {error}") from None


def check_output(
    target: str, formatter: CollectorFormatter, logging_config: Mapping[str, Any]
) -> None:
    """Check what `open_output` would open, and leave no file and no policy behind.

    What a policy names is imported and made, as it will be. Raises ConfigError.
    """
    if target == "logging":
        in_force = _in_force()
        configure_logging(_unopened(logging_config), formatter)
        _restore(in_force)
    elif target not in _NO_FILES:
        _check_file(target, "emit")


_NO_FILES: Final = ("none", "stdout", "stderr")

# Handlers of files that are opened late when told so.
_FILE_HANDLERS: Final = (
    "logging.FileHandler",
    "logging.handlers.RotatingFileHandler",
    "logging.handlers.TimedRotatingFileHandler",
    "logging.handlers.WatchedFileHandler",
)


def _unopened(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a policy that opens no files yet. Raises ConfigError."""
    handlers = config.get("handlers")
    if not isinstance(handlers, dict):
        return dict(config)
    unopened = dict(handlers)
    for name, handler in handlers.items():
        if isinstance(handler, dict) and handler.get("class") in _FILE_HANDLERS:
            unopened[name] = {**handler, "delay": True}
            if isinstance(file := handler.get("filename"), str):
                _check_file(file, f"logging: handler {name}")
    return {**config, "handlers": unopened}


def _check_file(file: str, key: str) -> None:
    path = Path(file)
    try:
        if path.is_dir():
            reason = os.strerror(errno.EISDIR)
        elif not path.parent.is_dir():
            reason = os.strerror(errno.ENOENT)
        elif not os.access(path if path.exists() else path.parent, os.W_OK):
            reason = os.strerror(errno.EACCES)
        else:
            return
    except (OSError, ValueError) as error:
        reason = str(error)
    raise ConfigError(key, f"{file}: cannot be opened: {reason}")


def configure_logging(config: Mapping[str, Any], formatter: CollectorFormatter) -> None:
    """Apply the local logging policy.

    Without one, lines go to stderr in the format of the settings. Raises
    ConfigError for a policy that logging refuses.
    """
    if not config:
        handler = logging.StreamHandler()
        handler.setFormatter(formatter)
        logging.basicConfig(handlers=[handler], level=logging.NOTSET)
        return
    in_force = _in_force()
    try:
        logging.config.dictConfig(
            {"version": 1, "disable_existing_loggers": False, **config}
        )
    except (ValueError, TypeError, AttributeError, ImportError, OSError) as error:
        _restore(in_force)
        cause = f": {error.__cause__}" if error.__cause__ else ""
        raise ConfigError("logging", f"{error}{cause}") from None


def _in_force() -> list[tuple[logging.Logger, list[logging.Handler], int, bool]]:
    """Return what dictConfig changes on loggers, to be restored."""
    root = logging.getLogger()
    known = root.manager.loggerDict.values()
    loggers = [root, *(x for x in known if isinstance(x, logging.Logger))]
    return [(x, x.handlers[:], x.level, x.propagate) for x in loggers]


def _restore(
    in_force: list[tuple[logging.Logger, list[logging.Handler], int, bool]],
) -> None:
    for logger, handlers, level, propagate in in_force:
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate = propagate
