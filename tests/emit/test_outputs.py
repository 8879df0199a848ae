"""Streams and files: what lines look like where they arrive."""

import io
import os
import sys

import pytest

from collector.emit.formatter import CollectorFormatter
from collector.emit.outputs import FileOutput, StreamOutput, lines, open_output
from collector.emitting import make_emitter
from collector.errors import ConfigError
from collector.settings import Settings

PLAIN = CollectorFormatter("%(message)s")


def stream(encoding="utf-8"):
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")


def test_lines_end_in_newlines(make_record):
    """Every record is a line; further lines of it are marked."""
    records = [make_record("a"), make_record("b\nc"), make_record("d\x1b[2J")]

    assert lines(records, PLAIN) == "a\nb\n    | c\nd\\x1b[2J\n"


def test_a_stream_is_flushed_and_left_open(make_record):
    """Lines arrive at once; the stream belongs to who started the process."""
    output = stream()
    writer = StreamOutput(output, PLAIN)
    writer.write([make_record("one"), make_record("zwölf")])
    writer.close()

    assert output.buffer.getvalue() == "one\nzwölf\n".encode()
    assert not output.closed


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("ascii", b"gr\\xfc\\xdfe \\u4e16 \\U0001f389\n"),
        ("latin-1", b"gr\xfc\xdfe \\u4e16 \\U0001f389\n"),
        ("UTF8", "grüße 世 🎉\n".encode()),
        ("utf-8", "grüße 世 🎉\n".encode()),
        ("cp1252", b"gr\xfc\xdfe \\u4e16 \\U0001f389\n"),
    ],
)
def test_what_a_stream_cannot_show_is_escaped(make_record, encoding, shown):
    """No character fails the line on a terminal of another encoding."""
    output = stream(encoding)
    StreamOutput(output, PLAIN).write([make_record("grüße 世 🎉")])

    assert output.buffer.getvalue() == shown


def test_a_stream_without_an_encoding(make_record):
    """A replaced sys.stdout need not have an encoding."""
    output = io.StringIO()
    StreamOutput(output, PLAIN).write([make_record("grüße")])

    assert output.getvalue() == "grüße\n"


def test_a_file_is_appended_to(tmp_path, make_record):
    """Lines are added to what a file holds, in UTF-8, at once."""
    path = tmp_path / "app.log"
    path.write_text("old\n")
    output = FileOutput(path, PLAIN)
    output.write([make_record("grüße")])
    assert path.read_text(encoding="utf-8") == "old\ngrüße\n"
    output.write([make_record("more")])
    output.close()

    assert path.read_text(encoding="utf-8") == "old\ngrüße\nmore\n"


def test_a_file_is_rotated_by_size(tmp_path, make_record):
    """At its size a file is set aside; so many old ones are kept, none cut."""
    path = tmp_path / "app.log"
    output = FileOutput(path, PLAIN, rotate_bytes=100, rotate_keep=2)
    for n in range(20):
        output.write([make_record(f"{n:02} {'x' * 26}")])
    output.close()

    names = sorted(entry.name for entry in tmp_path.iterdir())
    assert names == ["app.log", "app.log.1", "app.log.2"]
    kept = "".join((tmp_path / name).read_text() for name in reversed(names))
    numbers = [int(line[:2]) for line in kept.splitlines()]
    assert numbers == list(range(numbers[0], 20))
    assert all((tmp_path / name).stat().st_size <= 100 for name in names)


def test_a_file_is_rotated_by_time(tmp_path, make_record):
    """A file from before the last turn of the hour is set aside."""
    path = tmp_path / "app.log"
    path.write_text("old\n")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    output = FileOutput(path, PLAIN, rotate_when="H")
    output.write([make_record("new")])
    output.close()

    assert path.read_text() == "new\n"
    (old,) = [entry for entry in tmp_path.iterdir() if entry != path]
    assert old.name.startswith("app.log.2001-09-09")
    assert old.read_text() == "old\n"


def test_percent_signs_survive_rotation(tmp_path, make_record):
    """Rotating measures text and does not format it."""
    path = tmp_path / "app.log"
    output = FileOutput(path, PLAIN, rotate_bytes=1000)
    output.write([make_record("100 %s %(nothing)d %")])
    output.close()

    assert path.read_text() == "100 %s %(nothing)d %\n"


def test_a_reopened_file_goes_on(tmp_path, make_record):
    """A file that another program has moved is made anew when opened again."""
    path = tmp_path / "app.log"
    first = FileOutput(path, PLAIN)
    first.write([make_record("one")])
    path.rename(tmp_path / "moved.log")
    first.write([make_record("two")])
    first.close()
    second = FileOutput(path, PLAIN)
    second.write([make_record("three")])
    second.close()

    assert (tmp_path / "moved.log").read_text() == "one\ntwo\n"
    assert path.read_text() == "three\n"


def test_targets(tmp_path, monkeypatch, make_record):
    """The setting names stdout, stderr, nothing, or a file."""
    out, err = stream(), stream()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    path = tmp_path / "app.log"
    for target in ("stdout", "stderr", str(path)):
        output = open_output(target, PLAIN)
        output.write([make_record(target)])
        output.close()

    assert open_output("none", PLAIN) is None
    assert out.buffer.getvalue() == b"stdout\n"
    assert err.buffer.getvalue() == b"stderr\n"
    assert path.read_text() == f"{path}\n"


@pytest.mark.parametrize("options", [{}, {"rotate_bytes": 9}, {"rotate_when": "D"}])
def test_a_file_that_cannot_be_opened(tmp_path, options):
    """The reason is said of the setting, with the path."""
    path = tmp_path / "nowhere" / "app.log"
    with pytest.raises(ConfigError, match="No such file") as caught:
        open_output(str(path), PLAIN, **options)

    assert caught.value.key == "emit"
    assert str(path) in caught.value.reason


@pytest.mark.parametrize("fmt", ["%(message)d", "%(name)d %(message)s", "%(name)c%%"])
def test_a_format_of_wrong_types_is_a_wrong_setting(fmt):
    """A format that no record fits is refused as a setting, before it is used."""
    with pytest.raises(ConfigError) as caught:
        make_emitter(Settings(format=fmt))

    assert caught.value.key == "format"
