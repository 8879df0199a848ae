"""Epoch seconds as text in one time zone."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from collector.cli.rendering.printable import one_line


class TimeTexts:
    """Writes times for people and for programs.

    Any value is taken: what is no time, or none that a calendar has, is shown
    as it is. Times in UTC end in Z; others, for people, are in the zone that
    they know.
    """

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._suffix = "Z" if zone is UTC else ""
        # Records come in order, many in one second.
        self._second: int | None = None
        self._text = ""
        self._offset = ""

    def milliseconds(self, seconds: object) -> str:
        """Return a time such as `2026-11-20 10:15:30.123`."""
        if (milliseconds := self._set(seconds)) is None:
            return _as_it_is(seconds)
        return f"{self._text}.{milliseconds:03d}{self._suffix}"

    def seconds(self, seconds: object) -> str:
        """Return a time such as `2026-11-20 10:15:30`."""
        if self._set(seconds) is None:
            return _as_it_is(seconds)
        return self._text + self._suffix

    def minutes(self, seconds: object) -> str:
        """Return a time such as `2026-11-20 10:15`."""
        if self._set(seconds) is None:
            return _as_it_is(seconds)
        return self._text[:-3] + self._suffix

    def iso(self, seconds: object) -> str | None:
        """Return a time as in ISO 8601, with its zone; None if it is none."""
        if (milliseconds := self._set(seconds)) is None:
            return None
        date, _, time = self._text.partition(" ")
        return f"{date}T{time}.{milliseconds:03d}{self._suffix or self._offset}"

    def _set(self, seconds: object) -> int | None:
        """Take over the second of a time; return its milliseconds.

        Returns None for what cannot be shown.
        """
        if not isinstance(seconds, int | float):
            return None
        try:
            # Rounded first: .123 is stored as .12299991.
            second, micros = divmod(round(seconds * 1e6), 1_000_000)
            if second != self._second:
                text = datetime.fromtimestamp(second, self._zone).isoformat(" ")
                self._text, self._offset = text[:19], text[19:]
                self._second = second
        except (ValueError, OverflowError, OSError):
            return None
        return micros // 1000


def _as_it_is(seconds: object) -> str:
    return "-" if seconds is None else one_line(seconds)
