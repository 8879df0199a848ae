"""Databases to move records between, and what is in them."""

import random
import sqlite3
from contextlib import closing

from collector.store.rows import CALL_SITE_COLUMNS, ORIGIN_COLUMNS, RECORD_COLUMNS
from collector.store.schema import APPLICATION_ID, MIGRATIONS, migration_script

_OWN = [name for name in RECORD_COLUMNS if not name.endswith("_id")]
WHOLE = (
    f"SELECT {','.join(f'r.{name}' for name in _OWN)}, "
    f"{','.join(f'c.{name}' for name in CALL_SITE_COLUMNS)}, "
    f"{','.join(f'o.{name}' for name in ORIGIN_COLUMNS)} "
    "FROM records AS r LEFT JOIN call_sites AS c ON c.id = call_site_id "
    "LEFT JOIN origins AS o ON o.id = origin_id ORDER BY r.id"
)


def rows(path, sql, *values):
    """Return what a statement finds."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql, values).fetchall()


def whole(path):
    """Return all that is stored of each record but its id, in order."""
    return rows(path, WHOLE)


def various(count, seed=1):
    """Return what changes from record to record, all kinds of it."""
    rng = random.Random(seed)
    return [
        {
            "message": f"message {n} "
            + rng.choice(["", "ünï \u202e", "a\nb", "\x1b[31m"]),
            "created": 1_700_000_000 + n * 0.7 + rng.random(),
            "received": 1_700_000_001 + n * 0.7 + rng.random(),
            "name": rng.choice(["app", "app.db", "root"]),
            "levelno": (level := rng.choice([10, 20, 40])),
            "levelname": {10: "DEBUG", 20: "INFO", 40: "ERROR"}[level],
            "process": rng.choice([0, 17, 18]),
            "started": rng.choice([0.0, 1_699_999_000.25]),
            "thread": rng.choice([0, 2**62]),
            "taskName": rng.choice([None, "Task-1"]),
            "exc_text": rng.choice([None, "Traceback\n  E: x"]),
            "stack_info": rng.choice([None, None, "Stack"]),
            "extra": rng.choice(
                [None, None, '{"user":{"id":42},"tags":["a","\u202eb"],"x":1.5e300}']
            ),
            "peer": rng.choice(["10.0.0.1", "unix"]),
        }
        for n in range(count)
    ]


def older(path, version):
    """Make an empty database of an older schema."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        for migration in MIGRATIONS[:version]:
            connection.executescript(
                migration_script(migration, sqlite3.sqlite_version_info)
            )


def copy_tables(source, target):
    """Copy records with what is interned into a database of any schema."""
    with closing(sqlite3.connect(target)) as connection:
        connection.execute("ATTACH ? AS source", (str(source),))
        for table in ("call_sites", "origins", "records"):
            connection.execute(f"INSERT INTO {table} SELECT * FROM source.{table}")
        connection.commit()


def root_page(path, name):
    """Return the number of the first page of a table or an index."""
    [(page,)] = rows(path, "SELECT rootpage FROM sqlite_master WHERE name = ?", name)
    return page


def pages_of(path, name):
    """Return the numbers of a table's pages that hold rows, in the order of keys.

    From the b-tree itself: https://www.sqlite.org/fileformat.html
    """
    data = path.read_bytes()
    size = int.from_bytes(data[16:18], "big")

    def leaves(number):
        start = (number - 1) * size
        header = start + (100 if number == 1 else 0)
        kind, cells = data[header], int.from_bytes(data[header + 3 : header + 5], "big")
        if kind in (0x0D, 0x0A):
            return [number]
        assert kind == 0x05
        found = []
        for cell in range(cells):
            at = header + 12 + 2 * cell
            place = start + int.from_bytes(data[at : at + 2], "big")
            found += leaves(int.from_bytes(data[place : place + 4], "big"))
        return found + leaves(int.from_bytes(data[header + 8 : header + 12], "big"))

    return leaves(root_page(path, name))


def spoil(path, *pages):
    """Overwrite pages with what is none."""
    size = int.from_bytes(path.read_bytes()[16:18], "big")
    with path.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * size)
            file.write(b"\xff" * size)
