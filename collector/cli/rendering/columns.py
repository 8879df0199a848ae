"""Columns on a terminal: how wide texts are, and how columns share a width."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence


def display_width(text: str) -> int:
    """Return how many places of a terminal a printable text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_char_width, text))


def padded(text: str, width: int, *, right: bool = False) -> str:
    """Return `text` with spaces added to `width` places; `right` puts it right."""
    spaces = " " * (width - display_width(text))
    return spaces + text if right else text + spaces


def shortened(text: str, width: int, *, gap: str) -> str:
    """Return `text` in at most `width` places, `gap` in place of its middle.

    The ends of names tell more than their middles.
    """
    if display_width(text) <= width:
        return text
    room = max(0, width - display_width(gap))
    tail = _beginning(text[::-1], room // 2)[::-1]
    head = _beginning(text, room - display_width(tail))
    return (head + gap + tail) if room else gap[:width]


def shortened_end(text: str, width: int, *, gap: str) -> str:
    """Return `text` in at most `width` places, `gap` in place of its end."""
    if display_width(text) <= width:
        return text
    room = max(0, width - display_width(gap))
    return (_beginning(text, room) + gap) if room else gap[:width]


def shared_widths(wanted: Sequence[int], available: int, *, least: int) -> list[int]:
    """Return what each column gets of `available` places.

    All get what they want if there is enough. Else the widest are made as
    wide as each other, but none narrower than `least` unless it wants less.
    """
    widths = [0] * len(wanted)
    left = available
    narrowest_first = sorted(range(len(wanted)), key=wanted.__getitem__)
    for done, place in enumerate(narrowest_first):
        fair = max(least, left // (len(wanted) - done))
        widths[place] = min(wanted[place], fair)
        left -= widths[place]
    return widths


def _beginning(text: str, width: int) -> str:
    end = 0
    while end < len(text) and (width := width - _char_width(text[end])) >= 0:
        end += 1
    return text[:end]


def _char_width(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
