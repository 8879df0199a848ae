"""Fingerprints: the same for one cause, different for two."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tracebacks.raising import raised_by

from collector.tracebacks.fingerprint import fingerprint
from collector.tracebacks.foreign import exception_in
from collector.tracebacks.parser import HEADER, traceback_in

SHOP = """
def work(n=3):
    return load(n)
def load(n):
    if n == 4:
        return save(n)
    raise {kind}({message})
def save(n):
    raise {kind}({message})
"""
TREE = """
def walk(tree):
    if isinstance(tree, list):
        return walk_list(tree)
    return {fail}
def walk_list(trees):
    for tree in trees:
        walk(tree)
def work():
    walk({tree})
"""
RECURSION = """
import sys
def even(n):
    return odd(n + 1)
def odd(n):
    return helper(n) and even(n + 1)
def helper(n):
    return n
def work():
    even(0)
"""


def id_of(text):
    return fingerprint(exception_in(text))


def shop(kind="ValueError", message="'x'", source=SHOP, **options):
    return id_of(raised_by(source.format(kind=kind, message=message), **options))


def test_it_is_stable():
    """A fingerprint is the same with every version and on every machine."""
    text = (
        f'{HEADER}\n  File "/srv/shop/shop/db.py", line 3, in load\n    x\n'
        "shop.errors.NotThere: 5"
    )

    assert id_of(text) == "dcba43ca18e4"


def test_values_do_not_count():
    """Messages, of however many lines, line numbers and notes may change."""
    moved = "\n# a comment\n\n" + SHOP.replace("def save", "\n\ndef save")

    assert len({shop(message=m) for m in ("'x'", "'y\\nz'", "", "1, 2")}) == 1
    assert shop(source=moved) == shop()
    assert shop(source=SHOP.replace("raise", "n += 1; raise")) == shop()


def test_what_is_raised_and_where_counts():
    """Another type, function, file or way there is another error."""
    others = [
        shop(),
        shop(kind="KeyError"),
        shop(source=SHOP.replace("load", "fetch")),
        shop(source=SHOP.replace("n=3", "n=4")),
        shop(file="/srv/app/shop/net.py"),
        shop(file="/srv/app/users/db.py"),
        shop(function="load", source=SHOP.replace("load(n):", "load(n=3):")),
    ]

    assert len(set(others)) == len(others)


def test_where_a_program_is_does_not_count():
    """Nor whether it is a module, or run as a script."""
    files = [
        "/srv/app/releases/123/shop/db.py",
        "/srv/app/releases/124/shop/db.py",
        "/opt/venv/lib/python3.12/site-packages/shop/db.py",
        "D:\\shop\\shop\\db.py",
    ]
    odd = "class Odd(Exception): pass\n" + SHOP
    text = raised_by(odd.format(kind="Odd", message="1"))

    assert len({shop(file=file) for file in files}) == 1
    assert "shop.db.Odd: 1" in text
    assert id_of(text) == id_of(text.replace("shop.db.Odd: 1", "Odd: 1"))


def test_how_deep_a_recursion_was_does_not_count():
    """However far it went, and through whichever branches."""
    ids = {
        id_of(raised_by(TREE.format(tree=tree, fail="1 / 0")))
        for tree in ("[1]", "[[1]]", "[[[[[[1]]]]]]", f"{'[' * 50}1{']' * 50}")
    }

    assert len(ids) == 1
    assert id_of(raised_by(TREE.format(tree="1", fail="1 / 0"))) not in ids


def test_where_a_recursion_was_cut_off_does_not_count():
    """In which function there was no more room is chance."""
    text = raised_by(RECURSION)
    stack = text.split("\n  File ")
    ids = {
        id_of("\n  File ".join(stack[:end]) + "\nRecursionError: maximum depth")
        for end in (60, 61, 62)
    }
    in_helper = text.replace(
        "\nRecursionError",
        '\n  File "/srv/app/shop/db.py", line 8, in helper\nRecursionError',
    )

    assert ids == {id_of(text)} == {id_of(in_helper)}


def test_comprehensions_do_not_count():
    """Python 3.12 and later have no frames for them."""
    text = (
        f'{HEADER}\n  File "/srv/a.py", line 3, in load\n    [f(x) for x in y]\n'
        '  File "/srv/a.py", line 3, in <listcomp>\n    [f(x) for x in y]\n'
        '  File "/srv/a.py", line 9, in f\n    1 / x\nZeroDivisionError: x'
    )
    without = re.sub(r"  File [^\n]*listcomp>\n[^\n]*\n", "", text)

    assert without.count("File") == 2
    assert id_of(text) == id_of(without)


CHAINED = """
def work(times={times}):
    for n in range(times):
        try:
            raise {cause}(n)
        except {cause} as error:
            last = error
    raise ValueError("all failed"){how}
