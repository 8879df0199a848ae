"""Where each column of LogRow lives, and what its values are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Place(Enum):
    """A table, by what it stores once."""

    CALL_SITES = "call_sites"
    ORIGINS = "origins"
    RECORDS = "records"


class Kind(Enum):
    """What the values of a column are.

    A NAME is compared as a whole, in PROSE something is looked for.
    """

    NAME = "name"
    PROSE = "prose"
    NUMBER = "number"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of LogRow; `optional` tells whether it may be None."""

    place: Place
    kind: Kind
    optional: bool = True


COLUMNS: Final = {
    "id": Column(Place.RECORDS, Kind.NUMBER, optional=False),
    "created": Column(Place.RECORDS, Kind.TIME, optional=False),
    "received": Column(Place.RECORDS, Kind.TIME, optional=False),
    "message": Column(Place.RECORDS, Kind.PROSE, optional=False),
    "exc_text": Column(Place.RECORDS, Kind.PROSE),
    "stack_info": Column(Place.RECORDS, Kind.PROSE),
    "extra": Column(Place.RECORDS, Kind.PROSE),
    "taskName": Column(Place.RECORDS, Kind.NAME),
    "name": Column(Place.CALL_SITES, Kind.NAME, optional=False),
    "levelno": Column(Place.CALL_SITES, Kind.NUMBER, optional=False),
    "level": Column(Place.CALL_SITES, Kind.NAME, optional=False),
    "pathname": Column(Place.CALL_SITES, Kind.NAME),
    "filename": Column(Place.CALL_SITES, Kind.NAME),
    "module": Column(Place.CALL_SITES, Kind.NAME),
    "lineno": Column(Place.CALL_SITES, Kind.NUMBER),
    "funcName": Column(Place.CALL_SITES, Kind.NAME),
    "hostname": Column(Place.ORIGINS, Kind.NAME, optional=False),
    "process": Column(Place.ORIGINS, Kind.NUMBER),
    "processName": Column(Place.ORIGINS, Kind.NAME),
    "thread": Column(Place.ORIGINS, Kind.NUMBER),
    "threadName": Column(Place.ORIGINS, Kind.NAME),
    "peer": Column(Place.ORIGINS, Kind.NAME, optional=False),
}
