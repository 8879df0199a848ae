"""Tables: columns line up in the width there is, and texts are only texts."""

import pytest
from cli.rendering.rows import BERLIN, PLAIN, uncoloured, whole

from collector.cli.rendering.columns import display_width
from collector.cli.rendering.fields import TABLE_FIELDS, parse_fields
from collector.cli.rendering.table import MAX_CELL_LINES, PAGE_ROWS, TableRenderer


def table(rows, *, fields=TABLE_FIELDS, width=100, color=False):
    return whole(TableRenderer(fields, zone=BERLIN, color=color, width=width), rows)


def test_a_table():
    """Columns are as wide as their texts, two places apart."""
    rows = [PLAIN, PLAIN._replace(levelno=20, level="INFO", message="ok", name="世界")]

    assert table(rows) == (
        "time                     level    logger    host  message\n"
        "2026-11-20 10:15:30.123  WARNING  myapp.db  web1  connection refused\n"
        "2026-11-20 10:15:30.123  INFO     世界      web1  ok\n"
    )


def test_a_narrow_table():
    """Names and messages are wrapped, times and levels never."""
    row = PLAIN._replace(
        name="myapp.payments.gateway",
        hostname="job-runner-17",
        message="a message of quite some words\nand a second line",
    )

    assert table([row], width=80) == (
        "time                 level    logger        host          message\n"
        "2026-11-20 10:15:30  WARNING  myapp.paymen  job-runner-1  a message of quite\n"
        "                              ts.gateway    7             some words\n"
        "                                                          and a second line\n"
    )


def test_a_long_name_gets_what_messages_leave():
    """Names are not cut short for a message that needs no room."""
    name = "myapp." * 8
    row = PLAIN._replace(name=name, message="m" * 5)

    assert f"  {name}  web1  mmmmm\n" in table([row], width=110)
    narrower = table([row], width=90)
    assert max(map(len, narrower.splitlines())) <= 90
    assert "  web1  mmmmm\n" in narrower


@pytest.mark.parametrize(
    "text",
    ["[red]db1[/red]", ":smile:", "[link=x]y[/link]", "[/]", "\\[b]", "[@click=x]"],
)
def test_markup_is_text(text):
    """Nothing in a record is taken for markup or for the name of an emoji."""
    assert f"  {text}\n" in table([PLAIN._replace(message=text)])
    plain = uncoloured(table([PLAIN._replace(message=text)], color=True))
    assert f"  {text}\n" in plain


def test_levels_are_coloured():
    """The level's colour is its severity's, here as in text."""
    assert "\x1b[1;31mERROR" in table(
        [PLAIN._replace(levelno=40, level="ERROR")], color=True
    )


def test_colours_change_no_text():
    """Without its codes, a coloured table is the plain one."""
    lines = uncoloured(table([PLAIN], color=True)).splitlines()

    assert [line.rstrip() for line in lines] == table([PLAIN]).splitlines()


def test_escape_sequences_are_made_visible():
    """None reaches the terminal, from texts or from names of fields."""
    text = table(
        [PLAIN._replace(message="\x1b[2J\x9b")],
        fields=parse_fields("message,extra.\x1b"),
    )

    assert text.startswith("message")
    assert "\\x1b[2J\\x9b" in text
    assert "extra.\\x1b" in text
    assert "\x1b" not in text


def test_long_texts_are_cut():
    """Of a long text the beginning is shown, and that it is cut."""
    by_words = table([PLAIN._replace(message="word " * 200_000)], width=120)
    by_lines = table([PLAIN._replace(message="line\n" * 200_000)], width=120)

    assert by_words.endswith("…\n")
    assert by_lines.splitlines()[-1].endswith("  line…")
    assert by_lines.count("line") == MAX_CELL_LINES


def test_pages():
    """Rows are held back to a full page; the heading is written once."""
    renderer = TableRenderer(
        parse_fields("id,message"), zone=BERLIN, color=False, width=80
    )
    pages = [renderer.row(PLAIN._replace(id=number)) for number in range(PAGE_ROWS + 1)]

    assert set(pages[: PAGE_ROWS - 1]) == {""}
    assert pages[PAGE_ROWS - 1].count("\n") == PAGE_ROWS + 1
    assert pages[PAGE_ROWS] == ""
    assert renderer.end() == "1000  connection refused\n"


def test_flushing():
    """What is held back comes at once; columns stay where they were."""
    renderer = TableRenderer(
        parse_fields("host,message"), zone=BERLIN, color=False, width=80
    )

    assert renderer.flush() == ""
    renderer.row(PLAIN)
    assert renderer.flush() == "host  message\nweb1  connection refused\n"
    assert renderer.flush() == ""
    renderer.row(PLAIN._replace(hostname="w", message="m" * 40))
    assert renderer.flush() == f"w     {'m' * 40}\n"
    assert renderer.end() == ""


def test_an_empty_table():
    """Without rows there is the heading."""
    assert table([]) == "time  level  logger  host  message\n"


@pytest.mark.parametrize("width", [-1, 0, 1, 20, 40, 80, 100, 120, 250])
def test_widths(width):
    """A table is as wide as the terminal, if that is not tiny."""
    row = PLAIN._replace(message="word 世界 " * 50, name="n" * 300, hostname="h" * 300)
    text = table([row], width=width)

    widest = max(map(display_width, text.splitlines()))
    assert widest <= max(width, 62)
    assert "世界" in text


def test_many_fields():
    """More columns than fit each keep some places."""
    names = "id,created,name,level,message,host,pid,thread,file,line,func,exc,extra"
    lines = table([PLAIN], fields=parse_fields(names), width=40).splitlines()

    assert lines[1].startswith("id  created         name  level    message ")
    assert lines[2].startswith(
        "7   1795166130.123  myap  WARNING  connection refused  "
    )
    assert lines[3].strip() == "p.db"


def test_the_environment_changes_nothing(monkeypatch):
    """Colour and width are the caller's alone."""
    expected = table([PLAIN])
    coloured = table([PLAIN], color=True)
    for name, value in {
        "COLUMNS": "20",
        "FORCE_COLOR": "1",
        "NO_COLOR": "1",
        "TERM": "dumb",
        "TTY_COMPATIBLE": "1",
    }.items():
        monkeypatch.setenv(name, value)

    assert table([PLAIN]) == expected
    assert table([PLAIN], color=True) == coloured
