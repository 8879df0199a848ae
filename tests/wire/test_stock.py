"""The shortcut for stock frames, against pickle and against the machine."""

from __future__ import annotations

import logging
import logging.handlers
import pickle
import struct
import sys
import tracemalloc

import pytest
from hostile import STOCK, real, record, text
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.errors import DecodeError
from collector.wire.decoder import Decoder
from collector.wire.limits import DecodeLimits
from collector.wire.pickles import PickleReader
from collector.wire.plain import plain
from collector.wire.stock import StockReader

LIMITS = DecodeLimits()
MAX_KEPT_MEMORY = 48 * 1024 * 1024
HANDLER = logging.handlers.SocketHandler("localhost", 1)


def made(**attributes: object) -> bytes:
    """The payload that SocketHandler sends, even where it would format or fail."""
    log_record = logging.LogRecord("app", 20, "/srv/app.py", 7, "hi %d", (1,), None)
    payload = HANDLER.makePickle(log_record)[4:]
    return pickle.dumps(pickle.loads(payload) | attributes, 1)


def outcome(read, payload: bytes) -> object:
    """What a reader makes of the payload, comparable: NaN equals NaN."""
    try:
        return list(map(repr, read(payload).items()))
    except DecodeError as error:
        return error.reason


def by_machine(payload: bytes) -> dict[str, object]:
    """Read as Decoder does, without the shortcut."""
    value = PickleReader(LIMITS).read(payload)
    if not isinstance(value, dict):
        raise DecodeError("not_a_mapping", "")
    return {key: plain(item, LIMITS) for key, item in value.items()}


def assert_same(payload: bytes, reader: StockReader | None = None) -> None:
    """The shortcut says nothing, or what the machine says; so does Decoder."""
    expected = outcome(by_machine, payload)
    attributes = (reader or StockReader()).read(payload)
    if attributes is not None:
        assert list(map(repr, attributes.items())) == expected
    if payload[:1] in (b"}", b"("):
        assert outcome(Decoder(LIMITS).decode, payload) == expected


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-300, 70_000),
    st.integers(-(1 << 80), 1 << 80),
    st.floats(),
    st.text(max_size=40),
    st.text(st.characters(), max_size=10),
    st.sampled_from(["", "msg", "X\x03\0\0\0msgq\x06", "a" * 300, "é" * 200]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(max_size=6), inner, max_size=4),
        st.lists(inner, max_size=3).map(tuple),
    ),
    max_leaves=8,
)
OWN = list(vars(logging.makeLogRecord({})))
NAMES = st.one_of(st.sampled_from(OWN), st.text(min_size=1, max_size=12))
ATTRIBUTES = st.dictionaries(NAMES, VALUES, max_size=12)


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"user": "ann", "amount": 1.5, "tries": 3, "ok": True, "none": None},
        {"stack_info": "Stack (most recent call last):\n  ...", "taskName": "Task-1"},
        {"exc_text": "Traceback (most recent call last):\nValueError: no"},
        {"msg": "größer ✓ \U0001f600", "name": "app.größe"},
        {"msg": ""},
        {"thread": 1 << 62, "process": 1 << 40, "lineno": 0},
        {"process": None, "thread": None, "threadName": None},
        {"x" * 256: 1},
    ],
)
def test_stock_record_takes_the_shortcut(attributes):
    """Records with values that are plain scalars never need the machine."""
    payload = made(**attributes)
    assert StockReader().read(payload) == pickle.loads(payload)


@pytest.mark.parametrize(
    "attributes",
    [
        {"msg": ["a", 1]},
        {"msg": "\ud800"},
        {"msg": "x" * 1_000_000},
        {"user": {"id": [1, 2, {"deep": None}]}},
        {"pathname": "/p" * 3000},
        {f"k{i}": i for i in range(300)},
        {"number": -5_000_000_000},
    ],
)
def test_stock_record_beyond_the_shortcut_is_read_all_the_same(attributes):
    """What the shortcut does not take, the machine reads as pickle does."""
    payload = made(**attributes)
    assert Decoder(LIMITS).decode(payload) == pickle.loads(payload)


