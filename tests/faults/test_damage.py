"""A damaged database: it is set aside, a new one is used, what is left can be read."""

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from faults.stream import Stream, disorder, numbers, so_far
from integration.daemon import Daemon, until
from integration.wire import numbered_frames, stock_frame

pytestmark = pytest.mark.fault

Figure = Callable[[str, float, str], None]

PAGE_BYTES = 4096
RECORDS = 20_000

# From the damage to the first record in a new file.
REPLACED_SECONDS = 5.0


@pytest.fixture
def filled(start_daemon: Any) -> Path:
    """A database of twenty thousand records, written by a daemon that has ended."""
    daemon = start_daemon()
    with daemon.connect() as client:
        client.sendall(b"".join(numbered_frames("old.0", RECORDS)))
    until(lambda: daemon.count() == RECORDS, "all records")
    daemon.stop()
    database: Path = daemon.database
    return database


def overwrite(path: Path, start: int, content: bytes) -> None:
    """Change bytes of a file behind everybody's back."""
    with path.open("r+b") as file:
        file.seek(start)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def leaves(path: Path, table: str) -> list[int]:
    """Return the numbers of the pages that hold rows of a table or an index."""
    with closing(sqlite3.connect(path)) as reader:
        try:
            rows = reader.execute(
                "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' "
                "ORDER BY path",
                [table],
            ).fetchall()
        except sqlite3.OperationalError as error:
            pytest.skip(f"this SQLite can't tell what its pages hold: {error}")
    return [number for (number,) in rows]


def overwrite_pages(path: Path, pages: list[int]) -> None:
    for number in pages:
        overwrite(path, (number - 1) * PAGE_BYTES, os.urandom(PAGE_BYTES))


