"""JSON payloads, with the standard library's json as the oracle."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.errors import DecodeError
from collector.wire.decoder import Decoder
from collector.wire.json_documents import read_json
from collector.wire.limits import DecodeLimits

LIMITS = DecodeLimits()
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 63), (1 << 64) - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.dictionaries(st.text(max_size=8), inner, max_size=5),
    ),
    max_leaves=20,
)


def reason(payload: bytes, limits: DecodeLimits = LIMITS) -> str:
    with pytest.raises(DecodeError) as caught:
        Decoder(limits).decode(payload)
    return caught.value.reason


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=8), TREES, max_size=6), st.booleans())
def test_object_reads_as_json_wrote_it(attributes, escaped):
    """Objects read back, with text escaped or as UTF-8."""
    data = json.dumps(attributes, ensure_ascii=escaped).encode()
    assert read_json(data, LIMITS) == attributes
    assert repr(Decoder(LIMITS).decode(data)) == repr(json.loads(data))


@settings(deadline=None)
@given(TREES, st.integers(1, 40))
def test_values_are_counted_before_they_are_made(tree, allowed):
    """A document is refused just where it has more values than is allowed."""

    def count(value: object) -> int:
        if isinstance(value, dict):
            return 2 * len(value) + sum(map(count, value.values())) + (not value)
        if isinstance(value, list):
            return 1 + len(value) + sum(map(count, value))
        return 0

    data = json.dumps({"msg": tree}).encode()
    try:
        assert read_json(data, DecodeLimits(max_operations=allowed)) == {"msg": tree}
    except DecodeError as error:
        assert error.reason == "too_many_operations"  # noqa: PT017
        assert count({"msg": tree}) + 2 >= allowed or len(data) > allowed
    else:
        assert len(data) <= allowed or tokens(data) <= allowed


def tokens(data: bytes) -> int:
    """Brackets, braces, commas and colons outside of texts."""
    outside, position = 0, 0
    while position < len(data):
        if data[position] == 0x22:
            position += 1
            while data[position] != 0x22:
                position += 2 if data[position] == 0x5C else 1
        elif data[position] in b"[{,:":
            outside += 1
        position += 1
    return outside


@pytest.mark.parametrize("message", ['a,b:[{"', "\\", '\\"', "x" * 100, "[[[[,,,,"])
def test_what_stands_in_texts_is_not_counted(message):
    """Punctuation inside of a message costs nothing."""
    data = json.dumps({"msg": message * 50}).encode()
    limits = DecodeLimits(max_operations=10)
    assert read_json(data, limits) == {"msg": message * 50}


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b'{"msg":"x"', "malformed_json"),
        (b'{"msg":"x"}}', "malformed_json"),
        (b'{"msg":"x"}\n{"msg":"y"}\n', "malformed_json"),
        (b'{"msg":NaN}', "malformed_json"),
        (b'{"msg":Infinity}', "malformed_json"),
        (b"{'msg':1}", "malformed_json"),
        (b'{"msg":"\xff"}', "malformed_json"),
        (b'{"msg":"a\nb"}', "malformed_json"),
        (b"{1:2}", "malformed_json"),
        (b'{"msg":' + b"[" * 40_000, "too_deep"),
        (b'{"msg":[' + b"0," * 60_000 + b"0]}", "too_many_operations"),
    ],
)
def test_what_is_no_object_is_refused(payload, expected):
    """Malformed, deep and oversized documents are rejects with a reason."""
    assert reason(payload) == expected


def test_white_space_around_is_no_matter():
    """A client may end its document with a new line."""
    assert Decoder(LIMITS).decode(b'{ "msg" : "x" }\n') == {"msg": "x"}


def test_later_of_equal_keys_counts():
    """Of a key that comes twice the later value is taken, as json does."""
    assert Decoder(LIMITS).decode(b'{"msg":"a","msg":"b"}') == {"msg": "b"}


@pytest.mark.parametrize(
    "message", ["a\ud800b", "\udcff.txt", "\udc00\ud800", "\U0001f600"]
)
def test_lone_surrogates_are_read(message):
    """What json.dumps writes for the name of an odd file is no reject."""
    data = json.dumps({"msg": message}).encode()
    assert Decoder(LIMITS).decode(data) == {"msg": message}


def test_numbers_beyond_64_bits():
    """Integers of any reasonable size are kept exactly."""
    data = json.dumps({"msg": 1 << 64, "x": -(1 << 200)}).encode()
    assert Decoder(LIMITS).decode(data) == {"msg": 1 << 64, "x": -(1 << 200)}
