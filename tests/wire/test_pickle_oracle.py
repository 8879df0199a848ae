"""The opcode machine, with the standard library's pickle as the oracle."""

from __future__ import annotations

import io
import pickle
import pickletools
import struct

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from collector.errors import DecodeError
from collector.wire.limits import DecodeLimits
from collector.wire.pickles import PickleReader
from collector.wire.plain import plain

LIMITS = DecodeLimits()
PROTOCOLS = st.integers(0, 5)

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(1 << 5000), 1 << 5000),
    st.floats(),
    st.text(max_size=20),
    st.text(st.characters(), max_size=8),
    st.sampled_from(["\ud800", "a\ud800\0", "x" * 300, "é" * 700, "\\u0041\n\r'"]),
)
KEYS = st.text(max_size=10)
BYTES = st.one_of(st.binary(max_size=30), st.just(b"b" * 300), st.just(b"b" * 700))
HASHABLE = st.one_of(SCALARS, BYTES)


def trees(leaves, *, sets: bool = True):
    def grown(inner):
        return st.one_of(
            st.lists(inner, max_size=5),
            st.lists(inner, max_size=5).map(tuple),
            st.dictionaries(KEYS, inner, max_size=5),
            inner.map(lambda shared: [shared, (shared, {"again": shared})]),
            st.sets(HASHABLE, max_size=4) if sets else st.nothing(),
            st.frozensets(HASHABLE, max_size=4) if sets else st.nothing(),
        )

    return st.recursive(leaves, grown, max_leaves=15)


def shown(value: object) -> object:
    """The value as the machine holds it: sets are lists, NaN equals NaN."""
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return ("tuple", *map(shown, value))
    if isinstance(value, list):
        return list(map(shown, value))
    if isinstance(value, (set, frozenset)):
        return list(map(shown, value))
    if isinstance(value, bytearray):
        return repr(bytes(value))
    return f"{type(value).__name__} {value!r}"