"""


def chained(cause="OSError", how=" from last", times=1):
    return id_of(
        raised_by(
            CHAINED.format(cause=cause, how=how, times=times).replace(
                "last = error", "last = error; keep = error"
            )
        )
    )


def test_causes_count():
    """The same exception of another cause, or of none, is another error."""
    assert chained() == chained()
    assert len({chained(), chained(cause="KeyError"), chained(how=" from None")}) == 3


def test_equal_neighbours_count_once():
    """It does not matter how often something was tried."""
    part = (
        f'{HEADER}\n  File "/srv/a.py", line 3, in load\n    x\nOSError: {{}}\n\n'
        "During handling of the above exception, another exception occurred:\n\n"
    )
    last = f'{HEADER}\n  File "/srv/a.py", line 9, in retry\n    x\nValueError'

    ids = {
        id_of("".join(part.format(n) for n in range(times)) + last)
        for times in (1, 2, 5)
    }

    assert len(ids) == 1
    assert id_of(last) not in ids


GROUP = """
def member(kind):
    try:
        raise kind
    except kind as error:
        return error
def work():
    raise ExceptionGroup("eg", [member(kind) for kind in kinds])
"""


def group(*kinds):
    return id_of(raised_by(GROUP, kinds=kinds))


def test_the_members_of_a_group_count_in_no_order():
    """And each different one once: how many tasks failed first is chance."""
    assert group(OSError, KeyError) == group(KeyError, OSError, OSError)
    assert len({group(OSError), group(KeyError), group(OSError, KeyError)}) == 3


def test_a_pasted_traceback_is_the_same_error():
    """It has the fingerprint that it has as the text of an exception."""
    text = raised_by(SHOP.format(kind="ValueError", message="1"))

    pasted = traceback_in(f"job 7 failed: {text}\n-- end of the job's output")

    assert fingerprint(pasted) == id_of(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "java.lang.Oops: 1\n\tat a.B.c(B.java:12)\n\tat a.D.e(D.java:1)",
            "java.lang.Oops: 2\n\tat a.B.c(B.java:99)\n\tat a.D.e(D.java:7)",
        ),
        (
            "TypeError: x\n    at f (/srv/a.js:1:2)",
            "TypeError: y\n    at f (/srv/a.js:9:9)",
        ),
        ("it broke at 12:03\nbadly", "it broke at 9:15\nagain"),
    ],
)
def test_other_languages(one, other):
    """Their errors are grouped in the same way, as far as they can be read."""
    assert id_of(one) == id_of(other)
    assert id_of(one) != id_of(
        one.replace("f", "g").replace("broke", "sank").replace("B.c", "B.x")
    )


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])), st.integers(1, 99_999))
def test_any_message_at_any_line(message, line):
    """Whatever one line of a message says, it is the same error."""
    text = f'{HEADER}\n  File "/srv/a.py", line {line}, in f\n    x\nOSError: {message}'

    assert id_of(text) == id_of(f'{HEADER}\n  File "/a.py", line 1, in f\nOSError')


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_any_text_has_one_or_none(text):
    """A fingerprint is twelve hexadecimal digits, of whatever text."""
    found = exception_in(text)

    assert found is None or re.fullmatch("[0-9a-f]{12}", fingerprint(found))
