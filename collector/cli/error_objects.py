"""Groups of errors as plain objects, for JSON and CSV."""

from __future__ import annotations

from typing import Any, Final

from collector.store.error_groups import ErrorGroup, Timeline, example_text
from collector.store.reader import Reader
from collector.store.search import fetch, parts

# What is shown of an example beside others: its beginning and its end.
SHOWN_CHARS: Final = 8_000

# Of the objects, what CSV has too.
COLUMNS: Final = (
    "id",
    "type",
    "message",
    "count",
    "first",
    "last",
    "hosts",
    "file",
    "line",
    "function",
    "example_id",
    "example",
)


def objects_of(
    reader: Reader,
    groups: list[ErrorGroup],
    timeline: Timeline,
    *,
    most_chars: int | None = None,
) -> list[dict[str, Any]]:
    """Return an object for each group; examples have `most_chars` at most."""
    texts = {
        row.id: _cut(example_text(row), most_chars)
        for ids in parts(reader, [group.last_id for group in groups])
        for row in fetch(reader, ids)
    }
    return [_object(group, timeline, texts.get(group.last_id)) for group in groups]


def _object(
    group: ErrorGroup, timeline: Timeline, example: str | None
) -> dict[str, Any]:
    frame = group.frame
    return {
        "id": group.id,
        "type": group.type,
        "message": group.message,
        "count": group.count,
        "first": group.first,
        "last": group.last,
        "hosts": sorted(group.hosts, key=lambda host: (-group.hosts[host], host)),
        "file": None if frame is None else frame.file,
        "line": None if frame is None else frame.line,
        "function": None if frame is None else frame.function,
        "history": {
            "start": timeline.start,
            "seconds": timeline.seconds,
            "counts": group.history,
        },
        "example_id": group.last_id,
        "example": example,
    }


def _cut(text: str, most_chars: int | None) -> str:
    if most_chars is None or len(text) <= most_chars:
        return text
    half = most_chars // 2
    gone = len(text) - 2 * half
    return f"{text[:half]}\n[... {gone:,} characters ...]\n{text[-half:]}"
