"""The SQLite that this program runs with: what it lacks, what is wrong with it."""

from __future__ import annotations

from typing import Final

from collector.doctor.finding import Finding, ok, warning

Version = tuple[int, int, int]

STEP = "SQLite"

# What writes to a database beside the collector.
WRITING_COMMANDS: Final = (
    "import",
    "db prune",
    "db reindex",
    "db vacuum",
    "rejects retry",
    "rejects clear",
)


def has_reset_bug(version: Version) -> bool:
    """Tell whether a version can lose pages when a write-ahead log is reset.

    From 3.7.0 on, until 3.51.3; repaired as well in 3.44.6 and 3.50.7. See
    https://www.sqlite.org/wal.html#walresetbug
    """
    if version < (3, 7, 0) or version >= (3, 51, 3):
        return False
    repaired = {(3, 44): 6, (3, 50): 7}.get(version[:2])
    return repaired is None or version[2] < repaired


def judge_library(version: Version, *, has_trigrams: bool) -> Finding:
    """Return what is to be said of a version of SQLite."""
    number = ".".join(map(str, version))
    seen, advice = [], []
    if not has_trigrams:
        seen.append("it can't have a search index (FTS5's trigrams, from 3.34 on)")
        advice.append("searches scan all records; search_index = false says so")
    if has_reset_bug(version):
        seen.append(
            "it has the WAL-reset bug: two connections that write or checkpoint in "
            "the same moment may, very rarely, damage the database"
        )
        advice.append(
            "the collector alone is one connection, and readers don't count; write "
            "with nothing else while it runs, and stop it for the commands "
            f"{', '.join(WRITING_COMMANDS)}"
        )
        advice.append(
            "SQLite 3.51.3 or newer (or 3.50.7, 3.44.6) has it repaired; a "
            "distribution may have repaired it under an older number"
        )
    if not seen:
        return ok(STEP, number)
    return warning(STEP, f"{number}: {'; '.join(seen)}", *advice)
