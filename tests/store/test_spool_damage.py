"""What a spool makes of segments that are torn, damaged, gone or unreadable."""

import errno
import os
from pathlib import Path

import pytest
from store.spools import frames_of, left_behind, opened, segments, texts_in

from collector.store.segments import START_BYTES, segment_start
from collector.store.spool import (
    MAX_FAILED_READS,
    START,
    Position,
)

MEGABYTE = 1024 * 1024


@pytest.mark.parametrize("size", [0, 3, START_BYTES, START_BYTES + 10])
def test_a_segment_that_was_hardly_begun(folder, size):
    """What a power cut leaves of a new segment is read as nothing, and goes."""
    segment = left_behind(folder, "a")
    with segment.open("r+b") as file:
        file.truncate(size)
    with opened(folder) as spool:
        spool.skip_to(START, 0)
        assert spool.read() == []
        assert spool.is_read
        spool.forget(START)
        assert not spool.has_segments
        assert spool.torn_bytes_total in (0, size - START_BYTES, size)
    assert not folder.exists()


def test_a_torn_frame_costs_itself(folder, caplog):
    """The frame that was being written when the machine died is lost, and told."""
    segment = left_behind(folder, "a", "b")
    data = segment.read_bytes()
    segment.write_bytes(data[:-3])
    with opened(folder) as spool:
        spool.append(frames_of("c"))
        assert texts_in(spool) == ["a", "c"]
        assert spool.torn_bytes_total == len(frames_of("b")[0]) - 3
    assert "not written whole" in caplog.text


def test_a_position_behind_a_torn_end(folder):
    """Where the disk lost frames that the database has, nothing comes twice."""
    segment = left_behind(folder, "a", "b")
    number = int(segment.name.split(".")[0])
    size = segment.stat().st_size
    os.truncate(segment, START_BYTES + 5)
    with opened(folder) as spool:
        spool.skip_to(Position(number, size), 0)
        spool.forget(Position(number, size))
        assert not spool.has_segments
        spool.append(frames_of("c"))
        assert spool.last_number > number
        assert texts_in(spool) == ["c"]


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("place", "left", "said"),
    [
        (0, [], "is no segment"),
        (START_BYTES + 2, [], "is damaged"),
        (-1, ["a"], "1 damaged frames"),
    ],
)
def test_a_damaged_segment_is_set_aside(folder, caplog, place, left, said):
    """What can be read of it is, then the rest of the spool; the file is kept."""
    first = left_behind(folder, "a", "b")
    left_behind(folder, "c")
    flip(first, place)
    with opened(folder) as spool:
        assert texts_in(spool) == [*left, "c"]
        spool.forget(Position(spool.last_number, MEGABYTE))
        assert not spool.has_segments
    assert said in caplog.text
    assert [path.name for path in folder.iterdir()] == [f"{first.name}.damaged"]


def test_a_segment_that_somebody_took_away(folder, caplog):
    """A segment that is gone costs its own frames; the rest is read and goes."""
    first = left_behind(folder, "a")
    left_behind(folder, "b")
    with opened(folder) as spool:
        first.unlink()
        spool.skip_to(START, 7)
        assert texts_in(spool) == ["b"]
        spool.forget(Position(spool.last_number, MEGABYTE))
        assert not spool.has_segments
    assert "No such file" in caplog.text
    assert spool.damaged_segments_total == 1
    assert not folder.exists()


def test_a_segment_that_becomes_a_link(folder, tmp_path, caplog):
    """A link in place of a segment is not followed, and is set aside."""
    first = left_behind(folder, "a")
    left_behind(folder, "b")
    with opened(folder) as spool:
        first.rename(tmp_path / "moved")
        first.symlink_to(tmp_path / "moved")
        assert texts_in(spool) == ["b"]
        spool.forget(Position(spool.last_number, MEGABYTE))
    assert (tmp_path / "moved").exists()
    assert (folder / f"{first.name}.damaged").is_symlink()


def test_a_bad_disk_is_given_up_in_the_end(folder, monkeypatch):
    """A segment whose disk fails is tried again and again, then left out."""
    left_behind(folder, "a")
    left_behind(folder, "b")
    with opened(folder) as spool:
        [bad, _] = segments(folder)
        inode = bad.stat().st_ino
        real = os.pread

        def pread(file: int, size: int, offset: int) -> bytes:
            if os.fstat(file).st_ino == inode:
                raise OSError(errno.EIO, "Input/output error")
            return real(file, size, offset)

        monkeypatch.setattr(os, "pread", pread)
        for _ in range(MAX_FAILED_READS - 1):
            with pytest.raises(OSError, match="Input/output"):
                spool.read()
        assert texts_in(spool) == ["b"]
        assert spool.damaged_segments_total == 1


def test_a_length_that_is_not_there_takes_no_memory(folder, monkeypatch):
    """A frame that claims gigabytes and has none is torn, before any is read."""
    import struct
    import zlib

    segment = left_behind(folder, "a")
    fields = struct.pack(">IIdHH", (1 << 32) - 1, 0, 1.0, 0, 0)
    header = fields + struct.pack(">I", zlib.crc32(fields))
    segment.write_bytes(segment_start(0, 0) + header)
    asked = []
    real = os.pread
    monkeypatch.setattr(
        os, "pread", lambda file, size, at: asked.append(size) or real(file, size, at)
    )
    with opened(folder) as spool:
        assert spool.read() == []
        assert spool.torn_bytes_total == len(header)
    assert max(asked) < MEGABYTE
