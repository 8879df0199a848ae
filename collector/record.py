"""Record: one normalised log record that SQLite, UTF-8 and JSON accept.

Whatever a client sent, `normalise` makes of it a Record that any row can
hold: odd values are repaired here, where only one record is at stake, and
what was repaired is told under "_repaired" in the record's extra attributes.
"""

from __future__ import annotations

from typing import Final, final

import msgspec

from collector.errors import DecodeError
from collector.storable import CUT, INT64_MAX, INT64_MIN, ExtraWalk, clean, text_of

# Security limits: what a name may occupy in tables that are kept in memory.
MAX_NAME_CHARS: Final = 512
MAX_PATH_CHARS: Final = 4096
MAX_HOSTNAME_CHARS: Final = 255

# A number may come as text; it has no more digits than fit into 64 bits.
MAX_NUMBER_CHARS: Final = 24

# The year 10000: no ISO time can show it.
MAX_CREATED: Final = 253402300800.0

LEVEL_NAMES: Final = {
    0: "NOTSET",
    10: "DEBUG",
    20: "INFO",
    30: "WARNING",
    40: "ERROR",
    50: "CRITICAL",
}
LEVEL_NUMBERS: Final = {
    "NOTSET": 0,
    "DEBUG": 10,
    "INFO": 20,
    "WARN": 30,
    "WARNING": 30,
    "ERROR": 40,
    "FATAL": 50,
    "CRITICAL": 50,
}

# What LogRecord sets itself (and what formatters leave behind): all other
# attributes are extra. "message" and "hostname" are read by normalise.
OWN_ATTRIBUTES: Final = frozenset(
    {
        "name",
        "msg",
        "args",
        "levelname",
        "levelno",
        "pathname",
        "filename",
        "module",
        "exc_info",
        "exc_text",
        "stack_info",
        "lineno",
        "funcName",
        "created",
        "msecs",
        "relativeCreated",
        "thread",
        "threadName",
        "processName",
        "process",
        "taskName",
        "message",
        "asctime",
        "hostname",
    }
)

RECORD_FIELDS: Final = (
    "created",
    "exc_text",
    "extra",
    "filename",
    "funcName",
    "hostname",
    "levelname",
    "levelno",
    "lineno",
    "message",
    "module",
    "name",
    "pathname",
    "peer",
    "process",
    "processName",
    "received",
    "relativeCreated",
    "stack_info",
    "started",
    "taskName",
    "thread",
    "threadName",
)


@final
class Record:
    """One log record, ready to be stored and shown.

    The attributes have LogRecord's own names. `created` and `received` are
    epoch seconds, `relativeCreated` milliseconds, `started` the epoch second
    (to a hundredth) at which the sending process loaded logging, which tells
    runs with the same PID apart. `extra` is a JSON object as text, or None.
    Numbers that are not known are 0, names "", optional texts None.
    """

    __slots__ = RECORD_FIELDS

    def __init__(
        self,
        *,
        created: float,
        received: float,
        name: str,
        levelno: int,
        levelname: str,
        message: str,
        hostname: str = "",
        process: int = 0,
        processName: str = "",  # noqa: N803 - LogRecord's name
        started: float = 0.0,
        thread: int = 0,
        threadName: str = "",  # noqa: N803 - LogRecord's name
        taskName: str | None = None,  # noqa: N803 - LogRecord's name
        pathname: str = "",
        filename: str = "",
        module: str = "",
        lineno: int = 0,
        funcName: str = "",  # noqa: N803 - LogRecord's name
        exc_text: str | None = None,
        stack_info: str | None = None,
        extra: str | None = None,
        relativeCreated: float = 0.0,  # noqa: N803 - LogRecord's name
        peer: str = "",
    ) -> None:
        self.created: Final = created
        self.received: Final = received
        self.name: Final = name
        self.levelno: Final = levelno
        self.levelname: Final = levelname
        self.message: Final = message
        self.hostname: Final = hostname
        self.process: Final = process
        self.processName: Final = processName
        self.started: Final = started
        self.thread: Final = thread
        self.threadName: Final = threadName
        self.taskName: Final = taskName
        self.pathname: Final = pathname
        self.filename: Final = filename
        self.module: Final = module
        self.lineno: Final = lineno
        self.funcName: Final = funcName
        self.exc_text: Final = exc_text
        self.stack_info: Final = stack_info
        self.extra: Final = extra
        self.relativeCreated: Final = relativeCreated
        self.peer: Final = peer


