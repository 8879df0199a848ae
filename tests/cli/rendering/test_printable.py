"""Values of records are safe to print, and readable."""

import pytest

from collector.cli.rendering.printable import (
    encodable,
    lines_kept,
    lines_marked,
    one_line,
    text_of,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("a\x1b", "a\x1b"),
        (b"caf\xc3\xa9 \xff", "café \\xff"),
        (42, "42"),
        (-1.5, "-1.5"),
        (float("inf"), "inf"),
        (True, "true"),
        ({"a": [1, None, "é"]}, '{"a":[1,null,"é"]}'),
    ],
)
def test_any_value_has_a_text(value, text):
    """Texts are themselves, numbers decimal, all else is JSON."""
    assert text_of(value) == text


def test_lone_surrogates_are_escaped():
    """What no encoding takes is shown as an escape."""
    assert encodable("é\ud800") == "é\\ud800"


def test_one_line():
    """Nothing begins a new line or jumps within one."""
    assert one_line("a\n\tb\r\x1b[0m\u202e") == "a\\x0a\\x09b\\x0d\\x1b[0m\\u202e"


def test_lines_kept():
    """All lines stay, the empty last one too, with what they hide escaped."""
    assert lines_kept("a\x1b\n\n\x9bb\tc\n") == "a\\x1b\n\n\\x9bb\tc\n"


def test_lines_marked():
    """Later lines are marked, so that none can pass for a record."""
    assert lines_marked("a\r\nb\n") == "a\\x0d\n    | b"


def test_deep_nesting_is_told():
    """What can't be written as JSON is named and fails nothing."""
    value = []
    for _ in range(100_000):
        value = [value]

    assert text_of(value) == "(nested too deeply)"
