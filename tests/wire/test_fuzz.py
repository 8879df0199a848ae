"""Whatever the bytes are: attributes or DecodeError, and then a Record."""

from __future__ import annotations

import json
import logging
import logging.handlers
import pickle
import struct

import msgspec
import pytest
from hostile import NAMES, SHAPES, VALUES, called, document, number, real, record, text
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.errors import DecodeError
from collector.record import Record, normalise
from collector.wire.decoder import Decoder
from collector.wire.limits import DecodeLimits

LIMITS = DecodeLimits(max_operations=5_000, max_items=1_000)
ATTRIBUTES = [
    {
        "msg": "hi",
        "name": "app",
        "args": (1, "é"),
        "created": 1.5,
        "x": {"a": [b"b", {1}]},
    },
    {"msg": "m" * 300, "process": 1 << 70, "y": [None, True, 2.5, ("t",) * 5]},
    vars(logging.LogRecord("app", 20, "/a.py", 7, "hi", None, None)) | {"tag": "t"},
]
SEEDS = [
    *(pickle.dumps(attributes, p) for attributes in ATTRIBUTES for p in range(6)),
    *(pickle.dumps(logging.makeLogRecord({"msg": "x"}), p) for p in range(6)),
    *(NAMES | SHAPES | VALUES).values(),
    *(json.dumps(a, default=str).encode() for a in ATTRIBUTES),
    msgspec.msgpack.encode(
        {"msg": "hi", "n": [1, -1, 1 << 40, b"x", None, {"a": 1.5}]}
    ),
    record(),
    document(user="ann", n=[1.5, None]),
]


def check(payload: bytes) -> None:
    """Decode it and make a record of it: nothing but DecodeError may come out."""
    assert_plain_or_refused(payload, Decoder(LIMITS))


def assert_plain_or_refused(payload: bytes, decoder: Decoder) -> None:
    try:
        attributes = decoder.decode(payload)
        made = normalise(attributes, received=1.0, peer="p", hostname="h")
    except DecodeError as error:
        assert error.reason.isidentifier()  # noqa: PT017
        assert len(error.detail) < 1000  # noqa: PT017
    else:
        assert isinstance(made, Record)
        json.loads(made.extra or "{}")


