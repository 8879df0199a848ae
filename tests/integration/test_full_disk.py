"""A full disk: records wait until there is space, and the daemon lives on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from integration.disk import fill, small_disk
from integration.wire import stock_frame


@pytest.fixture(name="small_disk")
def _small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB of its own."""
    with small_disk(tmp_path / "disk", 8) as folder:
        yield folder


def test_records_wait_for_space(
    start_daemon: Any, loop_name: str, small_disk: Path
) -> None:
    """What does not fit is written once there is space, each record once, in order."""
    daemon = start_daemon("--loop", loop_name, database=small_disk / "logs.sqlite")
    daemon.send(stock_frame("before"))
    daemon.wait_rows(1)
    filler = fill(small_disk, 256 * 1024)
    for n in range(100):
        daemon.send(stock_frame(f"{n} " + "x" * 10_000))
    daemon.wait_said("cannot write")
    # Intake goes on meanwhile.
    daemon.send(stock_frame("after"))
    assert daemon.count() < 102

    filler.unlink()
    rows = daemon.wait_rows(102)
    daemon.wait_said("writing again")
    daemon.stop()

    numbers = [row["message"].split()[0] for row in rows]
    assert numbers == ["before", *map(str, range(100)), "after"]
    assert "full" in daemon.stderr
    assert daemon.stderr.count("cannot write") == 1


def test_a_stop_with_a_full_disk(start_daemon: Any, small_disk: Path) -> None:
    """A stop does not wait for space for ever; what is lost is said, status 74."""
    daemon = start_daemon(
        *("--stop-timeout-seconds", "0.5", "--spool-reserve-bytes", "0"),
        database=small_disk / "logs.sqlite",
    )
    fill(small_disk, 128 * 1024)
    for n in range(100):
        daemon.send(stock_frame(f"{n} " + "x" * 10_000))
    daemon.wait_said("cannot write")

    daemon.stop(status=74)

    assert "100 records could not be kept" in daemon.stderr
