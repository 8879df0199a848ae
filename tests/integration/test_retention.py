"""A daemon removes what has had its time."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from integration.daemon import until
from integration.disk import fill, small_disk
from integration.test_reloading import Reloadable
from integration.wire import stock_frame
from store.stored import new_stored

from collector.record import Record

DAY = 86_400.0


@pytest.fixture
def old(tmp_path: Path, make_record: Callable[..., Record]) -> Path:
    """A database with a record of each of the last hundred days."""
    path = tmp_path / "logs.sqlite"
    now = time.time() - 60
    with new_stored(path) as one:
        one.add(
            *[
                make_record(f"{n} days", created=now - n * DAY, received=now - n * DAY)
                for n in range(99, -1, -1)
            ]
        )
    return path


def test_what_is_too_old_goes_at_the_start(start_daemon: Any, old: Path) -> None:
    """The daemon removes it beside its other work, and tells how much."""
    daemon = start_daemon(
        *("--retention-max-age", "90d", "--retention-info", "30d"), database=old
    )
    daemon.send(stock_frame("new"))
    until(lambda: daemon.count() == 31, "the rest to go")
    messages = [row["message"] for row in daemon.rows()]
    daemon.stop()

    assert messages == [f"{n} days" for n in range(29, -1, -1)] + ["new"]


def test_retention_is_reloaded(start_daemon: Any, tmp_path: Path, old: Path) -> None:
    """What the settings say after SIGHUP holds at once."""
    reloadable = Reloadable(start_daemon, tmp_path, database=old)
    assert reloadable.daemon.count() == 100
    reloadable.reload('[retention]\nmax_age = "10d"')
    until(lambda: reloadable.daemon.count() == 10, "the rest to go")
    reloadable.daemon.stop()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MiB of its own."""
    with small_disk(tmp_path / "disk", 64) as folder:
        yield folder


def test_retention_works_on_a_full_disk(
    start_daemon: Any, tmp_path: Path, disk: Path
) -> None:
    """The reserve makes room to remove records, and then records have room again."""
    reloadable = Reloadable(
        start_daemon, tmp_path, database=disk / "logs.sqlite", emit="none"
    )
    daemon = reloadable.daemon
    reloadable.reload('[retention]\nmax_size = "1GB"')
    reserve = disk / "logs.sqlite-reserve"
    until(reserve.exists, "the reserve")
    daemon.send(*(stock_frame(f"{n} " + "x" * 10_000) for n in range(1500)))
    daemon.wait_rows(1500)
    fill(disk, 64 * 1024)
    daemon.send(*(stock_frame(f"{n} " + "x" * 10_000) for n in range(1500, 2000)))
    daemon.wait_said("cannot write")

    reloadable.reload('[retention]\nmax_size = "12MB"')
    daemon.wait_said("the reserve of retention is released")
    daemon.wait_said("writing again")
    until(lambda: "1999 " in daemon.rows()[-1]["message"][:5], "the last record")
    numbers = [int(row["message"].split()[0]) for row in daemon.rows()]
    daemon.stop()

    # The oldest are gone, and none of those that waited.
    assert numbers == list(range(numbers[0], 2000))
    assert 200 < numbers[0] < 1500
