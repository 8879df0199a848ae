"""Pickles that are written: the standard library's own bytes, and readable by all."""

import logging
import logging.handlers
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.wire.decoder import Decoder
from collector.wire.frames import framed
from collector.wire.limits import DecodeLimits
from collector.wire.stock import StockReader
from collector.wire.stock_pickles import CUT, MAX_DEPTH, StockWriter

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(1 << 5000), 1 << 5000),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.sampled_from(["\ud800", "a\0b", "x" * 300, "é" * 700]),
    st.sampled_from(
        [0, 255, 256, 65535, 65536, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1]
    ),
)
KEYS = st.text(max_size=10)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5), st.dictionaries(KEYS, inner, max_size=5)
    ),
    max_leaves=15,
)
ATTRIBUTES = st.dictionaries(KEYS, VALUES, max_size=8)


def pickled(attributes):
    return StockWriter().pickled(attributes)


@given(ATTRIBUTES)
def test_the_standard_library_reads_them_back(attributes):
    """pickle.loads makes equal values of the same types."""
    read = pickle.loads(pickled(attributes))

    assert repr(read) == repr(attributes)


@given(
    st.dictionaries(st.text(max_size=10), VALUES, max_size=8).map(
        lambda d: {**d, "msg": "m"}
    )
)
def test_our_own_decoder_reads_them_back(attributes):
    """The opcode machine makes equal values, too, within its limits."""
    limits = DecodeLimits(max_operations=10**6, max_items=10**6)
    expected = pickle.loads(pickle.dumps(attributes, 4))

    assert Decoder(limits).decode(pickled(attributes)) == Decoder(limits).decode(
        pickle.dumps(expected, 4)
    )


def test_many_values():
    """Beyond 256 values numbers in the memo are longer."""
    attributes = {f"key{n}": [str(n), {}, []] for n in range(2000)}

    assert pickle.loads(pickled(attributes)) == attributes


def test_a_stock_record_has_stock_bytes():
    """A record's frame is, byte for byte, the one that SocketHandler makes."""
    record = logging.LogRecord(
        "app.db", 30, "/srv/app/main.py", 7, "slow", None, None, "f"
    )
    record.__dict__.update(
        user={"id": 42, "login": "x"}, tags=["a", "b"], ratio=0.5, big=1 << 40
    )
    # What logging itself shares between records would be written as a reference.
    unshared = {
        key: "".join(list(value)) if isinstance(value, str) else value
        for key, value in record.__dict__.items()
    }
    record.__dict__.update(unshared)
    frame = logging.handlers.SocketHandler("127.0.0.1", 0).makePickle(record)

    assert framed(pickled(record.__dict__)) == frame
    assert StockReader().read(pickled(record.__dict__)) is not None


def test_what_is_nested_too_deeply_is_cut():
    """No depth of values exhausts the stack."""
    value: object = 1
    for _ in range(5000):
        value = [value]
    read = pickle.loads(pickled({"deep": value}))["deep"]
    depth = 1
    while isinstance(read, list):
        [read] = read
        depth += 1

    assert (read, depth) == (CUT, MAX_DEPTH + 1)


def test_other_values_are_refused():
    """What no record has is a mistake of the caller."""
    with pytest.raises(TypeError, match="bytes"):
        pickled({"msg": b"bytes"})


def test_one_writer_writes_many():
    """What a writer has kept of earlier records changes nothing in later ones."""
    writer = StockWriter()
    for number in range(5000):
        attributes = {
            "msg": f"message {number}",
            "name": "app",
            f"key{number % 7}": "é",
        }
        assert pickle.loads(writer.pickled(attributes)) == attributes
