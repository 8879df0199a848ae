"""The overflow: frames that wait in memory for the spool, within bounds."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.intake.overflow import PENDING_BYTES, Overflow
from collector.store.segments import decoded, encoded

SIZE = len(encoded(b"x" * 100, 1.0, "p", "h"))


def put(overflow: Overflow, text: str = "", size: int = 100) -> bool:
    return overflow.put(text.encode().ljust(size, b"x"), 1.0, "p", "h")


def texts(frames: list[bytes]) -> list[str]:
    found = decoded(b"".join(frames)).frames
    return [frame.payload.decode().rstrip("x") for frame, _ in found]


def test_frames_stay_in_order():
    """What can't be appended goes back before what came meanwhile."""
    overflow = Overflow(max_bytes=1 << 30)
    put(overflow, "a")
    put(overflow, "b")
    taken = overflow.take_pending()
    put(overflow, "c")
    overflow.put_back(taken)

    assert texts(overflow.take_pending()) == ["a", "b", "c"]
    assert overflow.spilled_total == 3


def test_what_is_being_appended_counts():
    """Frames hold their room until they are on disk; there the files count."""
    overflow = Overflow(max_bytes=4 * SIZE)
    for _ in range(3):
        assert put(overflow)
    taken = overflow.take_pending()
    assert put(overflow)
    assert not put(overflow)

    overflow.appended(taken, spool_bytes=0)
    assert overflow.pending_bytes == SIZE


def test_room_comes_for_many():
    """Once it is full it stays so until a tenth of its bound is free again."""
    overflow = Overflow(max_bytes=100 * SIZE)
    overflow.spool_bytes = 100 * SIZE - 1
    assert not overflow.is_full
    assert not put(overflow)
    assert overflow.is_full

    overflow.spool_bytes = 91 * SIZE
    assert not put(overflow)
    assert overflow.is_full

    overflow.spool_bytes = 90 * SIZE
    assert put(overflow)
    assert not overflow.is_full
    assert overflow.spilled_total == 1


def test_a_slow_disk_takes_bounded_memory():
    """However large the spool may be, what waits for its disk is bounded."""
    overflow = Overflow(max_bytes=1 << 40)
    while put(overflow, size=1024 * 1024):
        assert overflow.pending_bytes <= PENDING_BYTES
    assert overflow.is_full
    assert overflow.pending_bytes > PENDING_BYTES - 2 * 1024 * 1024
    taken = overflow.take_pending()
    overflow.appended(taken[:10], spool_bytes=10 << 20)
    assert overflow.is_full
    overflow.appended(taken[10:20], spool_bytes=20 << 20)
    assert not overflow.is_full


@given(st.lists(st.integers(1, 400), max_size=60), st.integers(0, 60))
def test_the_bound_is_never_passed(sizes, moved):
    """Whatever comes, files and memory stay within the bound together."""
    overflow = Overflow(max_bytes=5000)
    accepted = 0
    for number, size in enumerate(sizes):
        accepted += put(overflow, size=size)
        assert overflow.spool_bytes + overflow.pending_bytes <= 5000
        if number == moved:
            frames = overflow.take_pending()
            overflow.appended(frames, sum(map(len, frames)))
    assert accepted == overflow.spilled_total


def test_the_last_word_passes_the_bounds():
    """A stop may add what tells of the loss, though there is no room."""
    overflow = Overflow(max_bytes=2 * SIZE)
    assert [put(overflow) for _ in range(3)] == [True, True, False]
    overflow.lift_bounds()

    assert put(overflow, "last", size=PENDING_BYTES)


@pytest.mark.parametrize("event", ["start", "put"])
async def test_the_spooler_is_woken(said, event):
    """What begins, or comes, wakes whoever waits; taking it lets them wait again."""
    overflow = Overflow(max_bytes=1 << 30)
    waiting = asyncio.create_task(overflow.arrived.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    if event == "start":
        overflow.start("a reason")
    else:
        put(overflow)
    await asyncio.wait_for(waiting, 5)
    overflow.take_pending()

    assert not overflow.arrived.is_set()


def test_a_beginning_is_said_once(said):
    """Why records go to the spool is said when they begin to, and not again."""
    overflow = Overflow(max_bytes=1 << 30)
    overflow.start("memory is full")
    overflow.start("another reason")
    assert overflow.active
    overflow.stop()
    overflow.start("again")

    assert said == [
        "memory is full: records go to the spool",
        "again: records go to the spool",
    ]