def damage_middle(path: Path) -> None:
    """Destroy rows of the middle, and what every new call site is looked up in."""
    rows = leaves(path, "records")
    overwrite_pages(path, rows[len(rows) // 2 : len(rows) // 2 + 20])
    overwrite_pages(path, leaves(path, "sqlite_autoindex_call_sites_1"))


def damaged_files(database: Path) -> list[Path]:
    """Return the files that were set aside, without those that belong to them."""
    found = database.parent.glob(f"{database.name}.damaged-*")
    return sorted(
        path for path in found if not path.name.endswith(("-wal", "-shm", "-journal"))
    )


def wait_set_aside(database: Path) -> Path:
    until(lambda: damaged_files(database), f"a damaged file beside {database}")
    (damaged,) = damaged_files(database)
    return damaged


def said_of_damage(daemon: Daemon) -> list[str]:
    return [line for line in daemon.stderr.splitlines() if "is damaged" in line]


def said_once(daemon: Daemon, damaged: Path) -> None:
    lines = said_of_damage(daemon)
    assert len(lines) == 1, lines
    assert damaged.name in lines[0]
    assert "Traceback" not in daemon.stderr


def readable(path: Path, where: str) -> int:
    with closing(sqlite3.connect(path)) as reader:
        (count,) = reader.execute(
            f"SELECT count(message) FROM records WHERE {where}"
        ).fetchone()
    return int(count)


@pytest.mark.parametrize("zeros", [100, PAGE_BYTES])
def test_a_zeroed_header_before_a_start(
    start_daemon: Any, filled: Path, zeros: int, figure: Figure
) -> None:
    """A file without its header is kept under another name; a new one is used."""
    overwrite(filled, 0, bytes(zeros))
    content = filled.read_bytes()

    began = time.monotonic()
    daemon = start_daemon(database=filled)
    daemon.send(stock_frame("new"))
    rows = daemon.wait_rows(1)
    took = time.monotonic() - began
    figure(f"start with {zeros} zeroed bytes to first record stored", took, "s")

    assert [row["message"] for row in rows] == ["new"]
    damaged = wait_set_aside(filled)
    assert damaged.read_bytes() == content
    said_once(daemon, damaged)
    assert took < REPLACED_SECONDS
    daemon.stop()

    again = start_daemon(database=filled)
    again.send(stock_frame("newer"))
    assert len(again.wait_rows(2)) == 2
    assert said_of_damage(again) == []
    assert damaged_files(filled) == [damaged]


def test_damaged_pages_before_a_start(start_daemon: Any, filled: Path) -> None:
    """Pages that the writer meets are found within seconds; the rest stays readable."""
    damage_middle(filled)

    daemon = start_daemon(database=filled)
    frames = [stock_frame(str(n), name=f"stream.{n}") for n in range(100)]
    daemon.send(*frames)
    damaged = wait_set_aside(filled)
    until(lambda: len(so_far(filled)) == 100, "the records in a new file")
    daemon.send(stock_frame("100", name="stream.0"))
    until(lambda: len(so_far(filled)) == 101, "one more record")
    daemon.stop()

    assert disorder(numbers(filled)) == ""
    said_once(daemon, damaged)
    assert readable(damaged, f"id <= {RECORDS // 3}") == RECORDS // 3
    assert readable(damaged, f"id > {RECORDS - 5_000}") == 5_000


def test_pages_damaged_under_load(
    start_daemon: Any, loop_name: str, filled: Path, figure: Figure
) -> None:
    """Damage met under load costs no record that comes after it, and no exit."""
    daemon = start_daemon("--loop", loop_name, database=filled)
    with Stream(daemon, loggers=50) as stream:
        until(lambda: len(so_far(filled)) > 500, "a stream under way")
        with closing(sqlite3.connect(filled, timeout=10)) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            before = numbers(filled)[-1]
            damage_middle(filled)
            # What another process changes makes the daemon read pages anew.
            other.executescript("CREATE TABLE other (x); DROP TABLE other")
        began = time.monotonic()
        # Call sites that it does not know by heart.
        with Stream(daemon, name="strange", rate=200, loggers=1_000):
            damaged = wait_set_aside(filled)
            until(lambda: so_far(filled), "records in a new file", REPLACED_SECONDS)
            took = time.monotonic() - began
            stream.wait_sent(2_000)
        sent = stream.stop()
    until(lambda: so_far(filled)[-1:] == [sent - 1], "the last record")
    figure("damaged pages to first record in a new file", took, "s")
    daemon.stop()

    new = numbers(filled)
    old = numbers(damaged, where="logs.id > 19000")
    assert disorder(new, start=new[0]) == ""
    assert new[0] <= before + 1 or old[-1] == new[0] - 1
    assert took < REPLACED_SECONDS
    said_once(daemon, damaged)
    assert readable(damaged, f"id <= {RECORDS // 3}") == RECORDS // 3


def test_a_new_file_is_indexed(start_daemon: Any, filled: Path) -> None:
    """A file that takes the place of a damaged one gets its search index."""
    damage_middle(filled)
    daemon = start_daemon(database=filled)
    frames = [stock_frame(str(n), name=f"stream.{n}") for n in range(5_000)]
    daemon.send(*frames)
    wait_set_aside(filled)
    until(lambda: len(so_far(filled)) == 5_000, "the records in a new file")

    until(
        lambda: daemon.rows("SELECT indexed_id FROM search_state")[0][0] > 0,
        "an index of the new file",
    )
    daemon.stop()


@pytest.mark.parametrize("zeros", [100, PAGE_BYTES])
def test_a_header_zeroed_under_load(
    start_daemon: Any, loop_name: str, filled: Path, zeros: int, figure: Figure
) -> None:
    """Within seconds new records can be read again, from the old file or a new one."""
    daemon = start_daemon("--loop", loop_name, database=filled)

    def newest() -> int:
        try:
            found = daemon.rows(
                "SELECT message FROM logs WHERE name = 'stream.0' "
                "ORDER BY id DESC LIMIT 1"
            )
        except sqlite3.DatabaseError:
            return -1
        return int(found[0]["message"]) if found else -1

    with Stream(daemon) as stream:
        until(lambda: newest() > 500, "a stream under way")
        overwrite(filled, 0, bytes(zeros))
        at_damage, began = stream.sent, time.monotonic()
        until(lambda: newest() > at_damage, "new records", 3 * REPLACED_SECONDS)
        took = time.monotonic() - began
        stream.wait_sent(2_000)
        sent = stream.stop()
    figure(f"{zeros} zeroed bytes under load to readable records", took, "s")
    until(lambda: newest() == sent - 1, "the last record")
    daemon.stop()

    assert took < REPLACED_SECONDS
    # Header or not, what was committed before is there: here or in the other.
    new = numbers(filled)
    assert disorder(new, start=new[0]) == ""
    if new[0]:
        damaged = wait_set_aside(filled)
        assert damaged.stat().st_size >= RECORDS * 50
        assert len(said_of_damage(daemon)) == 1
    else:
        assert len(numbers(filled, "old")) == RECORDS


def test_an_idle_header(start_daemon: Any, filled: Path, figure: Figure) -> None:
    """A header that is lost while nothing comes costs no record that comes later."""
    daemon = start_daemon(database=filled)
    overwrite(filled, 0, bytes(PAGE_BYTES))
    daemon.send(*numbered_frames("stream.0", 100))

    began = time.monotonic()
    until(lambda: len(so_far(filled)) == 100, "new records", 3 * REPLACED_SECONDS)
    figure(
        "zeroed header of an idle file to readable records",
        time.monotonic() - began,
        "s",
    )
    daemon.stop()
    again = start_daemon(database=filled)
    again.send(stock_frame("100", name="stream.0"))
    until(lambda: len(so_far(filled)) == 101, "a record after a restart")


def test_killed_and_then_damaged(start_daemon: Any, filled: Path) -> None:
    """What stands in the write-ahead log alone is kept with a damaged file."""
    daemon = start_daemon(database=filled)
    daemon.send(*numbered_frames("later.0", 100))
    until(lambda: len(so_far(filled, "later")) == 100, "later records")
    daemon.kill()
    assert filled.with_name(filled.name + "-wal").stat().st_size > 0
    first_page = filled.read_bytes()[:PAGE_BYTES]
    overwrite(filled, 0, bytes(PAGE_BYTES))

    again = start_daemon(database=filled)
    again.send(stock_frame("0", name="new.0"))
    until(lambda: so_far(filled, "new") == [0], "a new record")
    again.stop()

    # The log may have had that page: then nothing was amiss.
    kept = damaged_files(filled)
    if kept:
        overwrite(kept[0], 0, first_page)
    found = numbers((kept or [filled])[0], "later")
    assert disorder(found) == ""
    assert len(found) == 100
    assert len(numbers((kept or [filled])[0], "old")) == RECORDS


def test_other_files_are_never_moved(start_daemon: Any, tmp_path: Path) -> None:
    """What is no database of ours stays where it is, damaged or not: status 74."""
    foreign = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(foreign)) as database:
        database.execute("CREATE TABLE customers (name)")
        database.executemany("INSERT INTO customers VALUES (?)", [["x" * 500]] * 1_000)
        database.commit()
    damaged_foreign = tmp_path / "broken.sqlite"
    damaged_foreign.write_bytes(foreign.read_bytes())
    overwrite(damaged_foreign, 3 * PAGE_BYTES, os.urandom(20 * PAGE_BYTES))
    headless_foreign = tmp_path / "headless.sqlite"
    headless_foreign.write_bytes(foreign.read_bytes())
    overwrite(headless_foreign, 0, bytes(100))
    text = tmp_path / "notes.txt"
    text.write_text("Buy milk.\n" * 1_000)
    # An image of a disc begins with 32 KiB of zeros.
    image = tmp_path / "disc.iso"
    image.write_bytes(bytes(32_768) + b"\x01CD001\x01" + os.urandom(100_000))
    noise = tmp_path / "noise"
    noise.write_bytes(os.urandom(100_000))

    for path in (foreign, damaged_foreign, headless_foreign, text, image, noise):
        content, names = path.read_bytes(), sorted(os.listdir(tmp_path))
        daemon = start_daemon(database=path, wait=False)
        assert daemon.wait_end() == 74, (path, daemon.stderr)
        (line,) = daemon.stderr.splitlines()
        assert str(path) in line
        assert path.read_bytes() == content
        ours = [n for n in os.listdir(tmp_path) if not n.startswith("stdout-")]
        assert sorted(ours) == [n for n in names if not n.startswith("stdout-")], path
