"""SQL, the predicate and the index agree, whatever the records and queries."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.errors import QueryError
from collector.query.columns import COLUMNS, Kind
from collector.query.fields import Value, comparison
from collector.query.narrowing import (
    call_site_part,
    id_bounds,
    is_exact,
    origin_part,
    time_bounds,
)
from collector.query.parser import parse
from collector.query.predicate import predicate
from collector.query.tree import (
    Comparison,
    Everything,
    Glob,
    Has,
    Path,
    Regex,
    Since,
    Text,
    Until,
    either,
    every,
    opposite,
)
from collector.query.trigrams import trigrams

NOW = 1_700_000_000.0

# Letters that others fold to, what folds to several, what SQL and LIKE treat
# in a way of their own, and what is more than one byte or one unit.
ODD = "kKs\u212aſßẞﬁﬃﬆŉİıiIéÉe\u0301ΑΣςσ😀%_\\*\"'-:./ aAnN1\n"
odd_text = st.text(st.sampled_from(ODD), max_size=8)
word = st.sampled_from(
    ["task", "Tasks", "DISK full", "stress", "straße", "Efﬁcient", "a.b", "a.b.c"]
)
text = st.one_of(odd_text, word, st.builds("{}{}{}".format, odd_text, word, odd_text))
# A text of the interned tables; '' is one that is absent.
name = st.one_of(st.sampled_from(["", "web1", "Web", "a.b", "a.b.c", "5"]), text)
optional = st.one_of(st.none(), st.none(), text)
number = st.one_of(
    st.integers(0, 6), st.sampled_from([10, 20, 25, 30, 2**53 + 1, 2**62])
)
key = st.sampled_from(["a", "b", "a.b", "é", 'q"', "user", "id", "x\\"])
leaf = st.one_of(
    text,
    st.integers(-3, 50),
    st.sampled_from([2**53 + 1, 2**70, 1.5, 42.0, 1e300]),
    st.booleans(),
    st.none(),
    st.sampled_from(["42", "42.0", "1e999", "nan", "1_0", "true", "NULL", "٣"]),
)
value = st.recursive(
    leaf,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(key, inner, max_size=3)
    ),
    max_leaves=6,
)
extra = st.one_of(
    st.none(),
    st.builds(
        lambda attributes, ascii_only: json.dumps(attributes, ensure_ascii=ascii_only),
        st.dictionaries(key, value, max_size=4),
        st.booleans(),
    ),
    st.sampled_from(["[1]", "{", "", '"a"', '{"a":1e999}', '{"a":"\\ud800"}']),
)
record = st.fixed_dictionaries(
    {},
    optional={
        "created": st.one_of(
            st.sampled_from([NOW - 3600, NOW, 0.0, -1.5]),
            st.floats(-1e9, 1e11),
        ),
        "delay_ms": st.integers(-1000, 10_000),
        "message": text,
        "taskName": optional,
        "exc_text": optional,
        "stack_info": optional,
        "extra": extra,
        "name": name,
        "pathname": st.one_of(name, st.sampled_from(["/srv/a/db.py", "a/db.py"])),
        "lineno": number,
        "funcName": name,
        "filename": st.sampled_from(["", "db.py", "DB.py", "é.py"]),
        "module": name,
        "levelno": st.sampled_from([0, 10, 20, 25, 30, 40]),
        "level": st.sampled_from(["INFO", "WARNING", "Audit", "", "NOTSET"]),
        "hostname": name,
        "process": number,
        "processName": name,
        "peer": name,
        "thread": number,
        "threadName": name,
    },
)
records = st.lists(record, min_size=1, max_size=8)


def pieces_of(data, whole: str) -> str:
    """Return some piece of a text, so that queries find something."""
    start = data.draw(st.integers(0, len(whole)))
    return whole[start : data.draw(st.integers(start, len(whole)))]


def texts_in(stored) -> list[str]:
    texts = {v for one in stored for v in one.values() if isinstance(v, str)}
    return sorted(texts | {""})


def draw_text(data, stored) -> str:
    whole = data.draw(st.sampled_from(texts_in(stored)) | text)
    how = data.draw(st.sampled_from(["piece", "whole", "upper", "folded", "swapped"]))
    if how == "piece":
        return pieces_of(data, whole)
    changes = {
        "whole": str,
        "upper": str.upper,
        "folded": str.casefold,
        "swapped": str.swapcase,
    }
    return changes[how](whole)


def draw_glob(data, stored) -> Glob:
    parts = [draw_text(data, stored) for _ in range(data.draw(st.integers(1, 3)))]
    if data.draw(st.booleans()):
        parts = ["", *parts, ""]
    return Glob(tuple(parts))


ORDERS = ["=", "!=", ">", ">=", "<", "<="]
paths = st.lists(key, min_size=1, max_size=3).map(lambda keys: Path(tuple(keys)))


def draw_number(data, stored, column: str) -> float:
    known = [one[column] for one in stored if column in one]
    numbers = st.sampled_from([-(2**64), 0, 1, 1.5, 42, 2**53 + 1, 2**70, NOW])
    return data.draw(st.sampled_from(known) | numbers if known else numbers)


def draw_leaf(data, stored):
    """Return a leaf of whatever kind, also such as the parser never makes."""
    kind = data.draw(
        st.sampled_from(["text", "column", "extra", "has", "time", "regex", "all"])
    )
    if kind == "text":
        return Text(draw_text(data, stored))
    if kind == "has":
        return Has(data.draw(st.sampled_from(sorted(COLUMNS)) | paths))
    if kind == "time":
        epoch = draw_number(data, stored, "created")
        return data.draw(st.sampled_from([Since, Until]))(float(epoch))
    if kind == "regex":
        return Regex(data.draw(st.sampled_from(["s+k", "^.$", "ß", "[a-k]{3}", "i̇"])))
    if kind == "all":
        return Everything()
    if kind == "extra":
        path = data.draw(paths)
        if data.draw(st.booleans()):
            return Comparison(path, ":", draw_glob(data, stored))
        order = data.draw(st.sampled_from(ORDERS))
        numbers = st.integers(-3, 50) | st.sampled_from([42.0, 1.5, 2**53, 2**70])
        wanted = data.draw(numbers | st.none())
        return Comparison(
            path, order, draw_text(data, stored) if wanted is None else wanted
        )
    column = data.draw(st.sampled_from(sorted(COLUMNS)))
    order = data.draw(st.sampled_from([":", *ORDERS]))
    numeric = COLUMNS[column].kind in {Kind.NUMBER, Kind.TIME}
    if order == ":":
        if COLUMNS[column].kind is Kind.TIME:
            return Everything()
        wanted = Glob(("2", "")) if numeric else draw_glob(data, stored)
    elif numeric:
        wanted = draw_number(data, stored, column)
    else:
        wanted = draw_text(data, stored)
        if order == "=" and data.draw(st.booleans()):
            wanted = draw_glob(data, stored)
    return Comparison(column, order, wanted)


def draw_node(data, stored, depth: int = 3):
    kind = data.draw(st.sampled_from(["leaf", "leaf", "and", "or", "not"]))
    if kind == "leaf" or not depth:
        return draw_leaf(data, stored)
    if kind == "not":
        return opposite(draw_node(data, stored, depth - 1))
    children = [
        draw_node(data, stored, depth - 1) for _ in range(data.draw(st.integers(1, 4)))
    ]
    return every(*children) if kind == "and" else either(*children)


def fill(store, stored) -> None:
    store.clear()
    for one in stored:
        store.add(**one)


def wanted_ids(store, node) -> list[int]:
    holds = predicate(node)
    return [row.id for row in store.rows() if holds(row)]


many = settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@many
@given(data=st.data(), stored=records)
def test_sql_finds_what_the_predicate_holds_for(shared_store, data, stored):
    """SQL over the tables finds the rows of the view that the predicate keeps."""
    fill(shared_store, stored)
    node = draw_node(data, stored)

    assert shared_store.found(node) == wanted_ids(shared_store, node)
    assert shared_store.verdicts(node) <= {0, 1}


@many
@given(data=st.data(), stored=records)
def test_each_leaf_alone_agrees(shared_store, data, stored):
    """What one test finds, and what its opposite finds, is every record once."""
    fill(shared_store, stored)
    node = draw_leaf(data, stored)
    found = shared_store.found(node)

    assert found == wanted_ids(shared_store, node)
    others = shared_store.found(opposite(node))
    assert sorted(found + others) == [row.id for row in shared_store.rows()]


@many
@given(data=st.data(), stored=records)
def test_narrowing_loses_nothing(shared_store, data, stored):
    """Every record that a query finds is within what the query implies."""
    fill(shared_store, stored)
    node = draw_node(data, stored)
    found = wanted_ids(shared_store, node)
    since, until = time_bounds(node)
    least, greatest = id_bounds(node)
    parts = [part for part in (call_site_part(node), origin_part(node)) if part]

    for row in shared_store.rows():
        if row.id in found:
            assert since is None or row.created >= since
            assert until is None or row.created < until
            assert least is None or row.id >= least
            assert greatest is None or row.id <= greatest
            assert all(predicate(part)(row) for part in parts)
    if is_exact(node):
        site = call_site_part(node) or Everything()
        exact = every(site, *([Since(since)] if since is not None else []))
        exact = every(exact, *([Until(until)] if until is not None else []))
        assert wanted_ids(shared_store, exact) == found


def indexed(store) -> sqlite3.Connection:
    """Return a trigram index over the folded texts of all records."""
    index = sqlite3.connect(":memory:")
    index.execute(
        "CREATE VIRTUAL TABLE pieces USING fts5(message, exc_text, content='', "
        "detail=none, tokenize='trigram case_sensitive 1')"
    )
    for row in store.rows():
        index.execute(
            "INSERT INTO pieces (rowid, message, exc_text) VALUES (?, ?, ?)",
            (row.id, row.message.casefold(), (row.exc_text or "").casefold()),
        )
    return index


def draw_text_node(data, stored, depth: int = 3):
    """Return a query about texts, which is what the index can help with."""
    kind = data.draw(st.sampled_from(["text", "glob", "exact", "and", "or", "other"]))
    if kind == "text" or not depth:
        return Text(draw_text(data, stored))
    column = data.draw(st.sampled_from(["message", "exc_text"]))
    if kind == "glob":
        return Comparison(column, ":", draw_glob(data, stored))
    if kind == "exact":
        return Comparison(column, "=", draw_text(data, stored))
    if kind == "other":
        return draw_leaf(data, stored)
    children = [draw_text_node(data, stored, depth - 1) for _ in range(2)]
    return every(*children) if kind == "and" else either(*children)


@many
@given(data=st.data(), stored=records)
def test_the_index_loses_nothing(shared_store, data, stored):
    """The index gives all records that a query finds, and perhaps others."""
    fill(shared_store, stored)
    node = draw_text_node(data, stored)
    match = trigrams(node)
    if match is None:
        return
    with closing(indexed(shared_store)) as index:
        rows = index.execute("SELECT rowid FROM pieces WHERE pieces MATCH ?", (match,))
        given_by_index = {row[0] for row in rows}

    assert given_by_index >= set(wanted_ids(shared_store, node))


FIELDS = [
    "level", "logger", "host", "pid", "process", "thread", "file", "line", "func",
    "module", "task", "peer", "id", "message", "exc", "stack", "a", "a.b", "user.id",
    "extra.level", 'extra."q\\""',
]  # fmt: skip


def quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


@many
@given(data=st.data(), stored=records)
def test_written_queries_agree(shared_store, data, stored):
    """A query that is written, with values of the records in it, agrees too."""
    fill(shared_store, stored)
    terms = []
    for _ in range(data.draw(st.integers(1, 4))):
        value = draw_text(data, stored)
        if data.draw(st.booleans()):
            value = quoted(value)
        if data.draw(st.booleans()):
            field = data.draw(st.sampled_from(FIELDS))
            value = field + data.draw(st.sampled_from([":", *ORDERS])) + value
        terms.append(data.draw(st.sampled_from(["", "-", "NOT "])) + value)
        terms.append(data.draw(st.sampled_from(["", "AND", "OR"])))
    try:
        node = parse(" ".join(terms[:-1]), now=NOW, zone=UTC)
    except QueryError:
        return

    assert shared_store.found(node) == wanted_ids(shared_store, node)


@many
@given(wanted=text, stored=records)
def test_a_quoted_phrase_is_looked_for_as_it_is(shared_store, wanted, stored):
    """A phrase in quotes is found where its folded text is in the folded texts."""
    fill(shared_store, stored)
    node = parse(quoted(wanted), now=NOW, zone=UTC)
    folded = wanted.casefold()

    assert node == Text(wanted)
    assert shared_store.found(node) == [
        row.id
        for row in shared_store.rows()
        if folded in row.message.casefold() or folded in (row.exc_text or "").casefold()
    ]


@pytest.mark.parametrize("operator", [":", "=", "!="])
def test_a_record_is_found_by_each_of_its_own_values(store, make_row, operator):
    """Each column finds a record by the value that it has, and no other value."""
    own = store.add(taskName="T", exc_text="E", stack_info="S", extra='{"a":1}')
    (row,) = store.rows()

    for column, known in COLUMNS.items():
        if known.kind is Kind.TIME:
            continue
        written = Value(str(getattr(row, column)), quoted=known.kind is not Kind.NUMBER)
        node = comparison((column,), operator, written, now=NOW, zone=UTC)
        assert store.found(node) == ([] if operator == "!=" else [own]), column
