"""Rates: what a peer may bring in a second, by a clock that the test moves."""

import sys
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.intake.rates import TELL_SECONDS, PeerRates


class Timer:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def timer():
    return Timer()


def rates(timer, records=0, frame_bytes=0, **kinds):
    return PeerRates(
        max_records_per_second=records,
        max_bytes_per_second=frame_bytes,
        timer=timer,
        **kinds,
    )


def admitted(limited, peer, count, size=10):
    return sum(limited.admits(peer, size) for _ in range(count))


def test_no_limits(timer):
    """Without limits all is admitted and nothing is kept of the peers."""
    free = rates(timer)
    assert free.buckets is None
    assert admitted(free, "10.0.0.1", 1000) == 1000
    assert free.buckets is None
    assert free.tell() == ""


def test_a_second_of_records_at_once(timer):
    """A second's worth may come at once; then as many as time allows."""
    limited = rates(timer, records=8)
    assert admitted(limited, "10.0.0.1", 20) == 8
    timer.now += 0.25
    assert admitted(limited, "10.0.0.1", 20) == 2
    timer.now += 3600
    assert admitted(limited, "10.0.0.1", 20) == 8


def test_a_second_of_bytes_at_once(timer):
    """Bytes are limited whatever the number of frames they come in."""
    limited = rates(timer, frame_bytes=1000)
    assert admitted(limited, "10.0.0.1", 20, size=300) == 3
    assert admitted(limited, "10.0.0.1", 20, size=50) == 2
    timer.now += 0.5
    assert admitted(limited, "10.0.0.1", 20, size=250) == 2


def test_a_frame_longer_than_a_second_of_bytes(timer):
    """It passes after silence, and its peer then waits for as long as it is worth."""
    limited = rates(timer, frame_bytes=1000)
    assert limited.admits("10.0.0.1", 5000)
    timer.now += 4
    assert not limited.admits("10.0.0.1", 10)
    assert not limited.admits("10.0.0.1", 5000)
    timer.now += 0.5
    assert limited.admits("10.0.0.1", 10)
    timer.now += 1
    assert limited.admits("10.0.0.1", 5000)


def test_both_limits(timer):
    """What is over either limit takes nothing of the other."""
    limited = rates(timer, records=2, frame_bytes=100)
    assert limited.admits("10.0.0.1", 60)
    assert not limited.admits("10.0.0.1", 60)
    assert limited.admits("10.0.0.1", 40)
    assert not limited.admits("10.0.0.1", 0)


def test_peers_do_not_share(timer):
    """One peer's haste takes nothing from another."""
    limited = rates(timer, records=3)
    assert admitted(limited, "10.0.0.1", 100) == 3
    assert admitted(limited, "10.0.0.2", 100) == 3


def test_a_change_holds_at_once(timer):
    """New rates hold for peers that are known; the same ones change nothing."""
    limited = rates(timer, records=3)
    assert admitted(limited, "10.0.0.1", 100) == 3
    limited.change(3, 0)
    assert admitted(limited, "10.0.0.1", 100) == 0
    limited.change(7, 0)
    assert admitted(limited, "10.0.0.1", 100) == 7
    limited.change(0, 0)
    assert limited.buckets is None
    assert admitted(limited, "10.0.0.1", 100) == 100


def test_many_peers_take_bounded_memory(timer):
    """Of too many peers, those that sent longest ago are forgotten."""
    limited = rates(timer, records=1, max_peers=100)
    assert limited.admits("the first", 10)
    tracemalloc.start()
    for n in range(20_000):
        timer.now += 1e-6
        limited.admits(f"10.0.{n >> 8}.{n & 255}", 10)
        limited.admits(f"10.0.{n >> 8}.{n & 255}", 10)
        if n % 50 == 0:
            # One that goes on sending is not forgotten.
            assert not limited.admits("the first", 10)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(limited.buckets) == 100
    assert used < 100 * 1000
    assert limited.tell().startswith("shed 20400 frames")


def test_what_is_said(timer):
    """Every 10 s at most, how many frames were shed, and of whom the most."""
    limited = rates(timer, records=1)
    admitted(limited, "10.0.0.1", 4)
    admitted(limited, "10.0.0.2", 9)
    said = limited.tell()
    assert "shed 11 frames" in said
    assert "8 of 10.0.0.2, others of 1 more" in said
    admitted(limited, "10.0.0.1", 5)
    timer.now += TELL_SECONDS - 0.001
    assert limited.tell() == ""
    timer.now += 0.001
    assert "shed 5 frames" in limited.tell()
    timer.now += TELL_SECONDS
    assert limited.tell() == ""


@given(
    gaps=st.lists(
        st.tuples(st.floats(0, 2), st.integers(0, 3000)), min_size=1, max_size=200
    ),
    records=st.integers(1, 20),
    frame_bytes=st.integers(1, 2000),
)
def test_the_long_run(gaps, records, frame_bytes):
    """Whatever comes when, no more passes than a second's worth and the time's."""
    timer = Timer()
    limited = rates(timer, records=records, frame_bytes=frame_bytes)
    passed = passed_bytes = 0
    longest = 0
    for gap, size in gaps:
        timer.now += gap
        if limited.admits("10.0.0.1", size):
            passed += 1
            passed_bytes += size
            longest = max(longest, size)
    seconds = timer.now - 1000.0
    slack = 1 + sys.float_info.epsilon * len(gaps) * 1e6
    assert passed <= records * (1 + seconds) * slack
    most = max(longest, frame_bytes) + frame_bytes * seconds
    assert passed_bytes <= most * slack
