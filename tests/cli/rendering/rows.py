"""Rows to show: one plain, and any that a database could hold."""

import re
import unicodedata
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from collector.query.log_row import LogRow

BERLIN = ZoneInfo("Europe/Berlin")

# 2026-11-20 10:15:30.123 in Berlin.
CREATED = 1795166130.123

PLAIN = LogRow(
    id=7,
    created=CREATED,
    name="myapp.db",
    levelno=30,
    level="WARNING",
    message="connection refused",
    hostname="web1",
    process=4242,
    received=CREATED + 0.25,
)

# What has to be escaped, or to be left alone, or is taken for a formula.
SPECIAL = "\x00\x07\b\t\n\r\x1b\x7f\x85\x9b\u200f\u202e\u2028\u2066\ufeff=+-@'\"\\,;|[]"
texts = st.text(
    st.one_of(
        st.sampled_from(SPECIAL + "aé世＝🎉\u0301"), st.characters(codec="utf-8")
    ),
    max_size=30,
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
    ),
    max_leaves=8,
)
texts_or_none = st.none() | texts
numbers_or_none = st.none() | st.integers(-(2**63), 2**63 - 1)

# Rows of a database of ours: texts and numbers where they belong.
sound_rows = st.builds(
    LogRow,
    id=st.integers(1, 2**63 - 1),
    created=st.floats(allow_nan=False, allow_infinity=False),
    name=texts,
    levelno=st.integers(-(2**63), 2**63 - 1),
    level=texts,
    message=texts,
    hostname=texts,
    process=numbers_or_none,
    processName=texts_or_none,
    thread=numbers_or_none,
    threadName=texts_or_none,
    taskName=texts_or_none,
    pathname=texts_or_none,
    filename=texts_or_none,
    module=texts_or_none,
    lineno=numbers_or_none,
    funcName=texts_or_none,
    exc_text=texts_or_none,
    stack_info=texts_or_none,
    extra=texts_or_none,
    peer=texts_or_none,
    received=st.floats(allow_nan=False, allow_infinity=False),
)

# Rows of a file that only looks like one: any type in any column.
any_value = (
    texts_or_none
    | st.text(st.characters(categories=["Cs", "Cc", "Cf"]), max_size=5)
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.binary(max_size=10)
)
hostile_rows = st.builds(LogRow, **dict.fromkeys(LogRow._fields, any_value))

_OWN_CODES = re.compile(r"\x1b\[[0-9;]*m")


def uncoloured(text):
    """Return the text without the codes that colours are made of."""
    return _OWN_CODES.sub("", text)


def controls(text, *, allowed=""):
    """Return the characters in a text that could steer a terminal."""
    bidi = "\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e"
    bidi += "\u2066\u2067\u2068\u2069"
    return {
        char
        for char in text
        if (unicodedata.category(char) in ("Cc", "Cs") or char in bidi)
        and char not in allowed
    }


def whole(renderer, rows):
    """Return all that a renderer makes of rows."""
    pieces = [renderer.begin(), *(renderer.row(row) for row in rows), renderer.end()]
    return "".join(pieces)