def test_records_of_a_real_logger_equal_pickle():
    """What a logger makes of exceptions, stacks and extras is read alike."""
    sent = []
    logger = logging.Logger("app.real", 1)  # noqa: LOG001 - of its own tree
    handler = logging.Handler()
    handler.emit = sent.append
    logger.addHandler(handler)
    logger.debug("plain")
    logger.warning("%s and %s", "a", {"b": 1}, extra={"user": "ann", "ids": [1, 2]})
    logger.error("stack", stack_info=True)
    try:
        raise ValueError("öops")
    except ValueError:
        logger.exception("failed")
    reader = Decoder(LIMITS)
    for log_record in sent:
        payload = HANDLER.makePickle(log_record)[4:]
        assert reader.decode(payload) == pickle.loads(payload)
    assert "ValueError: öops" in reader.decode(payload)["exc_text"]
    assert reader.decode(payload)["processName"] == sent[0].processName


def test_whole_log_record_gives_its_attributes():
    """A client that pickles the LogRecord itself is understood."""
    log_record = logging.LogRecord("app", 20, "/a.py", 7, "hi", (), None)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        attributes = Decoder(LIMITS).decode(pickle.dumps(log_record, protocol))
        assert attributes["msg"] == "hi"
        assert attributes["args"] == []
        assert attributes["process"] == log_record.process


def nested(levels: int) -> bytes:
    """Lists in lists, each written as if it had several items."""
    return b"]q\x00(" * levels + b"N" + b"e" * levels


@pytest.mark.parametrize("levels", [1, 2, 40, 63, 64, 65, 90, 150])
def test_containers_nest_as_deep_by_either_way(levels):
    """Extra lists and dicts are cut at the same depth."""
    assert_same(made()[:-2] + text("x") + b"q\x01" + nested(levels) + b"u.")
    opened = (b"}q\x00(" + text("k") + b"q\x01") * levels
    value = opened + b"N" + b"u" * levels
    assert_same(made()[:-2] + text("x") + b"q\x01" + value + b"u.")


def test_what_one_record_was_given_is_not_shared():
    """A list in a run that is remembered is a new one for each record."""
    payload = made(exc_text=[1, 2])
    decoder = Decoder(LIMITS)
    decoder.decode(payload)["exc_text"].append("changed")
    assert decoder.decode(payload)["exc_text"] == [1, 2]


def test_text_that_looks_like_the_end_of_a_run():
    """Names and values that contain the marks of runs are not mistaken for them."""
    mark = "X\x03\0\0\0msgq\x01X\x07\0\0\0createdq\x02X\x07\0\0\0processq"
    for name in STOCK:
        assert_same(made(**{name: mark}))
        assert_same(made(**{name: mark[:8]}))
    assert_same(made(**{mark: 1}))


@pytest.mark.parametrize("name", ["msg", "created", "process"])
def test_name_that_ends_like_a_mark(name):
    """A long name whose last bytes spell a stock name is another attribute."""
    mark = text(name)
    payload = made()
    longer = text("z" + mark.decode()) + b"q\x7fN"
    for before in STOCK:
        at = payload.index(text(before) + b"q")
        assert_same(payload[:at] + longer + payload[at:])
    assert_same(payload.replace(mark + b"q", longer[:-3] + b"q", 1))


@pytest.mark.parametrize("name", list(STOCK))
def test_name_that_comes_twice(name):
    """Of two attributes of one name the later one counts, in the first's place."""
    payload = made()
    for value in (b"K\x63", b"N", text("other") + b"q\x7f", real(7.0)):
        pair = text(name) + b"q\x7f" + value
        for before in STOCK:
            at = payload.index(text(before) + b"q")
            assert_same(payload[:at] + pair + payload[at:])
        assert_same(payload[:-2] + pair + b"u.")


def test_reader_remembers_runs_not_values():
    """Records that share call sites keep their own messages, times and extras."""
    reader = StockReader()
    for number in range(50):
        payload = made(
            msg=f"m{number}",
            created=1e9 + number,
            process=number,
            name=f"app.{number % 3}",
            lineno=number % 2,
            user=number,
        )
        attributes = reader.read(payload)
        assert attributes == pickle.loads(payload)
        attributes.clear()  # what is handed out belongs to the caller


