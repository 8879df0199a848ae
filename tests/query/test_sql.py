"""The shape of the SQL, and what engines make of it."""

import sqlite3
import sys
from datetime import UTC
from itertools import pairwise

import pytest

from collector.query.columns import COLUMNS, Place
from collector.query.conditions import Condition
from collector.query.dialect import SqliteDialect
from collector.query.fields import Value, comparison
from collector.query.like import EXPANSIONS, like_pattern
from collector.query.parser import MAX_TERMS
from collector.query.sql import condition
from collector.query.tree import And, Comparison, Not, Or, Regex, Text, opposite

SITES = "r.call_site_id IN (SELECT id FROM call_sites WHERE "
ORIGINS = "r.origin_id IN (SELECT id FROM origins WHERE "


def made(node) -> Condition:
    return condition(node, SqliteDialect())


def test_what_is_stored_once_is_one_subquery(read):
    """Tests of call sites, and of origins, are gathered from all over an AND."""
    sql = made(read("level>=20 a host:b (line:5 OR -func:c) pid:6 since:1h")).sql

    assert sql.count(SITES) == sql.count(ORIGINS) == 1


@pytest.mark.parametrize("operator", ["AND", "OR"])
def test_a_query_of_one_table_is_its_subquery(read, operator):
    """Where nothing but call sites are asked for, nothing but they are read."""
    sql = made(read(f"-(level:25 {operator} (line:5 OR -line:7))")).sql

    assert sql.startswith(SITES)
    assert sql.count("SELECT") == 1
    assert "r." not in sql[len("r.call_site_id") :]


def test_what_is_cheap_comes_first(read):
    """Numbers and subqueries are tested before texts, patterns at the last."""
    sql = made(read("/x/ bob user:b exc:c host:d level:25 since:1h")).sql
    order = ["r.created >=", SITES, ORIGINS, "LIKE", "r.extra", "CAST(r.message"]
    places = [sql.index(each) for each in order]

    assert places == sorted(places)


def test_values_are_bound(read):
    """No text of a query gets into its SQL."""
    text = "x1 host:x2 host=x3 user.x4:x5 x6>x7 /x8/ level:x9 message:x0*\"'; -- x"
    sql = made(read(text)).sql

    assert not any(f"x{digit}" in sql for digit in range(10))
    assert "'" not in sql.replace("ESCAPE '\\'", "").replace("'\\u'", "").replace(
        "<> ''", ""
    )


def test_functions_have_names_of_their_own(read):
    """Conditions of one dialect can be used on one connection at once."""
    dialect = SqliteDialect(prefix="tail")
    both = [condition(read("host:a user:b"), dialect) for _ in range(2)]
    names = [function.name for each in both for function in each.functions]

    assert names == ["tail_0", "tail_1", "tail_2", "tail_3"]
    assert all(function.arguments == 1 for each in both for function in each.functions)


def test_all_columns_are_where_they_are_said_to_be(store):
    """Each column is in its table and in the view, in the same order of kinds."""
    view = {row[1] for row in store.connection.execute("PRAGMA table_info(logs)")}
    assert view == set(COLUMNS)
    for place in Place:
        known = {
            row[1]
            for row in store.connection.execute(f"PRAGMA table_info({place.value})")
        }
        named = {name for name, column in COLUMNS.items() if column.place is place}
        assert named - {"received"} <= known


def test_columns_are_optional_where_the_view_has_none(store):
    """The view shows NULL for what is optional, and for nothing else."""
    absent = {name: "" for name, c in COLUMNS.items() if c.place is not Place.RECORDS}
    numbers = dict.fromkeys(("process", "thread", "lineno", "levelno"), 0)
    store.add(**{**absent, **numbers})
    (row,) = store.rows()

    for name, column in COLUMNS.items():
        assert (getattr(row, name) is None) is column.optional, name


@pytest.mark.parametrize("operator", [" ", " OR "])
@pytest.mark.parametrize(
    "term", ["host:a", "file:a", "x{}", "u{}:a", "-a{}", "/a{}/", "-file!=a{}"]
)
def test_the_largest_queries_run(store, read, operator, term):
    """SQLite takes as many terms as the parser does, of whatever kind."""
    own = store.add()
    text = operator.join(term.format(number) for number in range(MAX_TERMS))
    node = read(text)

    assert store.found(node) in ([], [own])


def test_the_deepest_queries_run(store, read):
    """SQLite takes as many brackets in each other as the parser does."""
    words = (f"w{number}." for number in range(10_000))
    own = store.add(message=" ".join(f"w{number}." for number in range(10_000)))
    texts = [next(words)] * 4
    for _ in range(16):
        texts[0] = f"{next(words)} (y OR host:b OR -(z {texts[0]}))"
    for _ in range(48):
        texts[1] = f"{next(words)} (y OR {next(words)} {texts[1]})"
        texts[2] = f"(-(y z) OR {texts[2]}) level:20"
    leaves = [next(words) for _ in range(128)]
    for level in range(7):
        operator = " OR " if level % 2 else " "
        leaves = [f"({a}{operator}{b})" for a, b in batched_by_two(leaves)]
    texts[3] = leaves[0]
    for text in texts:
        assert store.found(read(text)) == [own]
        assert store.found(opposite(read(text))) == []