OPCODES = st.one_of(
    st.integers(0, 255).map(lambda op: bytes([op])),
    st.sampled_from([bytes([op]) for op in b"()N]}letudasb012RoQ\x81\x85\x86\x87\x8f\x90\x91\x92\x93\x94"]),  # noqa: E501
    st.integers(0, 8).map(lambda i: b"q" + bytes([i])),
    st.integers(0, 8).map(lambda i: b"h" + bytes([i])),
    st.integers(0, 1 << 32).map(lambda i: b"p%d\n" % i),
    st.integers(0, (1 << 32) - 1).map(lambda i: b"r" + struct.pack("<I", i)),
    st.integers(0, 255).map(lambda i: b"K" + bytes([i])),
    st.integers(-(1 << 3000), 1 << 3000).map(number),
    st.floats().map(real),
    st.text(st.characters(), max_size=6).map(text),
    st.binary(max_size=12).map(lambda raw: b"C" + bytes([len(raw)]) + raw),
    st.binary(max_size=12).map(lambda raw: b"U" + bytes([len(raw)]) + raw),
    st.binary(max_size=12).map(lambda raw: b"S'" + raw + b"'\n"),
    st.binary(max_size=12).map(lambda raw: b"V" + raw + b"\n"),
    st.sampled_from("FLIPg").flatmap(
        lambda op: st.text("0123456789eE+-._nainfL x", max_size=8).map(
            lambda digits: op.encode() + digits.encode() + b"\n"
        )
    ),
    st.sampled_from(["msg", "name", "created", "int", "msgq"]).map(text),
)  # fmt: skip
CALLEES = st.sampled_from(
    [
        "builtins.bytes", "builtins.bytearray", "_codecs.encode", "builtins.complex",
        "builtins.range", "builtins.set", "builtins.frozenset", "builtins.getattr",
        "collections.OrderedDict", "collections.defaultdict", "collections.deque",
        "collections.Counter", "copyreg._reconstructor", "copy_reg._reconstructor",
        "copyreg.__newobj__", "datetime.date", "datetime.datetime", "datetime.time",
        "datetime.timedelta", "datetime.timezone", "decimal.Decimal",
        "fractions.Fraction", "ipaddress.IPv4Address", "ipaddress.IPv6Network",
        "logging.LogRecord", "pathlib.PurePosixPath", "pathlib.WindowsPath",
        "uuid.UUID", "zoneinfo.ZoneInfo", "app.Color", "x.Error",
    ]
)  # fmt: skip
ARGUMENT = st.one_of(
    st.integers(-(1 << 70), 1 << 70).map(number),
    st.sampled_from([-1, 0, 1, 1 << 32, 1 << 128, 1 << 1100]).map(number),
    st.floats().map(real),
    st.text(st.characters(), max_size=6).map(text),
    st.sampled_from([4, 6, 10]).flatmap(
        lambda size: st.binary(min_size=size, max_size=size).map(
            lambda raw: b"C" + bytes([size]) + raw
        )
    ),
    st.sampled_from(
        [b"N", b"}", b"]", b")", b"\x88", b"cx\nY\n", b"cbuiltins\nobject\n"]
    ),
    st.sampled_from([b"](NK\x01e", b"}" + text("int") + b"K\x05s", b"](]e"]),
)
CALLS = st.recursive(
    ARGUMENT,
    lambda inner: st.builds(
        lambda callee, args, tail: called(callee, b"(" + b"".join(args) + b"t") + tail,
        CALLEES,
        st.lists(inner, max_size=4),
        st.one_of(
            st.just(b""),
            inner.map(lambda value: value + b"b"),
            inner.map(lambda value: b"(" + value + b"e"),
            inner.map(lambda value: b"(" + text("k") + value + b"u"),
        ),
    ),
    max_leaves=8,
)


def arbitrary(data) -> bytes:
    start = st.sampled_from(
        [b"", b"{", b"\x80\x04", b"}(", b"\x82\xa3msg", b"\xde\0\2"]
    )
    return data.draw(start) + data.draw(st.binary(max_size=200))


def mutated(data) -> bytes:
    payload = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 5))):
        start = data.draw(st.integers(0, min(len(payload), 2000)))
        end = start + data.draw(st.sampled_from([0, 0, 1, 1, 4, 40]))
        payload[start:end] = data.draw(st.one_of(st.binary(max_size=5), OPCODES))
    return bytes(payload)


def sequence(data) -> bytes:
    opcodes = b"".join(data.draw(st.lists(OPCODES, max_size=60)))
    return data.draw(st.sampled_from([opcodes, b"}(" + opcodes + b"u."]))


def calls(data) -> bytes:
    values = data.draw(st.lists(CALLS, min_size=1, max_size=4))
    pairs = b"".join(text(f"x{i}") + value for i, value in enumerate(values))
    return record(pairs, msg=values[0], created=values[-1])


MAKERS = [arbitrary, mutated, sequence, calls]


@pytest.mark.parametrize("make", MAKERS)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_bytes(make, data):
    """Bytes of every kind give attributes or DecodeError, nothing else."""
    check(make(data))


@pytest.mark.fuzz
@pytest.mark.parametrize("make", MAKERS)
@settings(max_examples=12_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_bytes_for_long(make, data):
    """The same with many more examples."""
    check(make(data))


def test_one_decoder_for_all():
    """A decoder that has seen every seed cut everywhere still reads good ones."""
    decoder = Decoder(LIMITS)
    good = record(text("x") + b"K\x01")
    expected = decoder.decode(good)
    for seed in SEEDS:
        for end in range(0, min(len(seed), 400), 7):
            assert_plain_or_refused(seed[:end], decoder)
    assert decoder.decode(good) == expected
