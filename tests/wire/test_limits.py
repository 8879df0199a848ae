"""The budgets of one decode, at and just beyond each bound."""

from __future__ import annotations

import pickle

import pytest
from hostile import aliased, extra, memoized, number, record, text

from collector.errors import DecodeError
from collector.wire.decoder import Decoder
from collector.wire.limits import DecodeLimits
from collector.wire.pickles import PickleReader
from collector.wire.plain import plain


def reason(reader, payload: bytes) -> str:
    with pytest.raises(DecodeError) as caught:
        reader(payload)
    return caught.value.reason


def test_opcodes_are_counted():
    """A pickle may have as many opcodes as the budget, and no more."""
    reader = PickleReader(DecodeLimits(max_operations=10))
    assert reader.read(b"N0" * 4 + b"N.") is None
    assert reason(reader.read, b"N0" * 6 + b"N.") == "too_many_operations"


def test_texts_are_charged_before_they_are_decoded():
    """Large texts count with the memory they would take."""
    reader = PickleReader(DecodeLimits(max_text_bytes=400_000))
    ascii_text, wide = text("a" * 300_000), text("é" * 60_000)
    assert reader.read(ascii_text + b".") == "a" * 300_000
    assert reason(reader.read, b"(" + ascii_text * 2 + b"l.") == "too_much_text"
    assert reason(reader.read, wide + b".") == "too_much_text"
    assert reader.read(ascii_text + b".") == "a" * 300_000  # the budget is per payload


def test_values_of_an_attribute_are_cut():
    """What exceeds max_items is left out, and the cut is marked."""
    limits = DecodeLimits(max_items=5)
    assert plain([1, 2, 3, 4, 5, 6, 7], limits) == [1, 2, 3, 4, "…"]
    assert plain({"a": [1, 2], "b": 1, "c": 2}, limits) == {
        "a": [1, 2],
        "b": 1,
        "c": "…",
    }


def test_depth_of_an_attribute_is_cut():
    """What is nested deeper than max_depth is left out, and the cut is marked."""
    limits = DecodeLimits(max_depth=3)
    assert plain([[[[1]]]], limits) == [[["…"]]]
    assert plain({"a": {"b": {"c": {}}}}, limits) == {"a": {"b": {"c": "…"}}}


def test_shared_values_are_no_cycles():
    """One list in two places is shown twice."""
    shared = [1]
    assert plain([shared, {"a": shared}], DecodeLimits()) == [[1], {"a": [1]}]


def test_one_value_under_many_names_is_cut():
    """The budget of values is not had again for each attribute."""
    attributes = Decoder(DecodeLimits()).decode(aliased(b"](" + b"N" * 900 + b"e", 100))
    kept = sum(len(v) for v in attributes.values() if isinstance(v, list))
    assert kept <= 2 * DecodeLimits().max_items


def test_bytes_shown_many_times_are_cut():
    """The texts that bytes become are bounded together."""
    blob = memoized(pickle.dumps(b"\xff" * 10_000, 3)[2:-1].split(b"q\x00")[0])
    payload = record(text("x") + b"](" + b"h\x00" * 3_000 + b"e", blob)
    attributes = Decoder(DecodeLimits()).decode(payload)
    assert sum(map(len, attributes["x"])) <= 16 * 1024 * 1024


@pytest.mark.parametrize("digits", [4300, 4301])
def test_decimal_numbers_have_at_most_4300_digits(digits):
    """Numbers as text are read up to the length that Python itself reads."""
    payload = extra(b"L" + b"9" * digits + b"L\n")
    if digits == 4300:
        assert Decoder(DecodeLimits()).decode(payload)["x"] == int("9" * 4300)
    else:
        assert reason(Decoder(DecodeLimits()).decode, payload) == "malformed_pickle"


def test_keys_are_bounded_texts():
    """Keys of any type become short texts, numbers without quadratic time."""
    items = b"K\x01NNN\x88N" + text("k" * 300) + b"N" + number(1 << 5000) + b"N"
    keys = list(Decoder(DecodeLimits()).decode(extra(b"}(" + items + b"u"))["x"])
    assert keys[:3] == ["1", "None", "True"]
    assert keys[3] == "k" * 256 + "…"
    assert keys[4].startswith("0x1000")
    assert len(keys[4]) <= 257


def test_keys_that_are_no_scalars_stay_apart():
    """Tuples and members of an Enum as keys do not fall into one entry."""
    pairs = pickle.dumps({"x": {("a", 1): 1, ("a", 2): 2}, "msg": "m"}, 2)
    assert len(Decoder(DecodeLimits()).decode(pairs)["x"]) == 2
    members = b"}(cx\nColor\nK\x01\x85RK\x01cx\nColor\nK\x02\x85RK\x02u"
    found = Decoder(DecodeLimits()).decode(extra(members))["x"]
    assert sorted(found.values()) == [1, 2]
    assert not any("Instance" in key for key in found)


def test_reader_is_unharmed_by_a_bad_payload():
    """After a reject the same decoder reads the next payload."""
    decoder = Decoder(DecodeLimits())
    good = record()
    expected = decoder.decode(good)
    for bad in (b"", b"N.", good[:-9], b"}(" * 50, b'{"msg":', b"\x81\xa3msg"):
        reason(decoder.decode, bad)
        assert decoder.decode(good) == expected
