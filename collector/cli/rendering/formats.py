"""The formats that rows can be shown in."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import tzinfo
from typing import Final

from collector.cli.rendering.fields import ALL_COLUMNS, TABLE_FIELDS, Field
from collector.cli.rendering.renderer import Renderer

FORMATS: Final = ("text", "table", "jsonl", "json", "csv")


def renderer(
    output_format: str,
    *,
    fields: tuple[Field, ...] | None,
    zone: tzinfo,
    color: bool,
    width: int,
    needles: Iterable[str] = (),
) -> Renderer:
    """Return a renderer for one of FORMATS; raises ValueError for another.

    Without `fields` each format has its own. `zone` is that of times for
    reading. `color` and `width` say what the terminal can take; JSON and CSV
    need neither. `needles` are texts to highlight in text.
    """
    # What draws tables is heavy, so each format is imported where it is used.
    match output_format:
        case "text":
            from collector.cli.rendering.text import ChosenTextRenderer, TextRenderer

            if fields is None:
                return TextRenderer(zone=zone, color=color, needles=needles)
            return ChosenTextRenderer(fields, zone=zone, color=color, needles=needles)
        case "table":
            from collector.cli.rendering.table import TableRenderer

            chosen = fields or TABLE_FIELDS
            return TableRenderer(chosen, zone=zone, color=color, width=width)
        case "jsonl":
            from collector.cli.rendering.json_documents import JsonLinesRenderer

            return JsonLinesRenderer(fields or ALL_COLUMNS, zone=zone)
        case "json":
            from collector.cli.rendering.json_documents import JsonArrayRenderer

            return JsonArrayRenderer(fields or ALL_COLUMNS, zone=zone)
        case "csv":
            from collector.cli.rendering.comma_separated import CsvRenderer

            return CsvRenderer(fields or ALL_COLUMNS, zone=zone)
    raise ValueError(f"there is no format {output_format}; known: {', '.join(FORMATS)}")