def level_name(levelno: int) -> str:
    """Return the name logging gives to a level number by default."""
    name = LEVEL_NAMES.get(levelno)
    return f"Level {levelno}" if name is None else name


def normalise(
    attributes: dict[str, object], *, received: float, peer: str, hostname: str
) -> Record:
    """Make a Record of a record's attributes, as decoded from the wire.

    `attributes` is a finite tree of plain values. `received` is the epoch
    second of receipt, `peer` the address the record came from, `hostname`
    the host's name if the record brings none. Raises DecodeError only where
    there is no message at all.
    """
    return _Normaliser(attributes).record(received, peer, hostname)


def attributes_of(record: Record) -> dict[str, object]:
    """Return what `normalise` makes the same record of.

    When it was received and from whom is not among it. Names that escapes made
    longer than they may be are cut; extra attributes that have been cut off may
    be cut off a little earlier.
    """
    attributes: dict[str, object] = {
        name: getattr(record, name)
        for name in RECORD_FIELDS
        if name not in ("started", "received", "peer", "extra")
    }
    if not record.started and not record.relativeCreated:
        # It was not told, or is 0.0 by itself.
        del attributes["relativeCreated"]
    if record.extra is not None:
        attributes.update(msgspec.json.decode(record.extra))
    return attributes


