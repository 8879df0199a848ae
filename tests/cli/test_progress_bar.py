"""A bar on stderr: for terminals only, and right whatever is expected."""

import io
import sys

import pytest

from collector.cli.progress_bar import progress_bar


class Terminal(io.StringIO):
    """What is written to a terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize(
    "steps", [[(1, 4), (4, 4)], [(0, 0)], [(3, 2), (4, 2)], [(5, 10), (2, 10), (9, 9)]]
)
def test_a_terminal_is_shown_how_far_it_is(monkeypatch, steps):
    """The bar ends full, also where there is more or less than was expected."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress_bar("moving") as progress:
        for done, total in steps:
            progress(done, total)

    assert "moving" in terminal.getvalue()
    assert "100%" in terminal.getvalue() or steps == [(0, 0)]


def test_nobody_else_is(monkeypatch):
    """A file or a pipe gets nothing of it."""
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress_bar("moving") as progress:
        progress(1, 2)

    assert sys.stderr.getvalue() == ""


@pytest.mark.parametrize(
    "command",
    [
        ["export"],
        ["import", "SOURCE"],
        ["db", "reindex"],
        ["db", "prune", "--max-age", "1d"],
    ],
    ids=" ".join,
)
def test_what_is_not_shown_to_a_file(run, fill, tmp_path, command):
    """A command whose stderr is a file writes no bar into it."""
    source = fill({}, name="source.sqlite")
    words = [source if word == "SOURCE" else word for word in command]
    result = run(*words, "--db", fill({}, {}))

    assert result.exit_code == 0, result.output
    assert len(result.stderr.splitlines()) <= 1
    assert not {"removing", "indexing", "exporting"} & set(result.stderr.split())
