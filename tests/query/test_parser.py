"""Text to tree."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collector.errors import QueryError
from collector.query.parser import MAX_LEVELS, MAX_TERMS
from collector.query.tree import (
    And,
    Comparison,
    Everything,
    Glob,
    Has,
    Not,
    Or,
    Path,
    Regex,
    Since,
    Text,
    Until,
)

A, B, C = Text("a"), Text("b"), Text("c")


def name(operator, value, field="hostname"):
    return Comparison(field, operator, value)


def glob(field, *parts):
    return Comparison(field, ":", Glob(parts))


TREES = {
    "": Everything(),
    " \t\n\u00a0": Everything(),
    "a": A,
    "a b": And((A, B)),
    "a AND b": And((A, B)),
    "a OR b": Or((A, B)),
    "a b OR c": Or((And((A, B)), C)),
    "a (b OR c)": And((A, Or((B, C)))),
    "a(b OR c)": And((A, Or((B, C)))),
    "((a)) (b c)": And((A, B, C)),
    "a a": A,
    "a OR a": A,
    "-a": Not(A),
    "NOT a": Not(A),
    "NOT NOT a": A,
    "-(a b)": Not(And((A, B))),
    "-a b": And((Not(A), B)),
    "NOT (a OR -b)": Not(Or((A, Not(B)))),
    "(a -)": And((A, Text("-"))),
    "- a": And((Text("-"), A)),
    "--a": Text("--a"),
    "and or not": And((Text("and"), Text("or"), Text("not"))),
    "ANDY NOTE ORB": And((Text("ANDY"), Text("NOTE"), Text("ORB"))),
    '"a b"': Text("a b"),
    '"AND"': Text("AND"),
    '"a\nb"': Text("a\nb"),
    r'"a\"b\\c\d"': Text(r"a\"b\c\d".replace(r"\"", '"')),
    '""': Text(""),
    'it\'s {"a": 1}': And((Text("it's"), Text('{"a":'), Text("1}"))),
    "foo* 100% a_b": And((Text("foo*"), Text("100%"), Text("a_b"))),
    "main() f(x)": And((Text("main()"), Text("f(x)"))),
    "(f(x))": Text("f(x)"),
    "/a b/": Regex("a b"),
    r"/a\/b/": Regex(r"a\/b"),
    "-/a/": Not(Regex("a")),
    "(/a/)": Regex("a"),
    "/a/b": Text("/a/b"),
    "/a/b/": Text("/a/b/"),
    "//": Text("//"),
    "http://a:80/b?c=1": Text("http://a:80/b?c=1"),
    "std::map<int>": Text("std::map<int>"),
    "::1 fe80::1": And((Text("::1"), Text("fe80::1"))),
    "C:\\a C:/a": And((Text("C:\\a"), Text("C:/a"))),
    "12:30:05 1=2": And((Text("12:30:05"), Text("1=2"))),
    "a->b": Text("a->b"),
    "ValueError: a": And((Text("ValueError:"), A)),
    "host:web1": glob("hostname", "web1"),
    "HOST:web1": glob("hostname", "web1"),
    "hostname:web1": glob("hostname", "web1"),
    "host:w*b*": glob("hostname", "w", "b", ""),
    "host:w**b": glob("hostname", "w", "b"),
    r"host:w\*b\c": glob("hostname", r"w*b\c"),
    'host:"w*b"': glob("hostname", "w*b"),
    'host:""': glob("hostname", ""),
    "host:a:b": glob("hostname", "a:b"),
    "host:-a": glob("hostname", "-a"),
    "-host:a": Not(glob("hostname", "a")),
    "(host:a)": glob("hostname", "a"),
    "host=a*": name("=", "a*"),
    "host!=a": name("!=", "a"),
    'host>"a b"': name(">", "a b"),
    "host<=a": name("<=", "a"),
    "logger:a.b": Or((glob("name", "a.b"), glob("name", "a.b.", ""))),
    "logger=a.b": name("=", "a.b", "name"),
    "level:warning": Or((Comparison("levelno", "=", 30), glob("level", "warning"))),
    "level:Fatal": Or((Comparison("levelno", "=", 50), glob("level", "Fatal"))),
    "level=info": Or((Comparison("levelno", "=", 20), name("=", "info", "level"))),
    "level!=audit": Not(name("=", "audit", "level")),
    "level:audit": glob("level", "audit"),
    "level:w*": glob("level", "w", ""),
    "level:25": Comparison("levelno", "=", 25),
    "level>=warn": Comparison("levelno", ">=", 30),
    "level<NOTSET": Comparison("levelno", "<", 0),
    "level>25": Comparison("levelno", ">", 25),
    "pid:5": Comparison("process", "=", 5),
    "pid>5": Comparison("process", ">", 5),
    "pid:5*": glob("process", "5", ""),
    "process:5": Comparison("process", "=", 5),
    "process:5a": glob("processName", "5a"),
    'process:"5"': glob("processName", "5"),
    "thread!=5": Comparison("thread", "!=", 5),
    "thread:Main*": glob("threadName", "Main", ""),
    "line:17": Comparison("lineno", "=", 17),
    "line>1.5": Comparison("lineno", ">", 1.5),
    "id:99999999999999999999": Comparison("id", "=", 99999999999999999999),
    "file:a/b.py": Or(
        (
            glob("filename", "a/b.py"),
            glob("pathname", "a/b.py"),
            glob("pathname", "", "/a/b.py"),
        )
    ),
    "file=b.py": Or(
        (
            Comparison("filename", "=", Glob(("b.py",))),
            Comparison("pathname", "=", Glob(("b.py",))),
            Comparison("pathname", "=", Glob(("", "/b.py"))),
        )
    ),
    "message:a*b": glob("message", "", "a", "b", ""),
    "exc:a": glob("exc_text", "", "a", ""),
    "stack=a": name("=", "a", "stack_info"),
    "task:a": glob("taskName", "a"),
    "extra:a": glob("extra", "", "a", ""),
    "user.id=42": Comparison(Path(("user", "id")), "=", 42),
    "user.id:42": Comparison(Path(("user", "id")), "=", 42),
    'user.id:"42"': glob(Path(("user", "id")), "42"),
    'user.id>"42"': Comparison(Path(("user", "id")), ">", "42"),
    "user-id=1e3": Comparison(Path(("user-id",)), "=", 1000.0),
    "a=1e999": Comparison(Path(("a",)), "=", "1e999"),
    "a=1_0": Comparison(Path(("a",)), "=", "1_0"),
    "a=nan": Comparison(Path(("a",)), "=", "nan"),
    "a=\u0663": Comparison(Path(("a",)), "=", "\u0663"),
    "@ts:x $a.b=y": And(
        (glob(Path(("@ts",)), "x"), Comparison(Path(("$a", "b")), "=", "y"))
    ),
    "größe>5": Comparison(Path(("größe",)), ">", 5),
    "extra.level=5": Comparison(Path(("level",)), "=", 5),
    'extra."odd \\"key"=1': Comparison(Path(('odd "key',)), "=", 1),
    'a."b.c".d:x': glob(Path(("a", "b.c", "d")), "x"),
    "a..b:x": glob(Path(("a", "", "b")), "x"),
    "host.name:x": glob(Path(("host", "name")), "x"),
    "has:exc": Has("exc_text"),
    "HAS:user.id": Has(Path(("user", "id"))),
    'has:extra."a b"': Has(Path(("a b",))),
    "has:process": Or((Has("process"), Has("processName"))),
    "has:file": Or((Has("filename"), Has("pathname"))),
    "-has:extra": Not(Has("extra")),
    "since:2h": Since(1_699_992_800.0),
    "until:1700000001": Until(1_700_000_001.0),
    'since:"2023-11-14 10:00"': Since(1_699_956_000.0),
    "created>=1700000001": Since(1_700_000_001.0),
    "created<1700000001": Until(1_700_000_001.0),
    "created>1700000001": Comparison("created", ">", 1_700_000_001.0),
    "created:1700000001": Comparison("created", "=", 1_700_000_001.0),
    "created:today": And((Since(1_699_920_000.0), Until(1_700_006_400.0))),
    "received:2023-11-14": And(
        (
            Comparison("received", ">=", 1_699_920_000.0),
            Comparison("received", "<", 1_700_006_400.0),
        )
    ),
    "a\x00b": Text("a\x00b"),
    "a\ud800b": Text("a\ufffdb"),
}


@pytest.mark.parametrize(("text", "tree"), TREES.items(), ids=map(ascii, TREES))
def test_a_query_is_read(read, text, tree):
    """Each form of the language becomes its tree."""
    assert read(text) == tree


def test_not_equal_to_a_file_needs_a_file(read):
    """A record without a file does not differ from one."""
    tree = read("file!=a")

    assert tree == And((read("has:file"), Not(read("file=a"))))


MISTAKES = {
    "a )": (2, "no bracket is open"),
    "(a": (0, "closes this one"),
    "((a) (b": (0 + 5, "closes this one"),
    "()": (1, "a term before )"),
    "(a OR)": (5, "a term before )"),
    "a OR": (4, "a term at the end"),
    "a OR ": (5, "a term at the end"),
    "OR a": (0, "a term before OR"),
    "a AND OR b": (6, "a term before OR"),
    "AND": (0, "a term before AND"),
    "NOT": (3, "a term at the end"),
    'a "b': (2, "a quote that closes"),
    'host:"b': (5, "a quote that closes"),
    '"a"b': (3, "a space after the closing quote"),
    'host:"a"b': (8, "a space after the closing quote"),
    "host:": (5, "a value directly after :"),
    "a host: b": (7, "a value directly after :"),
    "host:(a OR b)": (5, "a value directly after :"),
    "a=": (2, "a value directly after ="),
    "=a": (0, "a field before ="),
    "a >= b": (2, "a field before >="),
    "->": (1, "a field before >"),
    "a==b": (2, "a value after ="),
    "a:>5": (2, "a value after :"),
    "has:": (4, "a value directly after :"),
    "has:5": (4, "the name of a field"),
    "has=a": (4, "has: and the name of a field"),
    "has:a.b. c": (4, "the name of a field"),
    "has:since": (4, "since is none"),
    "since=2h": (6, "a colon after since"),
    "since:2x": (6, "a duration back from now"),
    "created>x": (8, "a duration back from now"),
    "level>=wrning": (7, "a known level"),
    "pid:x": (4, "a number"),
    "pid:x*": (4, "a number"),
    "line=1*": (5, "a number"),
    "id:1e999": (3, "a number"),
    "id:nan": (3, "a number"),
    "a /(b/": (5, "regular expression"),
    r"a /b\/(/": (7, "regular expression"),
    "/a**+*/": (3, "regular expression"),
    "/\\L<x>/": (6, "regular expression"),
    "a " * (MAX_TERMS + 1): (2 * MAX_TERMS, f"at most {MAX_TERMS} terms"),
    "(" * (MAX_LEVELS + 1) + "a": (MAX_LEVELS, f"at most {MAX_LEVELS} brackets"),
    "NOT (" * 26 + "a": (26 * 5 - 5, f"at most {MAX_LEVELS} brackets"),
    "NOT " * 51 + "a": (200, f"at most {MAX_LEVELS} brackets"),
    ".".join("a" * 17) + ":x": (34, "at most 16 parts"),
    "host:" + "a*" * 21: (5, "at most 20 wildcards"),
    "/" + "a" * 1001 + "/": (1001, "at most 1000 characters"),
}


@pytest.mark.parametrize(
    ("text", "place"), MISTAKES.items(), ids=[ascii(text[:40]) for text in MISTAKES]
)
def test_a_mistake_is_told_where_it_is(read, text, place):
    """What is no query is an error that points at its place."""
    with pytest.raises(QueryError) as caught:
        read(text)

    error = caught.value
    assert (error.text, error.column) == (text, place[0])
    assert error.reason.startswith("expected ")
    assert place[1] in error.reason


@pytest.mark.parametrize(
    "text",
    [
        "a " * MAX_TERMS,
        "(" * MAX_LEVELS + "a" + ")" * MAX_LEVELS,
        "(a) " * MAX_TERMS,
        "-(a) " * MAX_TERMS,
        "NOT (" * 25 + "a" + ")" * 25,
        "NOT " * MAX_LEVELS + "a",
        ".".join("a" * 16) + ":x",
        "host:" + "a*" * 20,
        "/" + "a" * 1000 + "/",
    ],
    ids=lambda text: text[:12],
)
def test_limits_are_reached(read, text):
    """As many as a limit says are taken."""
    assert read(text) != Everything()


MEGABYTE = 1_000_000


@pytest.mark.parametrize(
    "text",
    ["a" * MEGABYTE, '"' + "a b " * 250_000 + '"', "é%*\\" * 250_000],
    ids=["word", "phrase", "odd"],
)
def test_a_megabyte_is_just_text(read, text):
    """A word or a phrase may be as long as it likes."""
    assert read(text) == Text(text.strip('"'))


@pytest.mark.parametrize(
    "piece",
    [
        "a ",
        "(",
        ")",
        '"',
        "a.",
        "a:",
        "f(a)",
        "(a(b)",
        "-",
        "/",
        '."a"',
        "\\",
        "\\*",
        "a:*",
        "has:a.",
        "NOT ",
        "a OR ",
        "\x00",
        "::",
        "9",
    ],
)
@pytest.mark.parametrize("start", ["", "x", '"', "/", "x:", "user.id=", "created:"])
def test_a_megabyte_of_anything_is_read_or_refused(read, start, piece):
    """Whatever a long text is made of, it ends as a query or as a mistake."""
    _, error = read_or_refuse(read, start + piece * (MEGABYTE // len(piece) // 4))

    assert len(str(error)) < 1000


def read_or_refuse(read, text: str):
    """Return the tree of a text, or the QueryError that comes of it."""
    try:
        return read(text), None
    except QueryError as error:
        return None, error


WORDS = st.sampled_from(
    [
        "a",
        " ",
        "  ",
        "(",
        ")",
        '"',
        "\\",
        "-",
        "NOT ",
        " OR ",
        " AND ",
        "/",
        "*",
        ".",
        ":",
        "=",
        "!=",
        ">",
        ">=",
        "level",
        "host",
        "has:",
        "since:",
        "until:",
        "2h",
        "user",
        'extra."',
        "line",
        "5",
        "file",
        "created",
        "today",
        "\x00",
        "\ud800",
        "\n",
        "é",
        "\u0301",
        "日",
        "$",
        "@",
        "{",
        "[",
        "?",
        "+",
        "(?:",
        "\\p",
    ]
)


@given(st.one_of(st.text(), st.lists(WORDS, max_size=25).map("".join)))
@example("\ud800:\ud800")
@example("/(?R)/")
def test_any_text_is_a_query_or_a_mistake(read, text):
    """Nothing but a tree or a QueryError comes of a text, and both are usable."""
    node, error = read_or_refuse(read, text)
    if error is None:
        assert node == read(text)
        assert hash(node) == hash(read(text))
        assert "\ud800" not in str(node)
        return

    assert 0 <= error.column <= len(text)
    assert error.reason.startswith("expected ")
    lines = str(error).split("\n")
    assert 3 <= len(lines) <= 4
    assert lines[2].endswith("^")
    assert all(map(str.isprintable, (lines[0], lines[2], *lines[3:])))
    assert len(lines[1]) < 250
