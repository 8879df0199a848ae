"""The spool's folder: whose it is, what is found in it, what the disk refuses."""

import errno
import logging
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest
from store.rights import without_rights

from collector.errors import StoreError
from collector.store.segments import START_BYTES, encoded, segment_start
from collector.store.spool import (
    COUNT_BITS,
    MAX_FAILED_READS,
    RESERVE_NAME,
    START,
    Position,
    Spool,
)

MEGABYTE = 1024 * 1024


def frames_of(*texts: str) -> list[bytes]:
    return [encoded(text.encode(), 1.0, "peer", "host") for text in texts]


def texts_in(spool: Spool) -> list[str]:
    """Read all there is."""
    texts = []
    while not spool.is_read:
        texts += [frame.payload.decode() for frame, _ in spool.read()]
    return texts


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.frames"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@contextmanager
def opened(folder: Path, **bounds: int) -> Iterator[Spool]:
    """A spool that has been opened, and is closed in the end."""
    values = {"max_bytes": 1 << 30, "reserve_bytes": 0, **bounds}
    spool = Spool(folder, **values)
    spool.open()
    try:
        yield spool
    finally:
        spool.close()


def left_behind(folder: Path, *texts: str) -> Path:
    """Leave frames in a folder, as a run does that is over; return the segment."""
    with opened(folder) as spool:
        spool.append(frames_of(*texts))
    return segments(folder)[-1]


def test_an_empty_spool_leaves_nothing(folder):
    """The folder is made for us alone, and is gone when it holds nothing."""
    with opened(folder, reserve_bytes=4096) as spool:
        spool.keep_reserve()
        assert folder.stat().st_mode & 0o777 == 0o700
        spool.append(frames_of("a"))
        [segment] = segments(folder)
        assert segment.stat().st_mode & 0o777 == 0o600
        [(_, position)] = spool.read()
        spool.forget(position)
        assert not spool.has_segments
    assert not folder.exists()


def test_two_daemons_do_not_share_a_spool(folder):
    """A spool in use is refused, with what to do; once it is closed it is free."""
    with opened(folder), pytest.raises(StoreError, match="another logcollector"):
        Spool(folder, max_bytes=1, reserve_bytes=0).open()
    with opened(folder):
        pass


def test_a_folder_that_is_removed_while_it_is_taken(folder):
    """Whoever takes a folder that its owner removes in that moment makes another."""
    import fcntl

    real = fcntl.flock

    def removed_before(file: int, how: int) -> None:
        if folder.exists() and not list(folder.parent.glob("marker")):
            (folder.parent / "marker").touch()
            folder.rmdir()
        real(file, how)

    with mock.patch.object(fcntl, "flock", removed_before), opened(folder) as spool:
        spool.append(frames_of("a"))
        assert len(segments(folder)) == 1


def test_a_link_is_not_followed(folder, tmp_path):
    """A spool that is a link, or whose segments are, is not written or read there."""
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="symbolic link"), opened(folder):
        pass
    folder.unlink()
    segment = left_behind(folder, "a")
    secret = tmp_path / "secret"
    secret.write_bytes(segment.read_bytes())
    segment.unlink()
    segment.symlink_to(secret)
    with opened(folder) as spool:
        assert not spool.has_segments
    assert secret.exists()


@pytest.mark.parametrize("kind", ["file", "missing", "forbidden"])
def test_a_folder_that_can_not_be_ours(public, kind):
    """What can't be the spool's folder is refused with its reason and a hint."""
    parent = public / "parent"
    parent.mkdir()
    folder = parent / "spool"
    if kind == "file":
        folder.touch()
    elif kind == "missing":
        folder = parent / "no" / "spool"
    with (
        without_rights(parent) if kind == "forbidden" else opened(public / "other"),
        pytest.raises(StoreError, match=r"cannot be the spool: .*--spool"),
    ):
        Spool(folder, max_bytes=1, reserve_bytes=0).open()


def test_other_files_are_left_alone(folder):
    """What is no segment by its name is neither read nor removed."""
    left_behind(folder, "a")
    for name in ("notes.txt", "1.frames", "x" * 19 + ".frames"):
        (folder / name).write_text("mine")
    with opened(folder) as spool:
        assert texts_in(spool) == ["a"]
        spool.forget(Position(spool.last_number, MEGABYTE))
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["notes.txt", "1.frames", "x" * 19 + ".frames"]
    )


def test_a_position_of_another_spool_says_nothing(folder):
    """A database that knows a later segment, of another spool, removes nothing."""
    segment = left_behind(folder, "a", "b")
    number = int(segment.name.split(".")[0])
    other = Position(((number >> COUNT_BITS) + 1) << COUNT_BITS, 100)
    with opened(folder) as spool:
        spool.skip_to(other, 0)
        spool.forget(other)
        assert texts_in(spool) == ["a", "b"]
        spool.forget(other)
        assert segments(folder) == [segment]
        spool.append(frames_of("c"))
        assert texts_in(spool) == ["c"]


def test_frames_that_came_before_the_position_is_known_stay(folder):
    """What is appended while the database can't be asked is not taken for stored."""
    with opened(folder) as spool:
        spool.append(frames_of("stored"))
        [(_, position)] = spool.read()
        spool.forget(position)
    with opened(folder) as spool:
        spool.append(frames_of("new"))
        spool.skip_to(position, 0)
        spool.forget(position)
        assert texts_in(spool) == ["new"]


def test_every_spool_has_a_lineage_of_its_own(folder):
    """Segments of spools made one after the other are not taken for each other."""
    lineages = set()
    for _ in range(5):
        segment = left_behind(folder, "a")
        lineages.add(int(segment.name.split(".")[0]) >> COUNT_BITS)
        segment.unlink()
        folder.rmdir()

    assert len(lineages) > 1


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


def test_a_folder_that_is_removed_is_made_again(folder):
    """Whoever removes the folder of a spool at rest loses nothing by it."""
    with opened(folder) as spool:
        spool.append(frames_of("stored"))
        [(_, position)] = spool.read()
        spool.forget(position)
        folder.rmdir()
        with pytest.raises(FileNotFoundError):
            spool.append(frames_of("a"))
        assert not spool.is_open
        spool.open()
        spool.append(frames_of("a"))
        assert texts_in(spool) == ["a"]
