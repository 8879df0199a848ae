"""Groups of errors as text for people: blocks, or a table.

What they say of an error comes from the network, and is made safe to print.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from typing import Final

from collector.cli.rendering.brush import brush
from collector.cli.rendering.columns import display_width, padded, shortened
from collector.cli.rendering.printable import one_line
from collector.cli.rendering.sparkline import sparkline
from collector.cli.rendering.times import TimeTexts
from collector.store.error_groups import ErrorGroup, Timeline

# Hosts that are named; others are counted.
NAMED_HOSTS: Final = 3

_GAP: Final = "  "
# What an error gets before columns are left out for it, and at least.
_ERROR_ROOM: Final = 30
_LEAST_ERROR: Final = 24


class ErrorTexts:
    """Writes groups of errors for a terminal of some width."""

    def __init__(self, *, zone: tzinfo, color: bool, unicode: bool, width: int) -> None:
        self._times = TimeTexts(zone)
        self._unicode = unicode
        self._width = width
        self._gap = "…" if unicode else "..."
        self._bold = brush(color=color, bold=True)
        self._red = brush(color=color, fg="red")
        self._dim = brush(color=color, dim=True)

    def blocks(self, groups: Sequence[ErrorGroup], timeline: Timeline) -> str:
        """Return three lines for each group, and what the histories are of."""
        counts = _right([f"{group.count:,}" for group in groups])
        lines: list[str] = []
        for group, count in zip(groups, counts, strict=True):
            head = f"{group.id}{_GAP}{count}{_GAP}"
            indent = " " * len(head)
            room = self._width - len(head)
            lines.append(
                f"{self._dim.paint(group.id)}{_GAP}{self._bold.paint(count)}{_GAP}"
                f"{self._error(group, room)}"
            )
            lines.append(f"{indent}{self._short(place_text(group), room)}")
            lines.append(f"{indent}{self._history(group)}{_GAP}{self._seen(group)}")
        lines.append(self._dim.paint(self._legend(timeline)))
        return _text(lines)

    def table(self, groups: Sequence[ErrorGroup], timeline: Timeline) -> str:
        """Return a line for each group, and what the histories are of.

        Where the width is small, some columns are left out for the error.
        """
        times = self._times.seconds
        columns = {
            "id": _column("id", [group.id for group in groups]),
            "count": _right(["count", *(f"{group.count:,}" for group in groups)]),
            "history": _column("history", [self._history(group) for group in groups]),
            "first": _column("first", [times(group.first) for group in groups]),
            "last": _column("last", [times(group.last) for group in groups]),
            "hosts": _column("hosts", [hosts_text(group) for group in groups]),
        }
        for spare in ("first", "hosts", "last", "history"):
            if self._room_beside(columns) < _ERROR_ROOM:
                del columns[spare]
        room = self._room_beside(columns)
        errors = ["error", *(self._short(error_text(group), room) for group in groups)]
        lines = [
            _GAP.join(cells) for cells in zip(*columns.values(), errors, strict=True)
        ]
        lines[0] = self._bold.paint(lines[0])
        lines.append(self._dim.paint(self._legend(timeline)))
        return _text(lines)

    def details(self, group: ErrorGroup, timeline: Timeline) -> str:
        """Return a line for each thing that is known of a group."""
        millis = self._times.milliseconds
        hosts = sorted(group.hosts.items(), key=lambda item: (-item[1], item[0]))
        facts = {
            "id": group.id,
            "error": error_text(group),
            "raised": place_text(group),
            "count": f"{group.count:,}",
            "first": f"{millis(group.first)}  first record {group.first_id}",
            "last": f"{millis(group.last)}  last record {group.last_id}",
            "hosts": ", ".join(f"{one_line(host)} ({n:,})" for host, n in hosts),
            "history": f"{self._history(group)}  {self._span(timeline)}",
        }
        return _text(
            f"{self._bold.paint(f'{name:<7}')}  {text}" for name, text in facts.items()
        )

    def _error(self, group: ErrorGroup, room: int) -> str:
        text = self._short(error_text(group), room)
        name = one_line(group.type)
        if not text.startswith(name):
            return text
        return self._red.paint(name) + text.removeprefix(name)

    def _room_beside(self, columns: Mapping[str, list[str]]) -> int:
        used = sum(display_width(cells[0]) + len(_GAP) for cells in columns.values())
        return self._width - used

    def _seen(self, group: ErrorGroup) -> str:
        first, last = map(self._times.seconds, (group.first, group.last))
        when = first if first == last else f"{first} to {last}"
        return f"{when}{_GAP}{hosts_text(group)}"

    def _history(self, group: ErrorGroup) -> str:
        return sparkline(group.history, unicode=self._unicode)

    def _short(self, text: str, room: int) -> str:
        return shortened(text, max(_LEAST_ERROR, room), gap=self._gap)

    def _legend(self, timeline: Timeline) -> str:
        return f"histories: {self._span(timeline)}"

    def _span(self, timeline: Timeline) -> str:
        end = timeline.start + timeline.seconds * timeline.length
        seconds = self._times.seconds
        return f"{seconds(timeline.start)} to {seconds(end)}"


def error_text(group: ErrorGroup) -> str:
    """Return the type and the first line of the message of an error."""
    # A message may begin with an empty line.
    message = group.message.strip().partition("\n")[0]
    parts = [part for part in (group.type, message) if part]
    return one_line(": ".join(parts)) or "(cut off)"


def place_text(group: ErrorGroup) -> str:
    """Return where an error was raised."""
    frame = group.frame
    if frame is None:
        return "-"
    place = f"{frame.file}:{frame.line} in " if frame.file else ""
    return one_line(f"{place}{frame.function}")


def hosts_text(group: ErrorGroup) -> str:
    """Return the hosts with most of the errors, and how many others there are."""
    hosts = sorted(group.hosts, key=lambda host: (-group.hosts[host], host))
    named = ", ".join(one_line(host) or "-" for host in hosts[:NAMED_HOSTS])
    more = len(hosts) - NAMED_HOSTS
    return f"{named} and {more:,} more" if more > 0 else named


def _right(texts: list[str]) -> list[str]:
    width = max(map(len, texts), default=0)
    return [text.rjust(width) for text in texts]


def _column(heading: str, texts: list[str]) -> list[str]:
    cells = [heading, *texts]
    width = max(map(display_width, cells))
    return [padded(cell, width) for cell in cells]


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
