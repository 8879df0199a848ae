"""Tracebacks are read as the standard library has written them."""

import re
import string
import textwrap
import time
import traceback
from itertools import groupby

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tracebacks.programs import CHAIN, GROUP, MARGINS, PIECES, PROGRAMS
from tracebacks.raising import caught, frames_of, program, raised_by, text_of, type_of

from collector.tracebacks.fingerprint import fingerprint
from collector.tracebacks.fingerprints import Fingerprints
from collector.tracebacks.foreign import exception_in
from collector.tracebacks.lines import MAX_CHARS
from collector.tracebacks.parser import HEADER, traceback_in


def shown(raised):
    return [(r.type, r.message, r.frames, r.link, r.depth) for r in raised]


def printed(frames):
    """Return frames as they are printed: of equal neighbours three at most."""
    return [frame for _, run in groupby(frames) for frame in list(run)[:3]]


def printed_message(error):
    """Return the message as it is printed, with the notes below."""
    text = "".join(traceback.format_exception_only(error)).rstrip("\n")
    if isinstance(error, SyntaxError):
        return f"{error.msg}"
    return text.removeprefix(type_of(error)).removeprefix(":").removeprefix(" ")


@pytest.mark.parametrize("source", PROGRAMS.values(), ids=PROGRAMS)
def test_what_python_raises(source):
    """Type, message and frames are those that the standard library knows."""
    error = caught(program(source).work)
    text = text_of(error)

    [raised] = traceback_in(text).raised

    assert raised.type == type_of(error)
    frames = [frame for frame in raised.frames if frame.function]
    assert frames == printed(frames_of(error))
    assert raised.message == printed_message(error).rstrip("\n")
    assert (raised.link, raised.depth) == ("first", 0)


def test_the_place_of_a_syntax_error_is_a_frame_without_a_function():
    """It tells which file is wrong."""
    source = PROGRAMS["syntax in a file"]

    frame = traceback_in(raised_by(source)).main.frames[-1]

    assert (frame.file, frame.function) == ("/srv/a.py", "")


def test_chains():
    """Causes and contexts come in order, and the last one is the main one."""
    found = traceback_in(raised_by(CHAIN))

    assert [(r.type, r.message, r.link) for r in found.raised] == [
        ("KeyError", "'one'", "first"),
        ("ValueError", "two\nlines", "cause"),
        ("FileNotFoundError", "[Errno 2] three", "context"),
    ]
    assert [[f.function for f in r.frames] for r in found.raised] == [
        ["second", "first"],
        ["work", "second"],
        ["work", "third"],
    ]
    assert found.main is found.raised[-1]


def test_groups():
    """Members are below their group, as deep as they are in groups."""
    found = traceback_in(raised_by(GROUP, function="handled"))

    assert [(r.type, r.message, r.link, r.depth) for r in found.raised] == [
        ("ExceptionGroup", "outer (3 sub-exceptions)", "first", 0),
        ("ValueError", "of a group\nof two lines", "member", 1),
        ("KeyError", "'cause'", "member", 1),
        ("TypeError", "effect", "cause", 1),
        ("ExceptionGroup", "inner (2 sub-exceptions)", "member", 1),
        ("OSError", "of a group\nof two lines", "member", 2),
        ("IndexError", "never raised", "member", 2),
        ("RuntimeError", "after all", "cause", 0),
    ]
    assert found.main.type == "RuntimeError"
    assert [f.function for f in found.raised[0].frames] == ["handled", "work"]
    assert [f.function for f in found.raised[5].frames] == ["member"]


@pytest.mark.parametrize(("function", "members"), [("many", 15), ("deep", 9)])
def test_groups_that_are_cut_off(function, members):
    """Python shows some of many members, and of many levels."""
    found = traceback_in(raised_by(GROUP, function=function))

    assert found.main is found.raised[0]
    assert len(found.raised) == 1 + members
    assert {r.link for r in found.raised[1:]} == {"member"}


def test_a_group_that_was_never_raised():
    """Without a traceback of its own there is no header."""
    error = ExceptionGroup("eg", [caught(int, "x"), TypeError("t")])

    found = exception_in(text_of(error))

    assert [(r.type, r.depth) for r in found.raised] == [
        ("ExceptionGroup", 0),
        ("ValueError", 1),
        ("TypeError", 1),
    ]


