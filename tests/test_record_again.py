"""A record that is made again of what `attributes_of` tells."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_record import NAMES, TREES

from collector.record import RECORD_FIELDS, Record, attributes_of, normalise
from collector.wire.decoder import Decoder
from collector.wire.limits import DecodeLimits

RECEIVED = 1_800_000_000.25


def made(attributes: dict[str, object]) -> Record:
    return normalise(attributes, received=RECEIVED, peer="::1", hostname="box")


def again(record: Record) -> Record:
    """Make it again, as the spool does with what a stop could not store."""
    payload = msgspec.msgpack.encode(attributes_of(record))
    return made(Decoder(DecodeLimits()).decode(payload))


def values(record: Record) -> dict[str, object]:
    told = {name: getattr(record, name) for name in RECORD_FIELDS}
    # The order of names in JSON means nothing.
    told["extra"] = record.extra and json.loads(record.extra)
    return told


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(NAMES, TREES, max_size=10), TREES)
def test_a_record_is_made_again(attributes, message):
    """What a stop could not store becomes the same record at the next start."""
    record = made({**attributes, "msg": message})

    assert values(again(record)) == values(record)


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"relativeCreated": 0.0},
        {"created": 5.0, "relativeCreated": 7000.0},
        {"name": "x" * 6000},
        {"pathname": "x" * 6000, "taskName": "y" * 600, "name": 5},
        {"levelname": "z" * 600, "_repaired": {"a": 1}},
        {"levelname": "warn"},
        {"levelno": 35, "levelname": "WARNING"},
        {"hostname": ["web1"]},
        {"host": "web1"},
        {"args": [1], "exc_info": "kept", "z": float("inf"), "n": 1 << 70},
        {"peer": "a", "received": 1, "started": 2, "extra": {"a": None}},
        {"long": "x" * (1 << 20)},
        {"exc_text": "Traceback", "stack_info": "a\0b\ud800"},
    ],
)
def test_repairs_are_not_made_twice(attributes):
    """What was cut, or was never told, is the same the second time."""
    record = made({"msg": "hello", **attributes})

    assert values(again(record)) == values(record)


def test_long_names_of_escapes_are_cut():
    """A name that its escapes make longer than names may be stays bounded."""
    record = made({"msg": "hello", "name": "\0" * 500})
    assert len(record.name) == 1000

    assert again(record).name == record.name[:512] + "\N{HORIZONTAL ELLIPSIS}"
