"""Tables of counts say who logs how much, in the width there is."""

from datetime import UTC

import pytest
from cli.rendering.rows import BERLIN, CREATED, uncoloured

from collector.cli.rendering.columns import display_width
from collector.cli.rendering.counts_table import CountRow, counts_table
from collector.cli.rendering.levels import ERROR, INFO, WARNING

ROWS = [
    CountRow(("myapp/db.py:42", "connect"), {WARNING: 12345}, CREATED, CREATED + 60),
    CountRow(
        ("myapp/payments/gateway.py:1042", "charge_customer"),
        {ERROR: 2000, INFO: 4172},
        CREATED,
        None,
    ),
]


def counts(rows=ROWS, *, width, color=False, unicode=True, total=20_000, zone=BERLIN):
    return counts_table(
        rows,
        ("call site", "function"),
        total=total,
        width=width,
        color=color,
        unicode=unicode,
        zone=zone,
    )


def test_a_wide_table():
    """There are names, count, share, a bar, and the first and last time."""
    assert counts(width=140) == (
        "call site                       function          count  share"
        "              first                last\n"
        "myapp/db.py:42                  connect          12,345  61.7%"
        "  ▒▒▒▒▒▒▒▒▒▒  2026-11-20 10:15:30  2026-11-20 10:16:30\n"
        "myapp/payments/gateway.py:1042  charge_customer   6,172  30.9%"
        "  ▓░░░        2026-11-20 10:15:30  -\n"
    )


def test_narrower_tables():
    """Seconds go first, then bars, then times; at last names are shortened."""
    assert "▒  2026-11-20 10:15  2026" in counts(width=115)
    assert "61.7%  2026-11-20 10:15  2026" in counts(width=103)
    assert counts(width=62) == (
        "call site                       function          count  share\n"
        "myapp/db.py:42                  connect          12,345  61.7%\n"
        "myapp/payments/gateway.py:1042  charge_customer   6,172  30.9%\n"
    )
    assert counts(width=45) == (
        "call site       function         count  share\n"
        "myapp/db.py:42  connect         12,345  61.7%\n"
        "myapp/p…y:1042  charge_…stomer   6,172  30.9%\n"
    )


def test_utc():
    """Times in UTC say so."""
    assert "  2026-11-20 09:15:30Z  2026-11-20 09:16:30Z\n" in counts(
        width=140, zone=UTC
    )


def test_no_rows():
    """Without rows there are the headings."""
    assert counts([], width=80, total=0) == (
        "call site  function  count  share              first  last\n"
    )


def test_nothing_is_divided_by_nothing():
    """Rows without a count have no share."""
    rows = [CountRow(("a", "b"), {})]

    assert counts(rows, width=60, total=0) == (
        "call site  function  count  share              first  last\n"
        "a          b             0      -              -      -\n"
    )


def test_colours_change_no_text():
    """Headings are bold and bars coloured; the text is the same in ASCII."""
    coloured = counts(width=140, color=True, unicode=False)

    assert coloured.startswith("\x1b[1mcall site")
    assert uncoloured(coloured) == counts(width=140, unicode=False)


@pytest.mark.parametrize("width", [-5, 0, 30, 60, 100, 200])
def test_hostile_names(width):
    """Names with escapes and newlines stay in their columns."""
    rows = [CountRow(("世界\x1b[2J\n" * 1000, "\u202e" * 1000), {INFO: 1}, 1e300)]
    lines = counts(rows, width=width).splitlines()

    assert len(lines) == 2
    assert "\x1b" not in "".join(lines)
    assert max(map(display_width, lines)) <= max(width, 36)