@pytest.mark.parametrize("margin", MARGINS.values(), ids=MARGINS)
@pytest.mark.parametrize(
    ("source", "function"),
    [
        *(
            (source, "work")
            for source in PROGRAMS.values()
            if "\\nKeyError" not in source
        ),
        (CHAIN, "work"),
        (GROUP, "handled"),
        (GROUP, "many"),
    ],
)
def test_margins_change_nothing(margin, source, function):
    """It is read the same behind an indent, bars or the prefix of a logger."""
    text = raised_by(source, function=function)
    lines = text.split("\n")
    behind = "\n".join(margin(n) + line for n, line in enumerate(lines))

    assert shown(traceback_in(behind).raised) == shown(traceback_in(text).raised)


@pytest.mark.parametrize("source", [PROGRAMS["through functions"], CHAIN, GROUP])
def test_pasted_into_a_message(source):
    """What stands around it, its line ends and colours change nothing."""
    text = raised_by(source)
    expected = traceback_in(text)

    def told(pasted):
        found = traceback_in(pasted)
        return [(r.type, r.frames, r.link, r.depth) for r in found.raised]

    plain = told(text)
    assert told(f"worker 3: it failed: {text}") == plain
    assert told(f"worker 3:\nValueError: no\n\n{text}\nand so on: bye") == plain
    assert told(text.replace("\n", "\r\n")) == plain
    colored = re.sub(r"(File|line|in|Error)", "\x1b[1;35m\\1\x1b[0m", text)
    assert told(colored) == plain
    assert expected.main.type in (r[0] for r in plain)


def test_a_traceback_in_the_message_of_an_exception():
    """It is told apart: what was raised is the outer one."""
    inner = raised_by(PROGRAMS["plain"])
    text = text_of(caught(program("def work(t):\n    raise OSError(t)").work, inner))

    found = traceback_in(text)

    assert [(r.type, r.link) for r in found.raised] == [
        ("OSError", "first"),
        ("ValueError", "quoted"),
    ]
    assert found.main.type == "OSError"


def test_a_traceback_of_another_process():
    """The exception of a worker of multiprocessing comes with a quoted one."""
    inner = raised_by(PROGRAMS["plain"])
    text = (
        f'multiprocessing.pool.RemoteTraceback: \n"""\n{inner}\n"""\n\n'
        "The above exception was the direct cause of the following exception:\n\n"
        f"{raised_by(PROGRAMS['no message'])}"
    )

    found = exception_in(text)

    assert [(r.type, r.link) for r in found.raised] == [
        ("ValueError", "first"),
        ("ValueError", "cause"),
    ]
    assert found.main.message == ""


@pytest.mark.parametrize(
    "before", [f'the words "{HEADER}\n', f"{HEADER}\nno, wait\n", f"{HEADER}\n\n"]
)
def test_a_header_alone_is_no_exception(before):
    """What follows it is read as if it were not there."""
    text = raised_by(CHAIN)

    assert shown(traceback_in(before + text).raised) == shown(traceback_in(text).raised)


def test_windows_paths():
    """Backslashes, blanks and quotes are part of a path."""
    text = (
        f"{HEADER}\r\n"
        '  File "C:\\Program Files\\shop "x"\\db.py", line 12, in load\r\n'
        "    raise KeyError\r\n"
        "KeyError\r\n"
    )

    [frame] = traceback_in(text).main.frames

    assert frame == ('C:\\Program Files\\shop "x"\\db.py', 12, "load")


def test_source_of_several_lines():
    """As Python 3.13 and later show it: with carets, and blank lines in it."""
    text = f"""{HEADER}
  File "/srv/shop/db.py", line 3, in load
    return connect(
        host,

        Traceback (most recent call last):
    ...<2 lines>...
    )
  File "/srv/shop/net.py", line 9, in connect
    self._sock.open(
    ~~~~~~~~~~~~~~~^
ConnectionError: refused"""

    main = traceback_in(text).main

    assert [frame.function for frame in main.frames] == ["load", "connect"]
    assert (main.type, main.message) == ("ConnectionError", "refused")


