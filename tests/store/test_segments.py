"""Segments: frames as they stand on disk, whole, cut off and damaged."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.store.segments import (
    HEADER_BYTES,
    MAGIC,
    START_BYTES,
    SpooledFrame,
    decoded,
    encoded,
    read_segment_start,
    segment_start,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
frame = st.builds(
    SpooledFrame,
    payload=st.binary(max_size=40),
    received=st.floats(allow_nan=False),
    peer=texts,
    hostname=texts,
)
frames = st.lists(frame, max_size=5)
numbers = st.integers(0, (1 << 64) - 1)


def data_of(frame: SpooledFrame) -> bytes:
    return encoded(frame.payload, frame.received, frame.peer, frame.hostname)


def segment_of(frames: list[SpooledFrame]) -> tuple[bytes, list[int]]:
    """Return the bytes of frames, and where each ends."""
    data, ends = b"", []
    for one in frames:
        data += data_of(one)
        ends.append(len(data))
    return data, ends


@given(frames)
def test_what_is_written_is_read(frames):
    """Any frames are read as they were written, each with the offset behind it."""
    data, ends = segment_of(frames)

    piece = decoded(data)

    assert piece.frames == list(zip(frames, ends, strict=True))
    assert (piece.end, piece.needed, piece.bad_frames) == (len(data), 0, 0)
    assert not piece.damaged


@given(frames, st.data())
def test_a_cut_costs_what_is_behind_it(frames, data):
    """What is cut off anywhere has its whole frames, and is no damage."""
    whole, ends = segment_of(frames)
    cut = data.draw(st.integers(0, len(whole)))
    count = sum(end <= cut for end in ends)

    piece = decoded(whole[:cut])

    assert [one for one, _ in piece.frames] == frames[:count]
    assert piece.end == ([0, *ends])[count]
    assert not piece.damaged
    assert not piece.bad_frames
    if cut - piece.end >= HEADER_BYTES:
        # Enough to read the frame in one go.
        assert piece.end + piece.needed == ends[count]
    else:
        assert not piece.needed


@given(frames, st.integers(0, 200))
def test_zeros_at_the_end_are_no_damage(frames, zeros):
    """Zeros, as a file system leaves them after a power cut, end a segment."""
    data, _ = segment_of(frames)

    piece = decoded(data + bytes(zeros))

    assert [one for one, _ in piece.frames] == frames
    assert piece.end == len(data)
    assert not piece.damaged


@given(st.lists(frame, min_size=1, max_size=5), st.data())
def test_a_flipped_byte_costs_a_frame_or_the_rest(frames, data):
    """Damage in a frame's body costs that frame, in its header all from there on."""
    whole, ends = segment_of(frames)
    place = data.draw(st.integers(0, len(whole) - 1))
    flipped = bytearray(whole)
    flipped[place] ^= data.draw(st.integers(1, 255))
    hit = sum(end <= place for end in ends)
    start = ([0, *ends])[hit]

    piece = decoded(bytes(flipped))

    found = [one for one, _ in piece.frames]
    if place - start < HEADER_BYTES:
        assert found == frames[:hit]
        assert piece.damaged
        assert piece.end == start
        assert not piece.bad_frames
    else:
        assert found == frames[:hit] + frames[hit + 1 :]
        assert piece.bad_frames == 1
        assert not piece.damaged


@given(st.binary(max_size=200))
def test_garbage_is_no_frame(garbage):
    """Bytes that nobody wrote give no frame and no exception."""
    piece = decoded(garbage)

    assert piece.frames == []
    assert piece.end == 0
    assert piece.damaged == (len(garbage) >= HEADER_BYTES and any(garbage))


def test_names_longer_than_the_body_are_damage():
    """A header that contradicts itself, checksum or not, is no frame."""
    import zlib

    fields = struct.pack(">IIdHH", 3, zlib.crc32(b"abc"), 1.0, 2, 2)
    data = fields + struct.pack(">I", zlib.crc32(fields)) + b"abc"

    assert decoded(data).damaged


def test_long_names_are_cut():
    """Names of any length leave the payload as it is."""
    [(one, _)] = decoded(encoded(b"payload", 1.0, "ä" * 40_000, "h" * 70_000)).frames

    assert one.payload == b"payload"
    assert one.peer.startswith("ä" * 32_767)
    assert one.hostname == "h" * 65_535


@given(numbers, numbers)
def test_the_start_tells_the_batch(batch, end):
    """A segment tells which batch may be its first frames, wherever it is cut."""
    start = segment_start(batch, end)

    assert len(start) == START_BYTES
    assert read_segment_start(start) == (batch, end)
    assert read_segment_start(start + b"more") == (batch, end)
    for cut in range(START_BYTES):
        assert read_segment_start(start[:cut]) == (0, 0)


@pytest.mark.parametrize("data", [b"LCspool2" + bytes(16), b"x", bytes(24), MAGIC[1:]])
def test_another_start_is_no_segment(data):
    """What does not begin as segments do is none."""
    assert read_segment_start(data) is None
