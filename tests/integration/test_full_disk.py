"""A full disk: records wait until there is space, and the daemon lives on."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from integration.wire import stock_frame


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB of its own."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True, timeout=10)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no tmpfs can be mounted here: {error}")
    try:
        yield folder
    finally:
        # Lazily: a daemon may still hold files there until it is ended.
        subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=10)


def fill(folder: Path, free_bytes: int) -> Path:
    """Make a file that leaves `free_bytes`."""
    filler = folder / "filler"
    space = os.statvfs(folder)
    os.posix_fallocate(
        (descriptor := os.open(filler, os.O_CREAT | os.O_WRONLY)),
        0,
        space.f_bavail * space.f_frsize - free_bytes,
    )
    os.close(descriptor)
    return filler


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
