"""What queries mean of extra attributes, told by the predicate and by SQL."""

import json

import pytest

from collector.query.predicate import matches

# What finds a record with these, and what does not.
EXTRAS = {
    '{"user": {"id": 42}}': (
        [
            "user.id=42",
            "user.id:42",
            "user.id:4*",
            "user.id>41.5",
            "user.id<=42",
            "user.id!=41",
            "user.id=42.0",
            'user.id="42"',
            "user.id=4.2e1",
            "has:user",
            "has:user.id",
            "-has:ident",
            "-ident.x:1",
            "extra.user.id:42",
            'extra:"id"',
            'extra."user"."id"=42',
            '-extra."user.id"=4',
            "-user:*",
            "-user!=x",
        ],
        [
            "user.id=43",
            "user.id!=42",
            "user:42",
            "has:id.x",
            "user.name:*",
            "user.id>42",
            'user.id="42.0"',
            'user.id>"1"',
            "user.id>a",
            "user.id<a",
            "user.id=4*",
        ],
    ),
    '{"http.status": 500, "a": {"b.c": {"d": "x"}}}': (
        [
            "http.status:500",
            "http.status>=500",
            "a.b.c.d:X",
            'a."b.c".d=x',
            "has:a.b.c",
            'extra."http.status":500',
            "has:a",
        ],
        ["http:500", "status:500", "a.b:x", "has:a.b", 'a."b.c.d":x'],
    ),
    '{"http": {"status": 500}, "http.status": 200}': (
        ["http.status:500", "http.status:200", "http.status!=500"],
        ["http.status:404"],
    ),
    '{"n": "42.0", "v": "1.10", "t": "Abc"}': (
        [
            "n=42",
            "n:42",
            "n>41",
            'n="42.0"',
            "n:42.*",
            "v=1.1",
            "t:aBC",
            "t=Abc",
            "t>ABC",
            "t<abc",
            "t!=5",
            'v<"1.2"',
            "v!=1",
            "t:a*c",
        ],
        ["n=43", 'n="42"', 'v="1.1"', "t=abc", "t>5", "t<5", "t:b*", "n>x"],
    ),
    '{"a": "1e999", "b": "nan", "c": "1_0", "d": " 1", "e": "\u0663"}': (
        ["a=1e999", "b=nan", "b:NAN", "c=1_0", "c!=10", "d!=1", "e=\u0663", "a!=5"],
        ["a>1", "b<5", "b>5", "c=10", "d=1", "e=3", "a=1e998", "b!=nan"],
    ),
    '{"i": 9007199254740993, "f": 1.5, "m": -7, "h": 123456789012345678901234567890}': (
        [
            "i=9007199254740993",
            "i>9007199254740992",
            "f=1.5",
            "f:1*",
            "m<0",
            "m=-7",
            "h>99999999999999999999",
            "h=123456789012345678901234567890",
            "m:-7",
        ],
        ["i=9007199254740992", "i=9007199254740992.0", "f=1", "m>-7", "h<0"],
    ),
    '{"yes": true, "no": false, "nil": null}': (
        [
            "yes:true",
            "yes:TRUE",
            "yes=true",
            "no:false",
            "nil:null",
            "has:yes",
            "has:no",
            "yes!=false",
            "nil!=1",
            "-has:nil",
            "yes!=1",
            "yes>false",
        ],
        ["yes=1", "yes=TRUE", "no=0", "has:nil", "nil=0", "yes>0", "no:0", "nil<1"],
    ),
    '{"tags": ["red", ["blue", 7], {"k": [1, 2]}], "e": [], "o": {}}': (
        [
            "tags:red",
            "tags:blue",
            "tags=7",
            "tags.k=2",
            "has:tags",
            "has:tags.k",
            "tags!=red",
            "-tags=green",
            "has:e",
            "has:o",
            "tags>6",
            "tags:b*",
        ],
        ["tags:green", "-tags=red", "tags.k=3", "e:*", "o:*", "tags=1", "e!=1"],
    ),
    r'{"odd \"key\"": 1, "\u0061\u0062": 2, "\u00e9": 3, "x\\": 4, "": {"": 5}}': (
        [
            r'extra."odd \"key\""=1',
            "ab=2",
            "é=3",
            r'extra."x\\"=4',
            'extra."".""=5',
            "has:ab",
        ],
        ['extra."odd key"=1', "a=2", 'extra.""=5'],
    ),
    '{"level": "high", "host": "inner", "extra": {"x": 1}}': (
        [
            "extra.level:high",
            "extra.host:inner",
            "extra.extra.x=1",
            "extra:high",
            "has:extra",
            "has:extra.level",
            'extra:"\\"high\\""',
        ],
        ["level:high", "host:inner", "extra:low", "extra.x=1"],
    ),
    '{"a": 1, "a": 2}': (["a=2"], ["a=1"]),
    "[1]": (["has:extra", "-a=1", "extra:1"], ["a=1", "has:a"]),
    "{": (["has:extra", "-a=1"], ["has:a", "a!=1"]),
    "": (["has:extra", "-has:a"], ["a!=1"]),
    '{"a": 1e999}': (["-has:a"], ["a:*"]),
    '{"a": "\\ud800"}': (["-has:a"], ["a:*"]),
    '{"a": ' + "[" * 5000 + "]" * 5000 + "}": (["-a:x"], ["a:x"]),
    None: (["-has:extra", "-a:1", "-extra:*"], ["has:extra", "a!=1", "extra!=x"]),
}


@pytest.mark.parametrize("extra", EXTRAS, ids=lambda extra: str(extra)[:24])
def test_what_finds_extra_attributes(store, read, extra):
    """Names that are no fields are looked up in the extra attributes."""
    own = store.add(extra=extra)
    (row,) = store.rows()

    for text in EXTRAS[extra][0] + EXTRAS[extra][1]:
        node = read(text)
        wanted = text in EXTRAS[extra][0]
        assert matches(node, row) is wanted, text
        assert store.found(node) == [own] * wanted, text


def test_a_huge_extra_is_read(store, read):
    """A megabyte of extra attributes is no trouble."""
    attributes = {f"key{number}": "x" * 50 for number in range(20_000)}
    store.add(extra=json.dumps(attributes))

    assert len(store.found(read("key19999:x*"))) == 1
    assert store.found(read("key20000:x*")) == []
