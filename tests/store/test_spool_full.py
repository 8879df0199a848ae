"""A spool and its file system: the reserve, no space left, bounds."""

import errno
import logging
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from store.spools import frames_of, opened, segments, texts_in

from collector.store.spool import (
    RESERVE_NAME,
    Position,
    Spool,
)

MEGABYTE = 1024 * 1024


def test_what_can_not_be_cut_back_is_not_appended_to(folder, monkeypatch):
    """After a half-written frame that stays, frames go to a segment of their own."""
    real = os.write

    def half(file: int, data: memoryview) -> int:
        if len(data) < 30:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, data[:25])

    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with opened(folder) as spool:
        spool.append(frames_of("a"))
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", half)
            patch.setattr(os, "ftruncate", refuse)
            with pytest.raises(OSError, match="No space left"):
                spool.append(frames_of("lost"))
        spool.append(frames_of("b"))
        assert texts_in(spool) == ["a", "b"]
        assert len(segments(folder)) == 2


def test_the_reserve_is_space_that_is_taken(folder, caplog):
    """A reserve holds its bytes, is not taken twice, and is given back once."""
    with opened(folder, reserve_bytes=MEGABYTE) as spool:
        spool.keep_reserve()
        spool.keep_reserve()
        assert (folder / RESERVE_NAME).stat().st_blocks * 512 >= MEGABYTE
        assert spool.release_reserve()
        assert not spool.release_reserve()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with four megabytes."""
    if os.getuid() != 0:
        pytest.skip("only root can mount")
    where = tmp_path / "disk"
    where.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(where)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    yield where
    subprocess.run(["umount", str(where)], check=True)


def is_refused(spool: Spool, text: str) -> bool:
    """Append a frame; tell whether the disk is full."""
    try:
        spool.append(frames_of(text))
    except OSError as error:
        return error.errno == errno.ENOSPC
    return False


def test_a_full_disk(small_disk, caplog):
    """On a full disk the reserve is used, then nothing is half written or lost."""
    caplog.set_level(logging.WARNING)
    kept: list[str] = []
    with opened(small_disk / "spool", reserve_bytes=2 * MEGABYTE) as spool:
        spool.keep_reserve()
        text = "x" * 100_000
        while not is_refused(spool, text):
            kept.append(text)
        assert caplog.text.count("its reserve is released") == 1
        assert len(kept) * 100_000 > 3 * MEGABYTE
        with pytest.raises(OSError, match="No space"):
            spool.keep_reserve()
        assert not (small_disk / "spool" / RESERVE_NAME).exists()
        assert texts_in(spool) == kept
        spool.forget(Position(spool.last_number, 1 << 40))
        spool.append(frames_of("again"))
        assert texts_in(spool) == ["again"]
        spool.forget(Position(spool.last_number, 1 << 40))


def test_a_stop_on_a_full_disk(small_disk):
    """Where what is put first does not fit, all that was there before is there."""
    folder = small_disk / "spool"
    with opened(folder) as spool:
        spool.append(frames_of("a", "b"))
        [(_, first), _] = spool.read()
        with pytest.raises(OSError, match="No space left"):
            spool.put_first([], 0, frames_of("x" * 5 * MEGABYTE))
    with opened(folder) as spool:
        spool.skip_to(first, 0)
        assert texts_in(spool) == ["b"]
        assert len(list(folder.iterdir())) == 1


def test_a_small_bound_has_small_segments(folder):
    """Room comes back by an eighth of the bound, as segments go one by one."""
    with opened(folder, max_bytes=8000) as spool:
        for number in range(80):
            spool.append(frames_of(f"{number:050}"))
        assert len(segments(folder)) >= 6
        before = spool.size_bytes
        assert before == sum(path.stat().st_size for path in segments(folder))
        spool.read()
        read = spool.read()
        spool.forget(read[0][1])
        assert before // 8 <= before - spool.size_bytes <= before // 4
