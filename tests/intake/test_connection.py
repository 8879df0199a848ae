"""A connection: fair to others while it has much, and cut off at a stop."""

import asyncio
from typing import Any

import pytest

from collector.intake.connection import FRAMES_A_TURN, Connection, LargeFrames
from collector.intake.rates import PeerRates
from collector.intake.receiver import Receiver
from collector.store.backlog import Backlog
from collector.wire.decoder import Decoder
from collector.wire.limits import DecodeLimits

FRAME = b'\0\0\0\x0b{"msg":"x"}'


class Wire:
    """Stands for a StreamWriter whose peer has hung up."""

    def close(self) -> None:
        pass


@pytest.fixture
def receiver() -> Receiver:
    limits = DecodeLimits(
        max_operations=1000, max_items=100, max_depth=10, max_text_bytes=1000
    )
    backlog = Backlog(high_records=10**6, high_bytes=10**9)
    return Receiver(Decoder(limits), backlog=backlog, writer=None, emitter=None)


def connection(receiver: Receiver, data: bytes) -> Connection:
    """Return a connection that has read `data` and nothing more."""
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    wire: Any = Wire()
    return Connection(
        reader,
        wire,
        peer="192.0.2.1",
        receiver=receiver,
        max_frame_bytes=1000,
        large_frames=LargeFrames(1000),
        rates=PeerRates(max_records_per_second=0, max_bytes_per_second=0),
    )


async def test_others_have_their_turn(receiver: Receiver) -> None:
    """A full buffer is read some frames at a time, between which the loop goes on."""
    much = connection(receiver, FRAME * FRAMES_A_TURN * 3)
    reading = asyncio.create_task(much.run("host"))

    await asyncio.sleep(0)

    assert receiver.received_total == FRAMES_A_TURN
    much.cut_off()
    await reading


async def test_what_is_cut_off_is_counted(receiver: Receiver) -> None:
    """Frames that there was no time for are shed, half a frame is a reject."""
    late = connection(receiver, FRAME * (FRAMES_A_TURN + 20) + FRAME[:9])
    reading = asyncio.create_task(late.run("host"))
    await asyncio.sleep(0)

    late.cut_off()
    await reading

    assert receiver.shed_total == {"stopped": 20}
    assert receiver.shed_by_peer_total == {"192.0.2.1": 20}
    assert receiver.rejected_total.total() == 1
    assert receiver.received_total == FRAMES_A_TURN + 20 + 1


async def test_a_frame_is_cut_off_whose_payload_is_awaited(receiver: Receiver) -> None:
    """Its beginning is one reject."""
    late = connection(receiver, FRAME + FRAME[:9])
    reading = asyncio.create_task(late.run("host"))
    await asyncio.sleep(0)

    late.cut_off()
    await reading

    assert not receiver.shed_total
    assert receiver.rejected_total.total() == 1
    assert receiver.received_total == 2