def test_runs_without_end_take_bounded_memory():
    """Made-up records that never repeat cannot make the reader take much memory."""
    reader = StockReader()
    tracemalloc.start()
    try:
        for count in range(3000):
            names = [f"{count:x}.{i:x}" for i in range(35)]
            front = b"".join(text(name) + b"q\x00N" for name in names)
            payload = made(tail=None)
            for name in ("msg", "created", "process"):
                at = payload.index(text(name) + b"q")
                payload = payload[:at] + front + payload[at:]
            assert reader.read(payload) is not None
        assert tracemalloc.get_traced_memory()[0] < MAX_KEPT_MEMORY
    finally:
        tracemalloc.stop()


def test_every_truncation_and_foreign_byte():
    """Cut anywhere, or with any one byte changed, both read the same."""
    payload = made(user="ann", amount=1.5, big=1 << 70)
    for end in range(len(payload)):
        assert_same(payload[:end])
        assert_same(payload[:end] + b"\x00" + payload[end + 1 :])
        assert_same(payload[:end] + b"X" + payload[end:])
        assert_same(payload[:end] + payload[end + 1 :])
        assert_same(payload[:end] + bytes([payload[end] ^ 0x80]) + payload[end + 1 :])


def test_other_shapes_of_the_same_record():
    """Records that were not memoized, or have bytes behind, are left or equal."""
    assert StockReader().read(record()) is None
    assert_same(made() + b".")
    assert_same(made()[:-1] + b"0.")
    assert_same(made().replace(b"u.", b"u}."))


@settings(max_examples=300, deadline=None)
@given(ATTRIBUTES)
def test_any_attributes(attributes):
    """Whatever a record's attributes are, both readers agree with pickle."""
    payload = made(**attributes)
    assert_same(payload)


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_any_mutation(data):
    """Stock frames with bytes changed, cut, moved or repeated are read the same."""
    payload = bytearray(made(**data.draw(ATTRIBUTES)))
    positions = st.integers(0, len(payload))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(positions)
        end = min(len(payload), start + data.draw(st.integers(0, 40)))
        pieces = st.one_of(
            st.binary(max_size=6),
            st.sampled_from(
                [*map(text, OWN), b"N", b"K\x01", real(0.5), b"I01\n", b"L5L\n"]
            ),
            st.just(bytes(payload[end : end + 40])),
        )
        payload[start:end] = data.draw(pieces)
    assert_same(bytes(payload))


RUN_PAIRS = st.lists(
    st.tuples(
        st.one_of(st.sampled_from(OWN), st.text(max_size=5)),
        st.one_of(
            st.sampled_from([b"N", b"I00\n", b"I01\n", b"L123L\n", b"L007L\n", b"L-3L\n", b"Ix\n"]),  # noqa: E501
            st.integers(0, 255).map(lambda n: b"K" + bytes([n])),
            st.integers(0, 65535).map(lambda n: b"M" + struct.pack("<H", n)),
            st.integers(-(1 << 31), (1 << 31) - 1).map(lambda n: b"J" + struct.pack("<i", n)),  # noqa: E501
            st.floats().map(real),
            st.text(max_size=8).map(lambda value: text(value) + b"q\x00"),
        ),
    ),
    max_size=6,
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(RUN_PAIRS, RUN_PAIRS, RUN_PAIRS, RUN_PAIRS, st.sampled_from(OWN))
def test_any_order_of_attributes(first, second, third, fourth, last):
    """Stock opcodes in any order, with names missing or twice, are read the same."""

    def pairs(run):
        return b"".join(text(name) + b"q\x01" + value for name, value in run)

    times = b"".join(
        text(name) + b"q\x02" + real(value)
        for name, value in [("created", 1e9), ("msecs", 5.0), ("relativeCreated", 9.0)]
    )
    payload = (
        b"}q\x00(" + text("name") + b"q\x01" + text("app") + b"q\x02" + pairs(first)
        + text("msg") + b"q\x03" + text("hi") + b"q\x04" + pairs(second)
        + times + pairs(third) + text("process") + b"q\x05M\x01\x02"
        + pairs(fourth) + text(last) + b"q\x06Nu."
    )  # fmt: skip
    assert_same(payload)


def test_shortcut_is_taken_on_this_python():
    """The frames of the running Python are what the shortcut was written for."""
    assert StockReader().read(made(taskName=None)) is not None, sys.version
