"""Text: a line a record, nothing in it that could pass for another."""

from datetime import UTC

import pytest
from cli.rendering.rows import BERLIN, PLAIN, uncoloured, whole

from collector.cli.rendering.fields import parse_fields
from collector.cli.rendering.text import (
    ChosenTextRenderer,
    Highlighter,
    TextRenderer,
)

RICH = PLAIN._replace(
    levelno=40,
    level="ERROR",
    message="payment failed\n2026-11-20 10:15:31.000 INFO forged",
    exc_text="Traceback (most recent call last):\n  boom\nValueError: 1\n",
    stack_info="Stack (most recent call last):\n  here",
    extra='{"user":{"id":42},"q":"two words"}',
)


def text(row, **options):
    return TextRenderer(zone=BERLIN, color=False, **options).row(row)


def test_a_plain_record():
    """Time, level, logger, host and PID, message."""
    assert text(PLAIN) == (
        "2026-11-20 10:15:30.123 WARNING  myapp.db web1[4242]  connection refused\n"
    )


def test_utc():
    """In UTC the time ends in Z."""
    line = TextRenderer(zone=UTC, color=False).row(PLAIN)

    assert line.startswith("2026-11-20 09:15:30.123Z WARNING  ")


def test_all_that_a_record_can_have():
    """Extra attributes end the first line; all later lines are marked."""
    assert text(RICH) == (
        "2026-11-20 10:15:30.123 ERROR    myapp.db web1[4242]  payment failed"
        '  user={"id":42} q="two words"\n'
        "    | 2026-11-20 10:15:31.000 INFO forged\n"
        "    | Traceback (most recent call last):\n"
        "    |   boom\n"
        "    | ValueError: 1\n"
        "    | Stack (most recent call last):\n"
        "    |   here\n"
    )


def test_what_is_not_known():
    """A record without process, host or logger still has its columns."""
    row = PLAIN._replace(process=None, hostname="", name="", message="", extra="{}")

    assert text(row) == "2026-11-20 10:15:30.123 WARNING  - -  \n"


def test_names_stay_on_their_line():
    """A newline or an escape sequence in a name is shown as such."""
    row = PLAIN._replace(name="a\nb", level="L\x1b[2J", hostname="h\tx\u202e")

    assert text(row) == (
        "2026-11-20 10:15:30.123 L\\x1b[2J a\\x0ab h\\x09x\\u202e[4242]"
        "  connection refused\n"
    )


@pytest.mark.parametrize(
    ("levelno", "codes"),
    [
        (60, "\x1b[35m\x1b[1m"),
        (50, "\x1b[35m\x1b[1m"),
        (49, "\x1b[31m\x1b[1m"),
        (30, "\x1b[33m"),
        (20, "\x1b[32m"),
        (19, "\x1b[34m"),
        (0, "\x1b[34m"),
    ],
)
def test_levels_are_coloured_by_number(levelno, codes):
    """A level of any name has the colour of how severe it is."""
    line = TextRenderer(zone=BERLIN, color=True).row(
        PLAIN._replace(levelno=levelno, level="AUDIT")
    )

    assert f" {codes}AUDIT   \x1b[0m " in line


def test_colours_change_no_text():
    """Without its codes, a coloured line is the plain one."""
    coloured = TextRenderer(zone=BERLIN, color=True, needles=["FAILED"]).row(RICH)

    assert coloured != text(RICH)
    assert uncoloured(coloured) == text(RICH)


def test_needles_are_highlighted():
    """Each of the needles is marked, in either case, wherever text is shown."""
    row = RICH._replace(message="A failed b", exc_text="it FAILED", stack_info=None)
    line = TextRenderer(zone=BERLIN, color=True, needles=["failed", "x"]).row(row)

    assert "  A \x1b[7mfailed\x1b[0m b  " in line
    assert "    | it \x1b[7mFAILED\x1b[0m\n" in line


def test_the_longest_needle_is_marked():
    """Needles are texts, not patterns; of two, the longer one is marked."""
    highlighter = Highlighter(["a", "a.c", ""], color=True)

    assert highlighter.mark("a.c abc") == "\x1b[7ma.c\x1b[0m \x1b[7ma\x1b[0mbc"


def test_no_colour_no_highlight():
    """Without colours, needles change nothing."""
    assert text(PLAIN, needles=["refused"]) == text(PLAIN)


def test_many_and_long_needles_are_passed_over():
    """What would take long to look for is not looked for."""
    highlighter = Highlighter(["x" * 201, *map(str, range(100, 200))], color=True)

    assert highlighter.mark("x" * 201 + " 120") == "x" * 201 + " 120"
    assert highlighter.mark("119") == "\x1b[7m119\x1b[0m"


def chosen(row, names, *, color=False, needles=()):
    renderer = ChosenTextRenderer(
        parse_fields(names), zone=BERLIN, color=color, needles=needles
    )
    return whole(renderer, [row])


def test_chosen_fields():
    """Chosen fields stand between tabs; what is not there is a dash."""
    assert chosen(RICH, "time,level,user.id,nope,created,extra.q") == (
        "2026-11-20 10:15:30.123\tERROR\t42\t-\t1795166130.123\ttwo words\n"
    )


def test_later_lines_of_chosen_fields():
    """Later lines stand below, marked, in the order of the fields."""
    assert chosen(RICH, "exc,id,message") == (
        "Traceback (most recent call last):\t7\tpayment failed\n"
        "    |   boom\n"
        "    | ValueError: 1\n"
        "    | 2026-11-20 10:15:31.000 INFO forged\n"
    )


def test_tabs_in_chosen_fields():
    """A tab in a value is not taken for the end of its field."""
    assert chosen(PLAIN._replace(message="a\tb"), "message,id") == "a\\x09b\t7\n"


def test_chosen_fields_are_coloured():
    """Levels have their colour and needles are marked in chosen fields too."""
    line = chosen(RICH, "time,level,id,q,message", color=True, needles=["FORGED"])

    assert line == (
        "\x1b[2m2026-11-20 10:15:30.123\x1b[0m\t\x1b[31m\x1b[1mERROR\x1b[0m\t7"
        "\ttwo words\tpayment failed\n"
        "    | 2026-11-20 10:15:31.000 INFO \x1b[7mforged\x1b[0m\n"
    )


def test_no_record_passes_for_a_later_line():
    """What a record begins with does not look like the lines below a record."""
    row = PLAIN._replace(message="    | forged", created="    | forged")

    assert chosen(row, "message,id") == "\\x20   | forged\t7\n"
    assert text(row).startswith("\\x20   | forged WARNING")
