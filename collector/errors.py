"""The one tree of errors.

    CollectorError
    ├── ConfigError        a setting is wrong; exit status 2
    ├── ListenError        an address cannot be listened on; exit status 69
    ├── ProtocolError      the stream is lost; close this connection
    │   └── FrameTooLarge
    ├── DecodeError        one payload is bad; reject it, keep the connection
    └── StoreError         the database cannot be used; exit status 74
        └── SchemaTooNew

What is rejected for the peer's fault is a ProtocolError or a DecodeError;
anything outside this tree is a bug of ours. Each class is handled in one
place, in the shell around the code that raises it.
"""

from __future__ import annotations


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


class StoreError(CollectorError):
    """The database cannot be used and trying again will not help."""


class SchemaTooNew(StoreError):
    """The database was written by a newer version of this program."""
