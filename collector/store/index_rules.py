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
from collector.store.search_index import Part

# Records that are looked up in the index.
SAMPLES: Final = 500
MIN_SAMPLES: Final = 20

# Of their texts; one that is indexed at all is indexed whole.
SAMPLE_CHARS: Final = 200


def index(reader: Reader, _: Progress) -> Iterator[Finding]:
    """Find records that ought to be in a part of the index, and are not."""
    missing: list[int] = []
    looked_up = 0
    try:
        parts = reader.index_parts()
        for part in parts:
            sampled = _sampled_ids(
                reader, part, max(MIN_SAMPLES, SAMPLES // len(parts))
            )
            looked_up += len(sampled)
            missing += [each for each in sampled if _is_missing(reader, each)]
    except ReadError as error:
        yield Finding("search", str(error), REINDEX)
        return
    if missing:
        yield Finding(
            "search",
            f"{len(missing)} of {looked_up} records that were looked up are not "
            f"there, the first of them {missing[0]}: searches for text miss them",
            REINDEX,
        )


def index_parts(reader: Reader, _: Progress) -> Iterator[Finding]:
    """Find parts of the index that overlap, or that may go with records in them."""
    before = 0
    for first_id, last_id, known in reader.rows(
        "SELECT first_id, last_id, records FROM search_parts ORDER BY first_id"
    ):
        name = f"the part for ids {first_id} to {last_id}"
        if first_id <= before or last_id < first_id:
            yield Finding(
                "search_parts", f"{name} overlaps another, or is none", REINDEX
            )
        before = max(before, last_id)
        # In one statement, as both change.
        for (there,) in reader.rows(
            "SELECT there FROM (SELECT count(*) AS there FROM records WHERE id "
            "BETWEEN ? AND min(?, (SELECT max(indexed_id) FROM search_state))) "
            "JOIN search_parts AS p ON p.first_id = ? WHERE there > p.records",
            (first_id, last_id, first_id),
        ):
            yield Finding(
                "search_parts",
                f"{name} counts {known:,} records; there are {there:,}",
                REINDEX,
            )


def _sampled_ids(reader: Reader, part: Part, samples: int) -> list[int]:
    """Return ids of records of a part, spread evenly, the first and the last too."""
    length = part.last_id - part.first_id
    found = [
        reader.value(
            "SELECT max(id) FROM records WHERE id BETWEEN ? AND ?",
            (part.first_id, part.first_id + length * n // (samples - 1)),
        )
        for n in range(samples)
    ]
    return sorted({record_id for record_id in found if record_id is not None})


def _is_missing(reader: Reader, record_id: int) -> bool:
    """Tell whether a record is there, a part for it too, and it is not in that."""
    with reader.snapshot():
        parts = [
            part
            for part in reader.index_parts()
            if part.first_id <= record_id <= part.last_id
        ]
        rows = reader.rows(
            "SELECT substr(message, 1, ?) FROM records WHERE id = ?",
            (SAMPLE_CHARS, record_id),
        )
        pieces = trigrams(Text(rows[0][0])) if rows else None
        if not parts or pieces is None:
            # It has gone, the index is just being made anew, or it is too short.
            return False
        found = reader.rows(
            f"SELECT 1 FROM {parts[0].name} WHERE {parts[0].name} MATCH ? "
            "AND rowid = ?",
            (pieces, record_id),
        )
        return not found