@final
class _Normaliser:
    """Reads attributes one by one and notes what had to be repaired."""

    def __init__(self, attributes: dict[str, object]) -> None:
        self._attributes: dict[str, object] = attributes
        self._repaired: dict[str, object] | None = None

    def record(self, received: float, peer: str, hostname: str) -> Record:
        attributes = self._attributes
        if "msg" in attributes:
            message = self._message(attributes["msg"])
        elif "message" in attributes:
            message = self._message(attributes["message"])
        else:
            raise DecodeError("no_message", "it has neither msg nor message")

        created = received
        stamp = attributes.get("created")
        if isinstance(stamp, (int, float)) and 0.0 <= stamp < MAX_CREATED:
            created = float(stamp)
        elif "created" in attributes:
            self._note("created", stamp)

        relative = 0.0
        started = 0.0
        since = attributes.get("relativeCreated")
        if isinstance(since, (int, float)) and -1e15 < since < 1e15:
            relative = float(since)
            # Hundredths: finer digits differ from record to record, as the
            # two clock readings behind them are rounded.
            started = int((created - relative / 1000.0) * 100.0 + 0.5) / 100.0
            started = max(started, 0.0)

        levelno = self._levelno()
        levelname = self._name("levelname")
        if not levelname or (
            "levelno" not in attributes and levelname.upper() in LEVEL_NUMBERS
        ):
            levelname = level_name(levelno)

        own_hostname = attributes.get("hostname")
        if own_hostname is None:
            own_hostname = attributes.get("host")
        if isinstance(own_hostname, str) and own_hostname:
            hostname = clean(own_hostname[:MAX_HOSTNAME_CHARS])
        elif attributes.get("hostname"):
            self._note("hostname", own_hostname)

        pathname = self._bounded("pathname", MAX_PATH_CHARS)
        exc_text = self._optional_text("exc_text")
        stack_info = self._optional_text("stack_info")
        name = self._name("name")
        process = self._integer("process")
        process_name = self._name("processName")
        thread = self._integer("thread")
        thread_name = self._name("threadName")
        task_name = self._name("taskName")
        filename = self._name("filename")
        module = self._name("module")
        lineno = self._integer("lineno")
        func_name = self._name("funcName")
        return Record(
            created=created,
            received=received,
            name=name,
            levelno=levelno,
            levelname=levelname,
            message=message,
            hostname=hostname,
            process=process,
            processName=process_name,
            started=started,
            thread=thread,
            threadName=thread_name,
            taskName=task_name or None,
            pathname=pathname,
            filename=filename,
            module=module,
            lineno=lineno,
            funcName=func_name,
            exc_text=exc_text,
            stack_info=stack_info,
            extra=self._extra(),
            relativeCreated=relative,
            peer=peer,
        )

    def _note(self, attribute: str, value: object) -> None:
        if self._repaired is None:
            self._repaired = {}
        self._repaired[attribute] = value

    def _message(self, value: object) -> str:
        if isinstance(value, str):
            return clean(value)
        return text_of(value)

    def _name(self, attribute: str) -> str:
        return self._bounded(attribute, MAX_NAME_CHARS)

    def _bounded(self, attribute: str, max_chars: int) -> str:
        value = self._attributes.get(attribute)
        if isinstance(value, str):
            # What attributes_of tells has been cut before, and that was noted.
            if len(value) > max_chars and (
                len(value) > max_chars + len(CUT) or not value.endswith(CUT)
            ):
                self._note(attribute, value)
                value = value[:max_chars] + CUT
            return clean(value)
        if value is None:
            return ""
        self._note(attribute, value)
        return clean(text_of(value)[:max_chars])

    def _optional_text(self, attribute: str) -> str | None:
        value = self._attributes.get(attribute)
        if value is None:
            return None
        return self._message(value) or None

    def _integer(self, attribute: str) -> int:
        value = self._attributes.get(attribute)
        if isinstance(value, int):
            if INT64_MIN <= value <= INT64_MAX:
                return int(value)
        elif value is None:
            return 0
        elif isinstance(value, str):
            number = _number(value)
            if number is not None:
                return number
        elif isinstance(value, float) and -1e15 < value < 1e15:
            return int(value)
        self._note(attribute, value)
        return 0

    def _levelno(self) -> int:
        value = self._attributes.get("levelno")
        if value is None:
            name = self._attributes.get("levelname")
            if isinstance(name, str):
                number = LEVEL_NUMBERS.get(name[:MAX_NAME_CHARS].upper())
                return 0 if number is None else number
            return 0
        return self._integer("levelno")

    def _extra(self) -> str | None:
        if (
            OWN_ATTRIBUTES.issuperset(self._attributes)
            and self._repaired is None
            and not self._attributes.get("args")
            and not self._attributes.get("exc_info")
        ):
            return None
        extra: dict[str, object] | None = None
        walk: ExtraWalk | None = None
        for key, value in self._attributes.items():
            if key in OWN_ATTRIBUTES:
                continue
            if walk is None:
                walk = ExtraWalk()
                extra = {}
            assert extra is not None
            if walk.spent():
                extra[CUT] = CUT
                break
            extra[walk.name(key)] = walk.value(value)
        # Stock clients send args and exc_info as None: the message and the
        # traceback hold them already. What others send is kept as it came.
        for key in ("args", "exc_info"):
            value = self._attributes.get(key)
            if value:
                if walk is None:
                    walk = ExtraWalk()
                if extra is None:
                    extra = {}
                extra[key] = walk.value(value)
        if self._repaired is not None:
            if walk is None:
                walk = ExtraWalk()
            if extra is None:
                extra = {}
            extra["_repaired"] = walk.value(self._repaired)
        if extra is None:
            return None
        return msgspec.json.encode(extra).decode("utf-8")


def _number(text: str) -> int | None:
    if len(text) > MAX_NUMBER_CHARS:
        return None
    stripped = text.strip()
    digits = stripped[1:] if stripped[:1] in ("+", "-") else stripped
    if not digits.isdecimal():
        return None
    number = int(stripped)
    return number if INT64_MIN <= number <= INT64_MAX else None
