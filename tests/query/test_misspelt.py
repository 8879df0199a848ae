"""Which names of a query look like a field that was misspelt."""

import pytest

from collector.query.misspelt import Misspelt, misspelt


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("levl>=error", "level"),
        ("LEVL>=error", "level"),
        ("lvl:error", "level"),
        ("severity:error", "level"),
        ("Timestamp>5", "created"),
        ("time:today", "created"),
        ("mesage:foo", "message"),
        ("loger:a", "logger"),
        ("hots:web1", "host"),
        ("has:threadnme", "threadName"),
        ("process_name=x", "processName"),
        ("sinc:2h", "since"),
        ("timeout (a OR levl!=error)", "level"),
        ("NOT (a OR -levl:error)", "level"),
    ],
)
def test_like_a_field(read, query, field):
    """A name that no field has, and which a record must have, is told with a field."""
    assert [each.field for each in misspelt(read(query))] == [field]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "levl",
        '"levl:error"',
        "level>=error msg:x HOST:a levelname:info extra:x",
        "user.id=42 user:x status>=500 duration>1 retries=3",
        "uid=3 ms>100 ip:x hash:ab12",
        "extra.levl:error",
        "levl.name:error",
        "-levl:error timeout",
        "-(a OR levl:error)",
        "-has:levl",
    ],
)
def test_like_no_field(read, query):
    """Fields, names like none, those said to be extra's, and what is left out."""
    assert misspelt(read(query)) == []


def test_several(read):
    """Each name is told once, as it was written."""
    assert misspelt(read("Levl:info OR hst:a OR Levl:error")) == [
        Misspelt("Levl", "level"),
        Misspelt("hst", "host"),
    ]
