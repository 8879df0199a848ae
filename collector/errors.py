"""The one tree of errors.

    CollectorError
    ├── ConfigError        a setting is wrong; exit status 2
    ├── ListenError        an address cannot be listened on; exit status 69
    ├── ProtocolError      the stream is lost; close this connection
    │   └── FrameTooLarge
    ├── DecodeError        one payload is bad; reject it, keep the connection
    ├── SendError          records cannot be sent; exit status 69
    ├── QueryError         the user's query is wrong; exit status 2
    ├── QueryTimeout       a search took longer than it was given; exit status 1
    ├── ReadError          a database cannot be read; exit status 1
    │   └── NoSuchDatabase    there is none of ours; exit status 2
    ├── TransferError      a file can't be exported to or imported; exit status 1
    └── StoreError         the database cannot be used; exit status 74
        ├── SchemaTooNew
        └── DamagedDatabase   it is ours, and set aside

What is rejected for the peer's fault is a ProtocolError or a DecodeError;
anything outside this tree is a bug of ours. Each class is handled in one
place, in the shell around the code that raises it.
"""

from __future__ import annotations

# What is shown of a query on each side of the place of a mistake.
_SHOWN_CELLS = 35


class CollectorError(Exception):
    """Base of all errors that this package raises on purpose."""


class ConfigError(CollectorError):
    """A setting is unknown or has a wrong value.

    `key` names the setting as its source spells it, `reason` what is wrong
    with it, `hint` (may be empty) what to try.
    """

    def __init__(self, key: str, reason: str, hint: str = "") -> None:
        self.key = key
        self.reason = reason
        self.hint = hint
        super().__init__(f"{key}: {reason}" + (f" ({hint})" if hint else ""))


class ListenError(CollectorError):
    """An address cannot be listened on."""


class SendError(CollectorError):
    """Records cannot be sent to where they should go."""


class ProtocolError(CollectorError):
    """The stream of a connection can no longer be split into frames.

    `reason` is a short fixed word to count by, `detail` is for people.
    """

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")


class FrameTooLarge(ProtocolError):
    """A length prefix is over the limit; most often it is no length at all."""

    def __init__(self, detail: str) -> None:
        super().__init__("frame_too_large", detail)


class DecodeError(CollectorError):
    """A payload holds no log record.

    `reason` is a short fixed word to count by, `detail` is for people.
    """

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")


class QueryError(CollectorError):
    """A query is no query; `str` of this shows where and why.

    `text` is the whole query, `column` the offset in it (from 0) of what is
    wrong, `reason` says what was expected, `hint` (may be empty) what to try.
    """

    def __init__(self, text: str, column: int, reason: str, hint: str = "") -> None:
        self.text = text
        self.column = column
        self.reason = reason
        self.hint = hint
        super().__init__(text, column, reason, hint)

    def __str__(self) -> str:
        """Return the reason, the text, a caret below its column, the hint.

        All characters are printable, and the lines of the text are short.
        """
        left, before = _beside(self.text[: self.column][::-1])
        right, _ = _beside(self.text[self.column :])
        shown = "".join(reversed(left)) + "".join(right)
        lines = [self.reason, shown, " " * before + "^"]
        return "\n".join([*lines, self.hint] if self.hint else lines)


class QueryTimeout(CollectorError):
    """A search took longer than it was given."""


class ReadError(CollectorError):
    """A database cannot be read."""


class NoSuchDatabase(ReadError):
    """What was named is not there, or is no database of ours."""


class TransferError(CollectorError):
    """A file cannot be exported to, or imported."""


class StoreError(CollectorError):
    """The database cannot be used and trying again will not help."""


class SchemaTooNew(StoreError):
    """The database was written by a newer version of this program."""


class DamagedDatabase(StoreError):
    """The database is one of ours, and its content is not sound."""


def _beside(text: str) -> tuple[list[str], int]:
    """Return what is shown of a text that leads away from a mistake.

    The second value is the width of it in cells of a terminal.
    """
    shown: list[str] = []
    width = taken = 0
    for char in text:
        piece, cells = _visible(char)
        # What takes no cell counts too, or a million accents would be shown.
        taken += max(cells, 1)
        if taken > _SHOWN_CELLS:
            return [*shown, "…"], width + 1
        shown.append(piece)
        width += cells
    return shown, width


def _visible(char: str) -> tuple[str, int]:
    # Applications that attach a handler import this module, and not that one.
    import unicodedata

    if unicodedata.combining(char):
        return char, 0
    if not char.isprintable():
        escaped = repr(char)[1:-1]
        return escaped, len(escaped)
    return char, 2 if unicodedata.east_asian_width(char) in "WF" else 1
