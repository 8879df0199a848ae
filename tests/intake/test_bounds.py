"""What peers can make the daemon hold is bounded by what is really held."""

import asyncio
import pickle

import pytest

from collector.intake.connection import LargeFrames
from collector.intake.receiver import kept_bytes
from collector.record import normalise
from collector.wire.decoder import Decoder
from collector.wire.limits import DecodeLimits


def test_shared_values_count_as_often_as_they_are_kept():
    """A small pickle whose extra attributes become megabytes counts as megabytes."""
    payload = pickle.dumps({"msg": "x", "a": ["\x01" * 1000] * 500})
    attributes = Decoder(DecodeLimits()).decode(payload)
    record = normalise(attributes, received=1.0, peer="::1", hostname="box")

    assert len(payload) < 5_000
    assert kept_bytes(record, len(payload)) >= len(record.extra) > 1_000_000


async def test_large_frames_wait_for_each_other():
    """A frame over the budget is read once enough of the others have ended."""
    frames = LargeFrames(100)
    await frames.reserve(60)
    second = asyncio.create_task(frames.reserve(60))
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.shield(second), 0.01)

    await frames.release(60)
    await asyncio.wait_for(second, 10)


async def test_a_frame_larger_than_the_budget_is_read_alone():
    """No frame that is allowed at all waits for ever."""
    frames = LargeFrames(100)
    await asyncio.wait_for(frames.reserve(1000), 10)
