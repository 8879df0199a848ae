"""The spool's folder: whose it is, and what is found in it."""

from unittest import mock

import pytest
from store.rights import without_rights
from store.spools import frames_of, left_behind, opened, segments, texts_in

from collector.errors import StoreError
from collector.store.segment_numbers import COUNT_BITS
from collector.store.spool import (
    Position,
    Spool,
)

MEGABYTE = 1024 * 1024


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