def batched_by_two(values: list[str]) -> list[tuple[str, str]]:
    return list(zip(values[::2], values[1::2], strict=True))


def special_characters() -> dict[str, str]:
    """Return what characters outside ASCII fold to, where that has ASCII in it."""
    return {
        chr(code): chr(code).casefold()
        for code in range(128, sys.maxunicode + 1)
        if any(map(str.isascii, chr(code).casefold()))
    }


def test_all_special_characters_are_known():
    """This Python folds no other characters to texts with ASCII in them."""
    assert set(special_characters().values()) == set(EXPANSIONS)


def test_each_part_of_a_folded_text_is_found(store):
    """Around each special character every part of the folded text is found."""
    for special in special_characters():
        text = f"ab{special}cd"
        store.clear()
        store.add(message=text, exc_text=text)
        folded = text.casefold()
        parts = {
            folded[start:end]
            for start in range(len(folded))
            for end in range(start + 1, len(folded) + 1)
        }
        for part in parts:
            assert len(store.found(Text(part))) == 1, (text, part)


def test_no_part_of_another_text_is_found(store):
    """What looks like a folded text but is another one is not found."""
    for special, folded in special_characters().items():
        store.clear()
        store.add(message=f"ab{special}cd")
        for left, right in pairwise(["b", folded, "c"]):
            wrong = f"{left}_{right}"
            assert store.found(Text(wrong)) == [], (special, wrong)


@pytest.mark.parametrize(
    ("needle", "pattern", "exact"),
    [
        ("error", "error", True),
        ("100%_\\", "100\\%\\_\\\\", True),
        ("connection refused", "connection refu_ed", False),
        ("doesnotoccur", "doe_notoccur", False),
        ("status", "atu", False),
        ("café", "caf", False),
        ("aéé\u0301b", "a%b", False),
        ("sss", "", False),
        ("", "", True),
    ],
)
def test_patterns_leave_open_what_may_be_otherwise(needle, pattern, exact):
    """Only where a character outside ASCII may stand a pattern has a wildcard."""
    made_of = like_pattern(needle)

    assert (made_of.pattern, made_of.exact) == (pattern, exact)


@pytest.mark.parametrize("piece", ["x", "é", "s", "%", "\0", "_\\"])
@pytest.mark.parametrize("length", [199, 201, 60_000, 1_000_000])
def test_needles_of_any_length(store, piece, length):
    """SQLite's limit of patterns is not met, whatever the needle."""
    needle = (piece * length)[:length]
    own = store.add(message=f"a{needle}b")
    store.add(message=f"a{needle[:-1]}")

    assert store.found(Text(needle)) == [own]
    assert store.found(Text(needle + "c")) == []


def test_texts_that_are_no_utf8(store, read):
    """A text that cannot be read is searched without failing the query."""
    if sqlite3.sqlite_version_info < (3, 37):
        pytest.skip("needs CAST to keep the bytes of a strict table")
    store.add(message="x")
    own = store.add(message="y", extra='{"a": 1}')
    store.connection.execute(
        "UPDATE records SET message = CAST(x'c3286162ff' AS TEXT), "
        "extra = CAST(x'7b2261223a22ff227d' AS TEXT), "
        "exc_text = CAST(x'ff' AS TEXT) WHERE id = ?",
        (own,),
    )

    for node in (read("/ab/"), read("ab"), read("has:a"), read("a:\ufffd"), read("é")):
        assert store.found(node) in ([], [own])
    assert store.found(read("/ab/")) == store.found(read("ab")) == [own]


def test_what_no_utf8_can_hold_is_no_trouble(store):
    """Values of flags come from the command line, where any bytes may be."""
    store.add(message="x", extra='{"a": "y"}')
    for field in ("host", "logger", "message", "a", "level"):
        for operator in (":", "=", "!=", "<"):
            if (field, operator) == ("level", "<"):
                continue
            written = Value("\udcff", quoted=True)
            node = comparison((field,), operator, written, now=0.0, zone=UTC)
            assert store.found(node) == ([1] if operator in {"!=", "<"} else [])
    assert store.found(Text("\udcff")) == []
    assert store.found(Text("ab\udcffcd")) == []


def test_a_pattern_out_of_time_fails_the_query(store):
    """SQLite's own error is what comes of a function that ran out of time."""
    store.add(message="a")
    late = condition(Regex("a"), SqliteDialect(lambda: 0.0))

    with pytest.raises(sqlite3.OperationalError):
        store.execute(f"SELECT 1 FROM records AS r WHERE {late.sql}", late)


class Flat:
    """Another engine, with one wide table: only leaves differ."""

    def inside(self, place, condition):
        return condition

    def leaf(self, node):
        name = node.text if isinstance(node, Text) else node.field
        return Condition(f"<{name}>", (name,))


def test_another_dialect():
    """The tree is put together the same way for each engine."""
    a, b, c = Text("a"), Comparison("level", "=", "x"), Text("c")
    sql = condition(And((Not(Or((a, b))), c)), Flat())

    assert sql.sql == "(NOT <level> AND NOT <a> AND <c>)"
    assert sql.parameters == ("level", "a", "c")
