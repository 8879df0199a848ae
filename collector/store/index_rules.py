"""Whether the search index holds what it says it holds, by samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from collector.errors import ReadError
from collector.query.tree import Text
from collector.query.trigrams import trigrams
from collector.store.finding import REINDEX, Finding
from collector.store.reader import Reader
from collector.store.search import Progress

# Records that are looked up in the index.
SAMPLES: Final = 500

# Of their texts; one that is indexed at all is indexed whole.
SAMPLE_CHARS: Final = 200


def index(reader: Reader, _: Progress) -> Iterator[Finding]:
    """Find records that ought to be in the index, and are not."""
    indexed = reader.indexed_id()
    first = reader.value("SELECT min(id) FROM records")
    if not indexed or first is None or first > indexed:
        return
    try:
        sampled = _sampled_ids(reader, first, indexed)
        missing = [each for each in sampled if _is_missing(reader, each)]
    except ReadError as error:
        yield Finding("search", str(error), REINDEX)
        return
    if missing:
        yield Finding(
            "search",
            f"{len(missing)} of {len(sampled)} records that were looked up are not "
            f"there, the first of them {missing[0]}: searches for text miss them",
            REINDEX,
        )


def _sampled_ids(reader: Reader, first: int, last: int) -> list[int]:
    """Return ids of records, spread evenly, the first and the last among them."""
    places = {first + (last - first) * n // (SAMPLES - 1) for n in range(SAMPLES)}
    found = [
        reader.value("SELECT max(id) FROM records WHERE id <= ?", (place,))
        for place in sorted(places)
    ]
    return sorted({record_id for record_id in found if record_id is not None})


def _is_missing(reader: Reader, record_id: int) -> bool:
    """Tell whether a record is there, said to be indexed, and not in the index."""
    with reader.snapshot():
        if reader.indexed_id() < record_id:
            # It is just being made anew.
            return False
        rows = reader.rows(
            "SELECT substr(message, 1, ?) FROM records WHERE id = ?",
            (SAMPLE_CHARS, record_id),
        )
        pieces = trigrams(Text(rows[0][0])) if rows else None
        if pieces is None:
            return False
        found = reader.rows(
            "SELECT 1 FROM search WHERE search MATCH ? AND rowid = ?",
            (pieces, record_id),
        )
        return not found
