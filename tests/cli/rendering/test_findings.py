"""Findings on a terminal and as JSON."""

import json

import pytest

from collector.cli.rendering.findings import Sheet, findings_json
from collector.doctor.finding import failed, ok, skipped

HOSTILE = failed("listener \x1b[2J", "said \x1b]0;x\x07 \udcff\nok  forged", "kill\n7")


def test_lines_align_and_advice_stands_below():
    """A line for what was seen, and one for each thing to do."""
    lines = Sheet(color=False).lines_of(failed("disk", "full", "df -h", "rm x"))
    assert lines.splitlines() == [
        "failed   disk              full",
        "         -> df -h",
        "         -> rm x",
    ]


@pytest.mark.parametrize("color", [False, True])
def test_nothing_quoted_steers_a_terminal(color):
    """What others said is on its own line, without control characters."""
    text = Sheet(color=color).lines_of(HOSTILE)
    plain = text.replace("\x1b[31m", "").replace("\x1b[0m", "")

    assert len(text.splitlines()) == 2
    assert all(char.isprintable() or char == "\n" for char in plain)
    assert (text != plain) == color


def test_how_many_of_each():
    """The last line counts; what there is none of is not told."""
    findings = [ok("a", ""), ok("b", ""), skipped("c", ""), HOSTILE]
    assert Sheet(color=False).summary(findings) == "2 ok, 1 failed, 1 skipped"


def test_json():
    """The state of the whole, and every finding, in characters that are harmless."""
    text = findings_json([ok("a", "fine"), HOSTILE])
    document = json.loads(text)

    assert document["state"] == "failed"
    assert document["findings"][0] == {
        "step": "a",
        "state": "ok",
        "seen": "fine",
        "advice": [],
    }
    assert document["findings"][1]["advice"] == ["kill\n7"]
    assert "\x1b" not in text
