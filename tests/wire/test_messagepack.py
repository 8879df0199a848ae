"""MessagePack payloads, with msgspec's encoder as the oracle."""

from __future__ import annotations

import struct
import tracemalloc

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.errors import DecodeError
from collector.wire.decoder import Decoder
from collector.wire.limits import DecodeLimits
from collector.wire.messagepack import MessagePackReader

LIMITS = DecodeLimits()
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 63), (1 << 64) - 1),
    st.floats(),
    st.text(max_size=40),
    st.binary(max_size=40),
    st.sampled_from(["x" * 300, "x" * 70_000, b"b" * 300, b"b" * 70_000]),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=20),
        st.dictionaries(st.text(max_size=8), inner, max_size=20),
    ),
    max_leaves=30,
)


def read(data: bytes) -> object:
    return MessagePackReader(LIMITS).read(data)


def reason(data: bytes) -> str:
    with pytest.raises(DecodeError) as caught:
        read(data)
    return caught.value.reason


@settings(deadline=None)
@given(TREES)
def test_document_reads_as_it_was_written(tree):
    """Any document of msgspec's encoder reads back."""
    assert repr(read(msgspec.msgpack.encode(tree))) == repr(tree)


@settings(deadline=None)
@given(TREES, st.data())
def test_truncation_is_refused(tree, data):
    """No proper prefix of a document is read as a value."""
    encoded = msgspec.msgpack.encode({"msg": tree})
    end = data.draw(st.integers(0, len(encoded) - 1))
    assert reason(encoded[:end]) == "truncated_messagepack"


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"\x00", 0),
        (b"\x7f", 127),
        (b"\xe0", -32),
        (b"\xff", -1),
        (b"\xcc\xff", 255),
        (b"\xcd\xff\xff", 65535),
        (b"\xce\xff\xff\xff\xff", (1 << 32) - 1),
        (b"\xcf" + b"\xff" * 8, (1 << 64) - 1),
        (b"\xd0\x80", -128),
        (b"\xd1\x80\x00", -32768),
        (b"\xd2\x80\x00\x00\x00", -(1 << 31)),
        (b"\xd3\x80" + bytes(7), -(1 << 63)),
        (b"\xca" + struct.pack(">f", 0.5), 0.5),
        (b"\xcb" + struct.pack(">d", 0.1), 0.1),
        (b"\xd9\x01a", "a"),
        (b"\xda\x00\x01a", "a"),
        (b"\xdb\x00\x00\x00\x01a", "a"),
        (b"\xc4\x01a", b"a"),
        (b"\xc5\x00\x01a", b"a"),
        (b"\xc6\x00\x00\x00\x01a", b"a"),
        (b"\xdc\x00\x01\xc0", [None]),
        (b"\xdd\x00\x00\x00\x01\xc0", [None]),
        (b"\xde\x00\x01\xa1a\xc0", {"a": None}),
        (b"\xdf\x00\x00\x00\x01\xa1a\xc0", {"a": None}),
        (b"\xd4\x01a", b"a"),
        (b"\xd5\x01ab", b"ab"),
        (b"\xd6\x01abcd", b"abcd"),
        (b"\xd7\x01" + b"a" * 8, b"a" * 8),
        (b"\xd8\x01" + b"a" * 16, b"a" * 16),
        (b"\xc7\x00\x01", b""),
        (b"\xc8\x00\x01\x01a", b"a"),
        (b"\xc9\x00\x00\x00\x01\x01a", b"a"),
    ],
)
def test_every_type(data, value):
    """Each type of the format means what its specification says."""
    assert read(data) == value
    assert type(read(data)) is type(value)
    for end in range(len(data)):
        assert reason(data[:end]) == "truncated_messagepack"
    assert reason(data + b"\xc0") == "malformed_messagepack"


def test_type_that_is_never_used():
    """0xc1 is no type."""
    assert reason(b"\xc1") == "malformed_messagepack"


def test_keys_become_texts():
    """Keys that are no text are turned into text, containers by their type."""
    data = b"\x87\x01\x01\xc0\x02\xc3\x03\xcb" + struct.pack(">d", 1.5) + b"\x04"
    data += b"\x91\xc0\x05\x80\x06\xc4\x01k\x07"
    assert read(data) == {
        "1": 1,
        "None": 2,
        "True": 3,
        "1.5": 4,
        "<list>": 5,
        "<dict>": 6,
        "k": 7,
    }


def test_text_that_is_no_utf8_is_escaped():
    """A text of other bytes is kept readable."""
    assert read(b"\xa3a\xffb") == "a\\xffb"


def test_bytes_are_shown_as_text():
    """Binary values of a record become text, as those of pickles do."""
    data = b"\x82\xa3msg\xc4\x02hi\xa1x\x91\xc4\x01\xff"
    assert Decoder(LIMITS).decode(data) == {"msg": "hi", "x": ["\\xff"]}


@pytest.mark.parametrize("kind", [0xDC, 0xDD, 0xDE, 0xDF, 0xC4, 0xC5, 0xC6, 0xC7, 0xC8])
def test_claims_take_no_memory(kind):
    """A length is compared with what is there before anything is made."""
    data = bytes([kind]) + b"\xff" * 5
    tracemalloc.start()
    try:
        assert reason(data) == "truncated_messagepack"
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_nesting_is_bounded():
    """Nesting that would exhaust the stack is refused, less is read."""
    assert reason(b"\x91" * 500 + b"\xc0") == "too_deep"
    value = read(b"\x91" * 150 + b"\xc0")
    for _ in range(150):
        (value,) = value
    assert value is None


def test_values_are_counted():
    """A document has at most as many values as the budget."""
    reader = MessagePackReader(DecodeLimits(max_operations=10))
    assert reader.read(b"\x99" + b"\x90" * 9) == [[]] * 9
    with pytest.raises(DecodeError) as caught:
        reader.read(b"\x9a" + b"\x90" * 10)
    assert caught.value.reason == "too_many_operations"
    assert reader.read(b"\x99" + b"\x90" * 9) == [[]] * 9
