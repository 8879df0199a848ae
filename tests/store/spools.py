"""Spools in a folder of their own, and what is in them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from collector.store.segments import encoded
from collector.store.spool import (
    Spool,
)


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
