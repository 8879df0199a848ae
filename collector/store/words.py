"""Words: what a record says, in short."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final, NamedTuple

from collector.store.reader import Reader

# Characters of a message that are told.
MOST_CHARS: Final = 500


class Words(NamedTuple):
    """A record's level, logger and message, which may have been cut."""

    level: str
    levelno: int
    logger: str
    message: str


def words(reader: Reader, ids: Iterable[int]) -> dict[int, Words]:
    """Return what some records say, of those there are."""
    rows = reader.rows(
        "SELECT id, coalesce(CAST(level AS TEXT), ''), "
        "coalesce(CAST(levelno AS INTEGER), 0), coalesce(CAST(name AS TEXT), ''), "
        "coalesce(CAST(substr(message, 1, ?) AS TEXT), '') FROM logs "
        "WHERE id IN (SELECT value FROM json_each(?))",
        (MOST_CHARS, json.dumps(list(ids))),
    )
    return {record_id: Words(*said) for record_id, *said in rows}
