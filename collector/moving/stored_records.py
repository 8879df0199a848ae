"""Records made of stored rows, exactly as they were.

The rows of a database that somebody hands over may hold anything: what is
not as our store writes it is repaired as if it had come from the network.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from collector.errors import DecodeError
from collector.record import (
    MAX_CREATED,
    MAX_HOSTNAME_CHARS,
    MAX_NAME_CHARS,
    MAX_PATH_CHARS,
    Record,
    normalise,
)
from collector.storable import INT64_MAX, INT64_MIN, ExtraWalk, clean
from collector.store.reader import decoded
from collector.store.rows import (
    CALL_SITE_COLUMNS,
    MAX_INTERNED,
    ORIGIN_COLUMNS,
    CallSite,
    Origin,
)
from collector.store.salvage import LOST
from collector.store.stored_rows import StoredRow
from collector.wire.json_documents import read_json
from collector.wire.limits import DecodeLimits

# Escapes make names longer than they may come.
_LONGEST_NAME: Final = 6 * MAX_NAME_CHARS + 1
_LONGEST_PATH: Final = 6 * MAX_PATH_CHARS + 1

# As far apart as two times can be.
_MOST_DELAY_MS: Final = int(MAX_CREATED * 1000)

# Of an extra: as many values as one that was cut off has, and some more.
_EXTRA_LIMITS: Final = DecodeLimits(max_operations=200_000)


class StoredRecords:
    """Makes records of rows; remembers which interned values are sound."""

    def __init__(self) -> None:
        self._sound: set[Any] = set()
        self._created = 0.0

    def record(self, row: StoredRow) -> Record:
        """Return the record of a row; what is lost of it is told in `_repaired`."""
        site, origin = row.call_site, row.origin
        if not (
            site is not None
            and origin is not None
            and self._is_known(site, _is_sound_site)
            and self._is_known(origin, _is_sound_origin)
            and _is_sound(row)
        ):
            return self._repaired(row)
        extra = row.extra
        if extra is not None:
            extra = same_extra(extra)
            if extra is None:
                return self._repaired(row)
        self._created = created = row.created
        return Record(
            created=created,
            received=created + row.delay_ms / 1000.0,
            name=site[0],
            pathname=site[1],
            lineno=site[2],
            funcName=site[3],
            filename=site[4],
            module=site[5],
            levelno=site[6],
            levelname=site[7],
            message=row.message,
            hostname=origin[0],
            process=origin[1],
            processName=origin[2],
            started=origin[3],
            peer=origin[4],
            thread=origin[5],
            threadName=origin[6],
            taskName=row.taskName or None,
            exc_text=row.exc_text or None,
            stack_info=row.stack_info or None,
            extra=extra,
        )

    def _repaired(self, row: StoredRow) -> Record:
        """Return a record of a row that the store would not have written so.

        Without a time it gets that of the record before.
        """
        attributes, lost = attributes_of_row(row)
        if lost:
            attributes["_lost"] = lost
        created = attributes.get("created")
        if not (isinstance(created, int | float) and 0 <= created < MAX_CREATED):
            created = self._created
            attributes["created"] = created
        self._created = created = float(created)
        delay = row.delay_ms if _is_delay(row.delay_ms) else 0
        started = row.origin[3] if row.origin is not None else None
        if isinstance(started, int | float) and 0 < started < MAX_CREATED:
            attributes["relativeCreated"] = (created - started) * 1000.0
        peer = row.origin[4] if row.origin is not None else ""
        return normalise(
            attributes,
            received=created + delay / 1000.0,
            peer=clean(peer[:MAX_HOSTNAME_CHARS]) if isinstance(peer, str) else "",
            hostname="",
        )

    def _is_known(self, value: Any, is_sound: Any) -> bool:
        try:
            if value in self._sound:
                return True
        except TypeError:
            return False
        if not is_sound(value):
            return False
        if len(self._sound) >= MAX_INTERNED:
            self._sound.clear()
        self._sound.add(value)
        return True


def same_extra(text: str) -> str | None:
    """Return the JSON object of an `extra` as the store writes it; None for none."""
    try:
        value = read_json(text.encode(), _EXTRA_LIMITS)
    except (DecodeError, UnicodeEncodeError):
        return None
    if not isinstance(value, dict):
        return None
    walk = ExtraWalk()
    return msgspec.json.encode(
        {walk.name(key): walk.value(item) for key, item in value.items()}
    ).decode()


def attributes_of_row(row: StoredRow) -> tuple[dict[str, object], list[str]]:
    """Return what a row has as attributes of a record, and what is lost of it."""
    attributes: dict[str, object] = {}
    lost: list[str] = []
    if row.extra is LOST:
        lost.append("extra")
    elif row.extra is not None:
        attributes.update(_extra_of(row.extra))
    for table, values, columns in (
        ("call_site", row.call_site, CALL_SITE_COLUMNS),
        ("origin", row.origin, ORIGIN_COLUMNS),
    ):
        if values is None:
            lost.append(table)
            continue
        attributes.update(_plain(zip(columns, values, strict=True)))
    for own in ("started", "peer"):
        attributes.pop(own, None)
    if "level" in attributes and row.call_site is not None:
        attributes["levelname"] = attributes.pop("level")
    for name in ("created", "message", "taskName", "exc_text", "stack_info"):
        value = getattr(row, name)
        if value is LOST:
            lost.append(name)
        elif value is not None:
            attributes.update(_plain([(name, value)]))
    # It must be there; `msg` would go before it.
    attributes.setdefault("message", "")
    attributes.pop("msg", None)
    return attributes, lost


def _plain(pairs: Iterable[tuple[str, object]]) -> Iterator[tuple[str, object]]:
    for name, value in pairs:
        yield name, decoded(value) if isinstance(value, bytes) else value


def _extra_of(extra: object) -> dict[str, object]:
    """Return the attributes that an odd `extra` stands for."""
    text = decoded(extra) if isinstance(extra, bytes) else str(extra)
    try:
        value = read_json(text.encode("utf-8", "backslashreplace"), _EXTRA_LIMITS)
    except DecodeError:
        return {"extra": text}
    return value if isinstance(value, dict) else {"extra": value}


def _is_sound(row: StoredRow) -> bool:
    return (
        type(row.created) is float
        and 0.0 <= row.created < MAX_CREATED
        and _is_delay(row.delay_ms)
        and _is_text(row.message)
        and (row.taskName is None or _is_text(row.taskName))
        and (row.exc_text is None or _is_text(row.exc_text))
        and (row.stack_info is None or _is_text(row.stack_info))
        and (row.extra is None or _is_text(row.extra))
    )


def _is_delay(value: object) -> bool:
    return type(value) is int and -_MOST_DELAY_MS < value < _MOST_DELAY_MS


def _is_text(value: object) -> bool:
    return type(value) is str and "\0" not in value


def _is_sound_site(site: CallSite) -> bool:
    name, pathname, lineno, function, filename, module, levelno, level = site
    return (
        _are_names(name, function, filename, module, level)
        and _is_text(pathname)
        and len(pathname) <= _LONGEST_PATH
        and _are_integers(lineno, levelno)
        and level != ""
    )


def _is_sound_origin(origin: Origin) -> bool:
    hostname, process, process_name, started, peer, thread, thread_name = origin
    return (
        _are_names(hostname, process_name, peer, thread_name)
        and type(started) is float
        and 0.0 <= started < MAX_CREATED
        and _are_integers(process, thread)
    )


def _are_names(*values: object) -> bool:
    return all(_is_text(value) and len(str(value)) <= _LONGEST_NAME for value in values)


def _are_integers(*values: object) -> bool:
    return all(type(v) is int and INT64_MIN <= v <= INT64_MAX for v in values)
