"""Records of dagrunner's table `logs`, which has seven columns of text.

Times are epoch seconds, of which SQLite kept 15 digits; some versions wrote
ISO times. PIDs and threads are numbers written as text.
"""

from __future__ import annotations

from typing import Any, Final

from collector.moving.json_lines import epoch
from collector.record import Record, normalise
from collector.store.reader import decoded
from collector.store.salvage import LOST
from collector.store.source import DAGRUNNER_COLUMNS

# What the columns are called as attributes of a record.
_ATTRIBUTES: Final = tuple(
    "levelname" if column == "level" else column for column in DAGRUNNER_COLUMNS
)


def record_of(row: tuple[Any, ...], *, at: float) -> Record:
    """Return the record of a row: its key, and DAGRUNNER_COLUMNS.

    What tells no time is of the epoch second `at`.
    """
    attributes: dict[str, object] = {"message": ""}
    lost = []
    for name, value in zip(_ATTRIBUTES, row[1:], strict=True):
        if value is LOST:
            lost.append(name)
        elif value is not None:
            attributes[name] = decoded(value) if isinstance(value, bytes) else value
    created = attributes.get("created")
    if isinstance(created, str) and (moment := epoch(created)) is not None:
        attributes["created"] = moment
    thread = attributes.get("thread")
    if isinstance(thread, str) and not thread.strip().lstrip("-").isdecimal():
        attributes["threadName"] = attributes.pop("thread")
    hostname = attributes.get("hostname")
    if hostname is not None and not isinstance(hostname, str):
        attributes["hostname"] = str(hostname)
    if lost:
        attributes["_lost"] = lost
    return normalise(attributes, received=at, peer="", hostname="")
