"""Rows as JSON: an object a line, or one array of them.

Values are the view's: `created` and `received` are epoch seconds, `extra` is
an object (a text where it holds no JSON), and what is not known is null, so
every object has the same keys. Characters that could steer a terminal are
written as JSON escapes, which changes no value.
"""

from __future__ import annotations

from datetime import tzinfo

import msgspec

from collector.cli.rendering.fields import Field, FieldReader
from collector.cli.rendering.printable import encodable, text_of
from collector.cli.rendering.renderer import Renderer
from collector.cli.rendering.times import TimeTexts
from collector.emit.visible import escaped
from collector.query.log_row import LogRow


class JsonObjects:
    """Makes a JSON object on one line of each row."""

    def __init__(self, fields: tuple[Field, ...], *, zone: tzinfo) -> None:
        self._labels = [field.label for field in fields]
        self._reader = FieldReader(fields, time=TimeTexts(zone).iso, nested=True)
        self._encode = msgspec.json.Encoder().encode

    def object(self, row: LogRow) -> str:
        """Return the object of one row."""
        values = self._reader.read(row)
        try:
            line = self._encode(dict(zip(self._labels, values, strict=True)))
        except (UnicodeEncodeError, RecursionError):
            safe = [_encodable(value, row) for value in values]
            line = self._encode(dict(zip(self._labels, safe, strict=True)))
        return escaped(line.decode())


class JsonLinesRenderer(Renderer):
    """One JSON object a line."""

    def __init__(self, fields: tuple[Field, ...], *, zone: tzinfo) -> None:
        self._objects = JsonObjects(fields, zone=zone)

    def row(self, row: LogRow) -> str:
        """Return the line of one record."""
        return self._objects.object(row) + "\n"


class JsonArrayRenderer(Renderer):
    """One JSON array, an object a line; valid once `end` is written."""

    def __init__(self, fields: tuple[Field, ...], *, zone: tzinfo) -> None:
        self._objects = JsonObjects(fields, zone=zone)
        self._separator = "\n"
        self._end = "]\n"

    def begin(self) -> str:
        """Return the beginning of the array."""
        return "["

    def row(self, row: LogRow) -> str:
        """Return one more element."""
        text = self._separator + self._objects.object(row)
        self._separator = ",\n"
        self._end = "\n]\n"
        return text

    def end(self) -> str:
        """Return the end of the array."""
        return self._end


def _encodable(value: object, row: LogRow) -> object:
    """Return a value that the encoder takes as part of an object."""
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, dict | list):
        try:
            return msgspec.Raw(msgspec.json.encode(value))
        except RecursionError:
            # It was read with less on the stack than there is now.
            return encodable(text_of(row.extra))
    return value