def flat(value: object) -> object:
    """The value as `plain` shows it."""
    if isinstance(value, dict):
        return {key: flat(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(map(flat, value))
    if isinstance(value, bytes):
        return flat(value.decode("utf-8", "backslashreplace"))
    return f"{type(value).__name__} {value!r}"


@settings(max_examples=200, deadline=None)
@given(PROTOCOLS, trees(SCALARS | BYTES, sets=False))
def test_tree_of_values_reads_as_pickle_wrote_it(protocol, tree):
    """Values of every protocol read back, tuples as tuples."""
    value = PickleReader(LIMITS).read(pickle.dumps([tree], protocol))
    if protocol >= 3:  # below, pickle spells bytes as a call
        assert shown(value) == shown([tree])
    assert flat(plain(value, LIMITS)) == flat([tree])


@settings(max_examples=100, deadline=None)
@given(PROTOCOLS, trees(HASHABLE))
def test_sets_become_lists(protocol, tree):
    """Sets of every protocol are lists of what they held, in their order."""
    data = pickle.dumps(tree, protocol)
    again = pickle.loads(data)
    value = PickleReader(LIMITS).read(data)
    if protocol >= 4:
        assert unordered(shown(value)) == unordered(shown(tree))
    assert unordered(flat(plain(value, LIMITS))) == unordered(flat(again))


def unordered(value: object) -> object:
    if isinstance(value, dict):
        return {key: unordered(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return sorted(map(repr, map(unordered, value)))
    return value


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 5), trees(SCALARS, sets=False))
def test_pickles_of_other_picklers(protocol, tree):
    """Python's own pickler, and optimized pickles, read like those of C."""
    reader = PickleReader(LIMITS)
    optimized = pickletools.optimize(pickle.dumps(tree, protocol))
    assert shown(reader.read(optimized)) == shown(tree)
    written = io.BytesIO()
    pickle._Pickler(written, protocol).dump(tree)
    assert shown(reader.read(written.getvalue())) == shown(tree)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("size", [255, 256, 65_535, 65_536, 65_537, 1_000_000])
def test_texts_and_bytes_of_every_size(size, protocol):
    """Sizes at which encodings and budgets change make no difference."""
    value = ["a" * size, "é" * (size // 2), "\ud800" + "b" * size, b"c" * size]
    read = PickleReader(LIMITS).read(pickle.dumps(value, protocol))
    assert read[:3] == value[:3]
    assert plain(read[3], DecodeLimits()) == "c" * size


@pytest.mark.parametrize("protocol", range(6))
def test_cycles_are_kept_by_the_machine_and_cut_by_plain(protocol):
    """A list and a dict that hold themselves come out finite."""
    knot = [1]
    knot.append({"knot": knot})
    value = PickleReader(LIMITS).read(pickle.dumps(knot, protocol))
    assert value[1]["knot"] is value
    assert plain(value, LIMITS) == [1, {"knot": "<cycle>"}]


@pytest.mark.parametrize("protocol", range(6))
def test_every_truncation_is_refused(protocol):
    """No proper prefix of a pickle is read as a value."""
    data = pickle.dumps(
        {"msg": "é" * 70, "n": [1, 2.5, 1 << 99, b"x", (None,)]}, protocol
    )
    reader = PickleReader(LIMITS)
    for end in range(len(data)):
        with pytest.raises(DecodeError) as caught:
            reader.read(data[:end])
        assert caught.value.reason in ("malformed_pickle", "truncated_pickle")
    assert reader.read(data)["msg"] == "é" * 70


@pytest.mark.parametrize(
    "data",
    [
        b"S'abc'\n.",
        b'S"a\\x41\\n\\\\"\n.',
        b"T\x03\0\0\0abc.",
        b"U\x03abc.",
        b"I5\n.",
        b"I01\n.",
        b"I-5\n.",
        b"L-12345678901234567890L\n.",
        b"L5\n.",
        b"F1e10\n.",
        b"Finf\n.",
        b"V\\u0041\\n\xe9\n.",
        b"(I1\nI2\nd.",
        b"(dI1\nNs.",
        b"(I1\nI2\nl.",
        b"(lI1\na.",
        b"(I1\nt.",
        b"N20.",
        b"(0N.",
        b"N(NN1.",
        b"Np0\n0g0\n.",
        b"Np5\n0g5\n.",
        b"Nr\xff\xff\0\x000j\xff\xff\0\0.",
        b"\x80\x04)q\x02\x940h\x01.",
        b"\x8a\x00.",
        b"\x8b\x01\0\0\0\xff.",
        b"\x80\x04\x95\x01\0\0\0\0\0\0\0N.",
    ],
)
def test_opcodes_that_no_pickler_writes_any_more(data):
    """Opcodes of old picklers mean what they mean to pickle."""
    expected = pickle.loads(data)
    if isinstance(expected, dict):
        expected = {str(key): value for key, value in expected.items()}
    assert shown(PickleReader(LIMITS).read(data)) == shown(expected)


SAFE = st.one_of(
    st.sampled_from([bytes([op]) for op in b"()Nl]}t012\x85\x86\x87\x88\x89\x8faesud\x90\x94"]),  # noqa: E501
    st.sampled_from([b"I1\n", b"L2L\n", b"F0.5\n", b"Vx\n", b"S'y'\n", b"U\x01z", b"C\x01c"]),  # noqa: E501
    st.integers(0, 4).map(lambda i: b"K" + bytes([i])),
    st.integers(0, 4).map(lambda i: b"q" + bytes([i])),
    st.integers(0, 4).map(lambda i: b"h" + bytes([i])),
    st.integers(0, 4).map(lambda i: b"p%d\n" % i),
    st.integers(0, 4).map(lambda i: b"r" + struct.pack("<I", i)),
    st.sampled_from([b"X\x01\0\0\0k", b"\x8c\x01k", b"\x8c\x01j"]),
)  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(st.lists(SAFE, max_size=24))
@example([b")", b"(", b"u"])
@example([b")", b"(", b"e"])
def test_whatever_pickle_reads_the_machine_reads_alike(opcodes):
    """Any sequence of opcodes that pickle accepts gives the same value here.

    Not where pickle tolerates what is left on its stack; and keys are texts.
    """
    data = b"\x80\x04" + b"".join(opcodes) + b"."
    try:
        expected = pickle.loads(data)
        text = repr(expected)
    except Exception:
        return
    if "..." in text or len(text) > 5000:
        return
    try:
        value = PickleReader(LIMITS).read(data)
    except DecodeError as error:
        assert error.detail == "its stack holds more than one value at the end"  # noqa: PT017
        return
    assert unordered(keyed(value)) == unordered(keyed(expected))


def keyed(value: object) -> object:
    """Comparable with what the machine makes of keys and sets."""
    if isinstance(value, dict):
        return {key_of(key): keyed(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return ("tuple", *map(keyed, value))
    if isinstance(value, (list, set, frozenset)):
        return sorted({repr(unordered(keyed(item))) for item in value})
    return repr(value)


def key_of(key: object) -> str:
    if isinstance(key, bytes):
        return key.decode()
    return (
        f"<{type(key).__name__}>" if isinstance(key, (tuple, frozenset)) else str(key)
    )