def test_logurus_marks():
    """The frame that caught the exception may be marked."""
    text = f"""{HEADER}

> File "/srv/shop/db.py", line 3, in load
    f(x)
    │ └ 3
  File "/srv/shop/net.py", line 9, in f
    1 / x

ZeroDivisionError: division by zero"""

    main = traceback_in(text).main

    assert [frame.function for frame in main.frames] == ["load", "f"]
    assert main.type == "ZeroDivisionError"


@pytest.mark.parametrize("source", [PROGRAMS["through functions"], CHAIN, GROUP])
def test_cut_off_at_the_end(source):
    """What there is of a traceback is read, at whatever character it ends."""
    text = raised_by(source)
    whole = traceback_in(text).raised[0].frames

    for end in range(text.index(HEADER) + len(HEADER), len(text)):
        found = traceback_in(text[:end])
        frames = found.raised[0].frames if found else ()
        assert len(frames) <= len(whole)
        # The name of the last function may be cut off, too.
        assert frames[:-1] == whole[: len(frames)][:-1]
        if end > text.index("Error"):
            assert frames == whole


def test_cut_off_at_the_beginning():
    """A text of an exception may have lost its header."""
    text = raised_by(PROGRAMS["through functions"])
    _, _, source, *others = text.split("\n")

    main = exception_in("\n".join([source, *others])).main

    assert [frame.function for frame in main.frames] == ["inner"]
    assert main.type == "KeyError"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing",
        HEADER,
        f"say {HEADER}",
        f"{HEADER}\nand then nothing",
        "a\n" + HEADER,
    ],
)
def test_no_traceback(text):
    """A text that only speaks of tracebacks has none."""
    assert traceback_in(text) is None


NAMES = st.text(string.ascii_lowercase, min_size=1, max_size=6).map("f_{}".format)
KINDS = st.sampled_from(["ValueError", "KeyError", "OSError", "UserWarning"])
MESSAGES = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc"], include_characters="\n")
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(NAMES, min_size=1, max_size=6, unique=True),
    st.lists(st.tuples(KINDS, MESSAGES), min_size=1, max_size=3),
    st.sampled_from(list(MARGINS)),
)
def test_any_program(names, errors, margin):
    """Whatever is raised, in whatever depth, is read as it was printed."""
    lines = []
    for name, below in zip(names, [*names[1:], "fail"], strict=True):
        lines.append(f"def {name}():\n    {below}()")
    lines.append("def fail():\n    handle(len(errors) - 1)")
    lines.append(
        "def handle(n):\n    kind, text = errors[n]\n"
        "    if not n: raise kind(text)\n"
        "    try: handle(n - 1)\n"
        "    except Exception: raise kind(text)"
    )
    kinds = [(getattr(__import__("builtins"), kind), text) for kind, text in errors]
    error = caught(getattr(program("\n".join(lines), errors=kinds), names[0]))
    text = text_of(error)
    behind = "\n".join(
        MARGINS[margin](n) + line for n, line in enumerate(text.split("\n"))
    )

    found = traceback_in(behind)

    main = found.main
    assert main.type == type_of(error)
    assert list(main.frames) == printed(frames_of(error))
    assert [r.type for r in found.raised] == [kind.__name__ for kind, _ in kinds]
    message = printed_message(error)
    assert main.message == message.rstrip("\n") or "\r" in message


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=30).map("".join)
)
@example("  + Exception Group " + HEADER + "\n  +-+---------------- 1 ----------------")
def test_any_text(text):
    """No text makes reading fail, and what is found is never empty."""
    for read in (traceback_in, exception_in):
        found = read(text)
        if found is not None:
            assert found.raised
            assert found.main in found.raised


