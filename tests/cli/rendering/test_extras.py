"""Extra attributes are found by path and shown as pairs."""

import pytest

from collector.cli.rendering.extras import decoded, found, pairs_text

DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    ("extra", "value"),
    [
        (None, None),
        ('{"a":{"b":[1,2.5,true,null]}}', {"a": {"b": [1, 2.5, True, None]}}),
        ('{"n":123456789012345678901234}', {"n": 123456789012345678901234}),
        ("not JSON", "not JSON"),
        ('{"a":NaN}', '{"a":NaN}'),
        ('{"a":1e999}', '{"a":1e999}'),
        ('"\ud800"', '"\ud800"'),
        (b'{"a":1}', {"a": 1}),
        (DEEP, DEEP),
        (5, 5),
    ],
)
def test_decoded(extra, value):
    """JSON is read; what is none stays the text it is."""
    assert decoded(extra) == value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("user", {"id": 42, "name.full": "Ann"}),
        ("user.id", 42),
        ("user.name.full", "Ann"),
        ("http.status", 500),
        ("http.other", "nested"),
        ("items.id", [1, 2]),
        ("items", [{"id": 1}, 5, {"id": 2}, {"id": None}]),
        ("items.nope", None),
        ("none", None),
        ("user.id.deeper", None),
        ("nope", None),
    ],
)
def test_found(path, value):
    """Dots go into objects and lists; a key with dots is found as such first."""
    extra = {
        "user": {"id": 42, "name.full": "Ann"},
        "http": {"status": 200, "other": "nested"},
        "http.status": 500,
        "items": [{"id": 1}, 5, {"id": 2}, {"id": None}],
        "none": None,
    }

    assert found(extra, path.split(".")) == value


def test_a_shorter_key_is_taken_where_the_longer_leads_nowhere():
    """A key that holds dots hides nothing that only the shorter one has."""
    extra = {"a.b": {"x": 1}, "a": {"b": {"c": 2}}}

    assert found(extra, ["a", "b", "c"]) == 2


@pytest.mark.parametrize("value", [None, "text", 5, [1]])
def test_nothing_is_found_in_what_is_no_object(value):
    """An extra that is no object has no keys."""
    assert found(value, ["a"]) is None


@pytest.mark.parametrize(
    ("extra", "shown"),
    [
        ("{}", ""),
        ('{"a":1,"b":"x-y","c":true,"d":null}', "a=1 b=x-y c=true d=null"),
        ('{"a":"two words","e":""}', 'a="two words" e=""'),
        ('{"a":"x=\\"y\\"\\n"}', 'a="x=\\"y\\"\\n"'),
        ('{"odd key":{"n":[1,{"m":"é"}]}}', '"odd key"={"n":[1,{"m":"é"}]}'),
        ('{"a":"\\u001b[31m","\\u202e":"\\u009b"}', "a=\\x1b[31m \\u202e=\\x9b"),
        ("no\nJSON", "no\\x0aJSON"),
        ("[1, 2]", "[1, 2]"),
    ],
)
def test_pairs(extra, shown):
    """Pairs stand on one line, quoted where they would run into each other."""
    assert pairs_text(extra) == shown
