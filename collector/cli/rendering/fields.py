"""The fields of rows that can be chosen, and how they are named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from collector.cli.rendering.extras import decoded, found
from collector.cli.rendering.printable import encodable, one_line
from collector.query.fields import SHORT_NAMES as QUERY_NAMES
from collector.query.log_row import LogRow

# As in queries; `tid` is here because `thread` means the name there.
SHORT_NAMES: Final = {
    **QUERY_NAMES,
    "thread": "threadName",
    "tid": "thread",
    "file": "filename",
}
TIME: Final = "time"
EXTRA_PREFIX: Final = "extra."

# By their names in lower case: they are taken in any case, as in queries.
_KNOWN: Final = {
    name.lower(): SHORT_NAMES.get(name, name)
    for name in (*LogRow._fields, TIME, *SHORT_NAMES)
}
# How alike two names are (0 to 1) for one to be taken as a slip of the other.
_ALIKE: Final = 0.85
# Deeper than anyone nests, and far from the interpreter's limit.
_MAX_STEPS: Final = 50
_MAX_NAME_SHOWN: Final = 60


@dataclass(frozen=True, slots=True)
class Field:
    """One chosen field: a column, the time as text, or a path into `extra`.

    `label` is how it was asked for. Exactly one of `column` (a name of LogRow
    or `time`) and `path` is set.
    """

    label: str
    column: str | None = None
    path: tuple[str, ...] = ()


ALL_COLUMNS: Final = tuple(Field(name, name) for name in LogRow._fields)
TABLE_FIELDS: Final = tuple(
    Field(name, SHORT_NAMES.get(name, name))
    for name in (TIME, "level", "logger", "host", "message")
)


def parse_fields(text: str) -> tuple[Field, ...]:
    """Return the fields named in `text`, with commas between them.

    A name is `time` (the creation time for reading), a short name, a column
    of the view, in any case, or else a key of `extra`, where dots go deeper;
    `extra.KEY` is one always. Raises ValueError for an empty or doubled name
    and for what looks like a slip of a known name.
    """
    fields: list[Field] = []
    for part in text.split(","):
        field = _field(encodable(part.strip()))
        for other in fields:
            if (other.column, other.path) == (field.column, field.path):
                raise ValueError(_doubled(other.label, field.label))
        fields.append(field)
    return tuple(fields)


def _field(name: str) -> Field:
    column = _KNOWN.get(name.lower())
    if column is not None:
        return Field(name, column)
    key = name.removeprefix(EXTRA_PREFIX)
    if not key:
        hint = f"a key is missing after {name}" if name else "a field's name is empty"
        raise ValueError(f"{hint}; write for example time,level,message,extra.user")
    if key == name and (near := _nearest(name)) is not None:
        shown = _shown(name)
        raise ValueError(
            f"there is no field {shown}; did you mean {near}?"
            f" A key of extra is written extra.{shown}"
        )
    path = tuple(key.split("."))
    if len(path) > _MAX_STEPS:
        raise ValueError(f"{_shown(name)} goes deeper than {_MAX_STEPS} steps")
    return Field(name, path=path)


def _doubled(first: str, second: str) -> str:
    if first == second:
        return f"the field {_shown(first)} is named twice"
    return f"{_shown(first)} and {_shown(second)} are the same field"


def _nearest(name: str) -> str | None:
    # Only a mistake pays for this import.
    import difflib

    names = {known.lower(): known for known in (TIME, *SHORT_NAMES, *LogRow._fields)}
    near = difflib.get_close_matches(name[:100].lower(), names, n=1, cutoff=_ALIKE)
    return names[near[0]] if near else None


def _shown(name: str) -> str:
    text = one_line(name)
    return text if len(text) <= _MAX_NAME_SHOWN else f"{text[:_MAX_NAME_SHOWN]}…"


class FieldReader:
    """Reads the values of the same fields from many rows.

    `time` makes the value of the field `time` from epoch seconds. With
    `nested` the column `extra` is read as plain values, else as its text.
    """

    def __init__(
        self,
        fields: tuple[Field, ...],
        *,
        time: Callable[[object], object],
        nested: bool,
    ) -> None:
        self._time = time
        # `created` holds the place of what is no column.
        self._indexes = [
            LogRow._fields.index(field.column)
            if field.column in LogRow._fields
            else LogRow._fields.index("created")
            for field in fields
        ]
        self._times = [n for n, field in enumerate(fields) if field.column == TIME]
        self._paths = [
            (n, field.path)
            for n, field in enumerate(fields)
            if field.path or (nested and field.column == "extra")
        ]

    def read(self, row: LogRow) -> list[object]:
        """Return the values of the fields, in their order; None where absent."""
        values: list[object] = [row[index] for index in self._indexes]
        for place in self._times:
            values[place] = self._time(values[place])
        if self._paths:
            extra = decoded(row.extra)
            for place, path in self._paths:
                values[place] = found(extra, path)
        return values
