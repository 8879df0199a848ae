"""Records of JSON lines: those of `export` and `query`, and any attributes.

A line holds an object: either one with the columns of the view, or one with
the attributes of logging.LogRecord, as a client in any language may send it.
A line that holds none is a reject.
"""

from __future__ import annotations

import time
from codecs import BOM_UTF8
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import IO, Final, TypeGuard

import msgspec

from collector.errors import DecodeError, TransferError
from collector.moving.bounded_lines import bounded_lines
from collector.moving.line import COLUMNS, NULL, Line
from collector.moving.portion import Portion
from collector.moving.stored_records import StoredRecords
from collector.record import MAX_CREATED, Record, normalise
from collector.storable import clean
from collector.store.rejects import IMPORT_PEER, make_reject
from collector.store.rows import delay_ms
from collector.store.stored_rows import StoredRow
from collector.wire.json_documents import read_json
from collector.wire.limits import DecodeLimits

# Lines of a portion, and their bytes.
PORTION_LINES: Final = 2000
PORTION_BYTES: Final = 4 * 1024 * 1024

# Objects with this and without LogRecord's own names are rows of the view.
_ROW_MARKS: Final = frozenset({"level", "message"})
_LEVELS: Final = frozenset({"levelno", "levelname"})
_ATTRIBUTE_MARKS: Final = frozenset({"levelname", "msg"})

# How the header of an exported CSV file begins.
_CSV_START: Final = ",".join(COLUMNS[:4]).encode()

# What a row has that is no attribute.
_ROW_ONLY: Final = ("id", "level", "received", "started", "peer", "extra")


class JsonLines:
    """Reads the lines of one file, which must not be CSV (TransferError).

    `name` is for people; `at` the epoch second for what tells no time, the
    same each time the file is read; each line adds a microsecond.
    """

    def __init__(self, name: str, *, at: float) -> None:
        self.name: Final = name
        self._at = at
        self._now = time.time()
        self._limits = DecodeLimits(max_text_bytes=1 << 40)
        self._decode = msgspec.json.Decoder(Line).decode
        self._stored = StoredRecords()

    def _check_start(self, line: bytes) -> None:
        if line.removeprefix(BOM_UTF8).startswith(_CSV_START):
            raise TransferError(
                f"{self.name}: is CSV, which can be exported and not imported; "
                "JSON lines can (`export -o jsonl`)"
            )

    def portions(self, file: IO[bytes]) -> Iterator[Portion]:
        """Yield what the lines hold; `done` counts their bytes."""
        portion = Portion()
        done = size = lines = 0
        try:
            for number, (line, length) in enumerate(bounded_lines(file, self.name), 1):
                if number == 1:
                    self._check_start(line)
                done += length + 1
                self._read(portion, line, length, number)
                size += len(line)
                lines += 1
                if lines >= PORTION_LINES or size >= PORTION_BYTES:
                    portion.done = done
                    yield portion
                    portion = Portion()
                    size = lines = 0
        except TransferError:
            # What was read until then is as good as any.
            yield portion
            raise
        portion.done = done
        yield portion

    def _read(self, portion: Portion, line: bytes, length: int, number: int) -> None:
        if number == 1 and line.startswith(BOM_UTF8):
            # Some editors write it.
            line, length = line[len(BOM_UTF8) :], length - len(BOM_UTF8)
        if not line:
            return
        try:
            record = self._record(line, length, number)
        except DecodeError as error:
            if line.strip() in (b"[", b"]"):
                # The first and the last line of an array.
                return
            self._reject(portion, line, number, error.reason, error.detail)
        except Exception as error:  # noqa: BLE001 - a bug of ours must cost one line
            self._reject(portion, line, number, "internal_error", repr(error))
        else:
            portion.records.append(record)

    def _reject(
        self, portion: Portion, line: bytes, number: int, reason: str, detail: str
    ) -> None:
        portion.rejects.append(
            make_reject(
                line,
                received=self._now,
                peer=IMPORT_PEER,
                reason=reason,
                detail=f"{self.name}, line {number}: {detail}",
            )
        )

    def _record(self, line: bytes, length: int, number: int) -> Record:
        """Return the record of a line; raise DecodeError where it holds none."""
        if len(line) < length:
            raise DecodeError("line_too_long", f"it has {length:,} bytes")
        try:
            found = self._decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
        else:
            return self._stored.record(_stored_row(found))
        text = line.strip()
        # An array of objects has one on each line too.
        value = read_json(text.removesuffix(b","), self._limits)
        if not isinstance(value, dict):
            raise DecodeError("no_object", "it is JSON, but no object")
        # Each of them has a time of its own, in the order of the lines: by it
        # they are looked for in the database.
        return record_of(value, at=self._at + (number - 1) * 1e-6)


def _stored_row(line: Line) -> StoredRow:
    created, received = line.created, line.received
    return StoredRow(
        id=line.id,
        created=created,
        delay_ms=(
            delay_ms(created, received) if is_time(created) and is_time(received) else 0
        ),
        call_site_id=0,
        origin_id=0,
        message=line.message,
        taskName=line.taskName,
        exc_text=line.exc_text,
        stack_info=line.stack_info,
        extra=None if line.extra == NULL else bytes(line.extra).decode(),
        call_site=(
            line.name,
            line.pathname or "",
            line.lineno or 0,
            line.funcName or "",
            line.filename or "",
            line.module or "",
            line.levelno,
            line.level,
        ),
        origin=(
            line.hostname,
            line.process or 0,
            line.processName or "",
            line.started or 0.0,
            line.peer or "",
            line.thread or 0,
            line.threadName or "",
        ),
    )


def record_of(attributes: dict[str, object], *, at: float) -> Record:
    """Return the record of an object; raise DecodeError where it is none.

    It may have some columns of the view, or attributes of LogRecord.
    """
    received: object = None
    peer: object = None
    if attributes.keys() >= _ROW_MARKS and not _ATTRIBUTE_MARKS & attributes.keys():
        row = {name: attributes.pop(name, None) for name in _ROW_ONLY}
        received, peer = row["received"], row["peer"]
        extra = row["extra"]
        if isinstance(extra, dict):
            attributes = {**extra, **attributes}
        elif extra is not None:
            attributes["extra"] = extra
        level = row["level"]
        attributes["levelno" if isinstance(level, int) else "levelname"] = level
        started, created = row["started"], attributes.get("created")
        if is_time(started) and is_time(created):
            attributes["relativeCreated"] = (created - started) * 1000.0
    elif not _LEVELS & attributes.keys():
        # Many who write lines call it so.
        level = attributes.get("level")
        if isinstance(level, int | str) and not isinstance(level, bool):
            del attributes["level"]
            attributes["levelno" if isinstance(level, int) else "levelname"] = level
    stamp = attributes.get("created")
    if isinstance(stamp, str) and (moment := epoch(stamp)) is not None:
        attributes["created"] = moment
    return normalise(
        attributes,
        received=float(received) if is_time(received) else at,
        peer=clean(peer[:255]) if isinstance(peer, str) else "",
        hostname="",
    )


def is_time(value: object) -> TypeGuard[float]:
    """Tell whether a value is an epoch second that a record may have."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and 0 <= value < MAX_CREATED
    )


def epoch(text: str) -> float | None:
    """Return the epoch second of a number or an ISO time as text; None for none.

    Without an offset it is UTC.
    """
    try:
        if len(text) > 64:
            return None
        if text[:1].isdigit() and text[4:5] != "-":
            return float(text)
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()