BLANK = "\n"
HOSTILE = {
    "lines": HEADER + BLANK * 1_000_000,
    "headers": (HEADER + BLANK) * 30_000,
    "frames": HEADER + '\n  File "x", line 1, in y' * 40_000,
    "one long frame": HEADER + '\n  File "' + '", line 1' * 100_000,
    "one long line": HEADER + "\n" + "a." * 500_000,
    "dots": HEADER + "\n" + "a.<locals>." * 100_000 + "\nb",
    "spaces": HEADER + "\n" + " " * 1_000_000 + "x",
    "rules": (HEADER + BLANK + "+-+---------------- 1 ----------------" + BLANK)
    * 9_000,
    "steps": HEADER
    + "\n"
    + "\n".join(" " * n + "+---------------- 1 ----------------" for n in range(1200)),
    "links": f"{HEADER}\nValueError\n\nDuring handling of the above exception, "
    "another exception occurred:\n" * 9_000,
    "at": "X: y\n" + "\tat x.y(Z.java:3)\n" * 60_000,
    "one long at": "X: y\n\tat " + ":3" * 500_000,
    "colors": "\x1b[" * 300_000 + HEADER,
    "escapes": "\x1b[" + "1;" * 500_000 + HEADER,
    "quotes": 'Exception in thread "' * 50_000,
    "bars": HEADER + "\n" + "| " * 500_000 + '\n  File "x", line 1, in y',
    "hexadecimal": HEADER + f'\n  File "<{"a" * 8000}", line 1, in y' * 32,
    "folders": HEADER + f'\n  File "{"_1" * 4000}/x", line 1, in y' * 32,
    "margins": HEADER + "".join(f"\n{' ' * (n % 900)}x" for n in range(3000)),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_texts_take_no_long_time(text):
    """Reading takes a time in proportion to a text, and keeps little of it."""
    before = time.process_time()
    for read in (traceback_in, exception_in):
        found = read(text)
        if found is not None:
            assert len(found.raised) <= 64
            assert sum(len(r.message) for r in found.raised) < MAX_CHARS
            assert max(len(r.frames) for r in found.raised) <= 2_000
            assert len(fingerprint(found)) == 12
    Fingerprints().of_exception(text)

    # Where it takes the square of that, it is minutes.
    assert time.process_time() - before < 3


def test_of_very_long_texts_both_ends_are_read():
    """The first exception and the last one are found."""
    middle = "x" * 50 + "\n"
    text = (
        f"{raised_by(PROGRAMS['plain'])}\n{middle * 20_000}\n"
        "The above exception was the direct cause of the following exception:\n\n"
        f"{raised_by(PROGRAMS['through functions'])}"
    )

    assert [r.type for r in traceback_in(text).raised] == ["ValueError", "KeyError"]


JAVA = """java.lang.IllegalStateException: no pool
\tat com.shop.Db.load(Db.java:12)
\tat com.shop.Main.main(Main.java:3)
\t... 3 more"""
JAVASCRIPT = """Uncaught TypeError: x is not a function
    at load (/srv/shop/db.js:12:9)
    at /srv/shop/main.js:3:1"""


@pytest.mark.parametrize(
    ("text", "kind", "message", "functions"),
    [
        (
            JAVA,
            "java.lang.IllegalStateException",
            "no pool",
            ["com.shop.Db.load(Db.java)", "com.shop.Main.main(Main.java)"],
        ),
        (
            JAVASCRIPT,
            "TypeError",
            "x is not a function",
            ["load (/srv/shop/db.js)", "/srv/shop/main.js"],
        ),
        (
            "System.IO.IOException: gone\n   at Shop.Db.Load() in C:\\Db.cs:line 12",
            "System.IO.IOException",
            "gone",
            ["Shop.Db.Load() in C:\\Db.cs"],
        ),
        ("ValueError: alone", "ValueError", "alone", []),
        ("panic: all is lost\ngoroutine 1", "panic", "all is lost\ngoroutine 1", []),
        ("it broke at 12:03", "", "it broke at 12:03", []),
    ],
)
def test_exceptions_of_other_languages(text, kind, message, functions):
    """A type, a message, and frames that begin with `at`."""
    main = exception_in(text).main

    assert (main.type, main.message) == (kind, message)
    assert [frame.function for frame in main.frames] == functions


@pytest.mark.parametrize("text", ["", " \n", "NoneType: None", "NoneType: None\n"])
def test_nothing_was_raised(text):
    """What logging writes where no exception is being handled is none."""
    assert exception_in(text) is None


def test_a_stack_behind_bars_as_query_shows_it():
    """What `query` prints can be pasted again."""
    text = raised_by(CHAIN)
    printed = "2026-11-21 00:32:56.882 ERROR    shop.db vm[23990]  no\n" + (
        textwrap.indent(text, "    | ", lambda line: True)
    )

    assert shown(traceback_in(printed).raised) == shown(traceback_in(text).raised)
