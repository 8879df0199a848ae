"""The spool of a real daemon: left behind, shared, switched off."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from integration.wire import numbered_frames, stock_frame


@pytest.fixture
def left_behind(start_daemon: Any) -> Path:
    """A database whose spool holds 300 records that a stop could not store."""
    daemon = start_daemon()
    with daemon.locked():
        daemon.send(stock_frame("first"))
        daemon.wait_said("go to the spool")
        daemon.send(*numbered_frames("app", 299))
        daemon.stop()
    assert "300 records wait in the spool for the next start" in daemon.stderr
    assert daemon.count() == 0
    return daemon.database


def messages(daemon: Any) -> list[str]:
    return [row["message"] for row in daemon.rows()]


def test_what_a_stop_left_is_stored_first(
    left_behind: Path, start_daemon: Any, loop_name: str
) -> None:
    """The next start stores what waited, then what comes, and removes the spool."""
    daemon = start_daemon("--loop", loop_name)
    daemon.send(stock_frame("new"))
    daemon.wait_rows(301)
    daemon.stop()

    assert messages(daemon) == ["first", *map(str, range(299)), "new"]
    assert not Path(f"{left_behind}-spool").exists()


def test_a_spool_that_is_switched_off_is_told_of(
    left_behind: Path, start_daemon: Any
) -> None:
    """Records that wait in a spool which is not wanted any more stay, and are told."""
    daemon = start_daemon("--spool-max-bytes", "0")
    daemon.send(stock_frame("new"))
    daemon.wait_rows(1)
    daemon.stop()
    assert "records of an earlier run stay there" in daemon.stderr

    daemon = start_daemon()
    daemon.wait_rows(301)
    assert messages(daemon) == ["new", "first", *map(str, range(299))]


def test_a_second_daemon_is_refused(start_daemon: Any) -> None:
    """Two daemons on one database are a mistake that is told, without a traceback."""
    first = start_daemon()
    second = start_daemon(wait=False)
    assert second.process.wait(30) == 74
    first.send(stock_frame("one"))
    first.wait_rows(1)

    second.wait_said("another logcollector writes to it")
    assert "Traceback" not in second.stderr


def test_a_database_that_is_locked_altogether(start_daemon: Any) -> None:
    """A daemon serves while its database can't be opened, and opens it later."""
    daemon = start_daemon()
    daemon.stop()
    with closing(sqlite3.connect(daemon.database, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        daemon = start_daemon()
        daemon.send(*numbered_frames("app", 300))
        assert "cannot write: database is locked" in daemon.stderr
        other.execute("ROLLBACK")
    rows = daemon.wait_rows(300)
    daemon.wait_said("writing again")
    daemon.stop()

    assert [row["message"] for row in rows] == [str(n) for n in range(300)]
