"""What a query implies for indexes."""

import sqlite3
from contextlib import closing

import pytest

from collector.query.narrowing import (
    call_site_part,
    id_bounds,
    is_exact,
    origin_part,
    time_bounds,
)
from collector.query.trigrams import MAX_PIECES_PER_NEEDLE, trigrams

NOW = 1_700_000_000.0
H = 3600.0


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("a", None, None),
        ("since:1h", NOW - H, None),
        ("until:1h a", None, NOW - H),
        ("since:2h since:1h until:30m until:10m", NOW - H, NOW - H / 2),
        ("since:2h OR since:1h", NOW - 2 * H, None),
        ("since:2h OR a", None, None),
        ("(since:3h until:2h) OR (since:1h until:now)", NOW - 3 * H, NOW),
        ("a (b OR c) since:1h", NOW - H, None),
        ("-since:1h", None, None),
        ("created>1700000000", NOW, None),
        ("created=1700000000", NOW, NOW + 2.0**-22),
        ("created<=1700000000", None, NOW + 2.0**-22),
        ("created!=1700000000", None, None),
        ("received>1700000000", None, None),
    ],
)
def test_time_bounds(read, text, since, until):
    """Times that all sides of a query imply bound it."""
    assert time_bounds(read(text)) == (since, until)


@pytest.mark.parametrize(
    ("text", "least", "greatest"),
    [
        ("id:5", 5, 5),
        ("id>5 id<=9.5", 5, 9),
        ("id>=5.5", 6, None),
        ("id<5 OR id:7", None, 7),
        ("id:3 OR id:8", 3, 8),
        ("id:3 OR a", None, None),
        ("id:3*", None, None),
        ("id!=3", None, None),
        ("-id:3", None, None),
        ("pid:3", None, None),
        ("id>99999999999999999999", 99999999999999999999, None),
    ],
)
def test_id_bounds(read, text, least, greatest):
    """Ids that all sides of a query imply bound it."""
    assert id_bounds(read(text)) == (least, greatest)


@pytest.mark.parametrize(
    ("text", "sites", "origins"),
    [
        ("", None, None),
        ("a", None, None),
        ("level:25 a", "level:25", None),
        ("level:25 host:b a line:5", "level:25 line:5", "host:b"),
        ("level:25 OR a", None, None),
        ("(level:25 a) OR (line:5 host:b)", "level:25 OR line:5", None),
        ("-level:25", "-level:25", None),
        ("-(level:25 line:5) a", "-(level:25 line:5)", None),
        ("-(level:25 a)", None, None),
        ("host:a OR pid:5", None, "host:a OR pid:5"),
        ("file:a", "file:a", None),
        ("has:process", None, "has:process"),
        ("since:1h", None, None),
        ("user:5", None, None),
    ],
)
def test_parts_of_one_table(read, text, sites, origins):
    """What needs one table alone, and is implied, is the part of the table."""
    node = read(text)

    assert call_site_part(node) == (sites and read(sites))
    assert origin_part(node) == (origins and read(origins))


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("", True),
        ("since:1h", True),
        ("level>=warning since:1h until:now -logger:a", True),
        ("level:25 OR line:5", True),
        ("since:1h OR level:25", False),
        ("-since:1h", False),
        ("created>1700000000", False),
        ("level:25 a", False),
        ("host:a", False),
        ("received<now", False),
        ("id:5", False),
    ],
)
def test_what_rollups_can_answer(read, text, exact):
    """A query is exact when its bounds and its part say all that it says."""
    assert is_exact(read(text)) is exact


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("ab", None),
        ("abc", '"abc"'),
        ("abCD", '("abc" AND "bcd")'),
        ("ﬀx", '"ffx"'),
        ("aaaaa", '"aaa"'),
        (r'"a\"b"', '"a""b"'),
        ("abc def", '("abc" AND "def")'),
        ("abc OR def", '("abc" OR "def")'),
        ("abc OR de", None),
        ("abc de", '"abc"'),
        ("-abc", None),
        ("/abc/", None),
        ("abc -def host:ghi", '"abc"'),
        ("message:abc*d*efg", '("abc" AND "efg")'),
        ("exc=ABC", '"abc"'),
        ("message!=abc", None),
        ("stack:abc", None),
        ("abc\x00def", None),
    ],
)
def test_trigrams(read, text, match):
    """The pieces of what must occur are joined as the query joins them."""
    assert trigrams(read(text)) == match


def test_the_pieces_of_a_long_needle_are_few(read):
    """Of a long needle some pieces are looked up, from its start to its end."""
    needle = "".join(map(chr, range(0x4E00, 0x4E00 + 1000)))
    match = trigrams(read(needle))

    assert match is not None
    assert match.count(" AND ") == MAX_PIECES_PER_NEEDLE - 1
    assert match.startswith(f'("{needle[:3]}"')
    assert match.endswith(f'"{needle[-3:]}")')


def index_of(*texts: str) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute(
        "CREATE VIRTUAL TABLE pieces USING fts5(message, exc_text, content='', "
        "detail=none, tokenize='trigram case_sensitive 1')"
    )
    connection.executemany(
        "INSERT INTO pieces (rowid, message, exc_text) VALUES (?, ?, '')",
        [(number, text.casefold()) for number, text in enumerate(texts)],
    )
    return connection


@pytest.mark.parametrize(
    "text",
    [
        " ".join(f"word{number}" for number in range(200)),
        " OR ".join(f"word{number}" for number in range(200)),
        "(" * 49 + "word7" + ")" * 49,
        "word7 (xyz OR word9 " * 49 + "word8" + ")" * 49,
        "message:" + "abc*" * 20,
        '"AND OR NOT NEAR(a b) col: * ^ + - \'"',
        "%%% ___ *** ((())) ".replace("((())) ", ""),
        "é" * 1000,
    ],
    ids=["and", "or", "brackets", "deep", "globs", "operators", "signs", "long"],
)
def test_the_index_takes_any_expression(read, text):
    """FTS5 reads what is made of the largest and the oddest queries."""
    match = trigrams(read(text))
    assert match is not None
    with closing(index_of("nothing of it")) as index:
        found = index.execute("SELECT rowid FROM pieces WHERE pieces MATCH ?", (match,))
        assert found.fetchall() == []


ODD_TEXTS = [
    "Straße", "STRASSE", "ΣΑΣ", "İstanbul", "ﬁne", "a😀b😀", "日本語テキスト",
    "e\u0301te\u0301", 'say "hi"', "100%_\\*", "tab\there", "a\u200db\u200dc", "AND OR",
    "\u212aelvin", "ǅǅǅ", "ᾳᾳᾳ", "ſſſ", "\ufffd\ufffd\ufffd", "   ", "\x01\x02\x03",
    "\U0010ffff\U0010ffff\U0010ffff",
]  # fmt: skip


def test_the_index_finds_odd_texts(read):
    """The index cuts texts into the same pieces, of whatever characters."""
    with closing(index_of(*ODD_TEXTS)) as index:
        for number, text in enumerate(ODD_TEXTS):
            quoted = text.replace("\\", "\\\\").replace('"', '\\"')
            match = trigrams(read(f'"{quoted}"'))
            assert match is not None, text
            rows = index.execute(
                "SELECT rowid FROM pieces WHERE pieces MATCH ?", (match,)
            )
            assert (number,) in rows.fetchall(), text
