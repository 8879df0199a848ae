"""Read JSON objects as data, within the limits."""

from __future__ import annotations

import json
from typing import Final, Never

import msgspec

from collector.errors import DecodeError
from collector.wire.limits import DecodeLimits

# What starts a value or parts two: memory is taken per value, and two bytes
# can make one of 56.
_MARKS: Final = (b"[", b"{", b",", b":")

# Reading digits takes square time; no clock or counter has as many.
_LONG_NUMBER: Final = b"0" * 400
_DIGITS_TO_ZERO: Final = bytes.maketrans(b"123456789", b"0" * 9)

# A text with lone surrogates is read by a slower reader, up to this length.
_MAX_SURROGATE_BYTES: Final = 1024 * 1024


def read_json(data: bytes, limits: DecodeLimits) -> object:
    """Return the value of the JSON text `data`.

    Raises DecodeError for what is no JSON or not within the limits.
    """
    # A text shorter than the budget can't hold more values than that.
    if len(data) > limits.max_operations:
        _check(data, limits)
    try:
        return msgspec.json.decode(data)
    except RecursionError:
        raise DecodeError("too_deep", "it is nested too deep") from None
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        if b"\\u" in data and len(data) <= _MAX_SURROGATE_BYTES:
            return _with_surrogates(data, str(error))
        raise DecodeError("malformed_json", str(error)[:200]) from None


def _check(data: bytes, limits: DecodeLimits) -> None:
    # One character outside ASCII can make Python spend four bytes on each of
    # a text's characters, and as much again while it reads.
    if 8 * len(data) > limits.max_text_bytes and (not data.isascii() or b"\\u" in data):
        raise DecodeError("too_much_text", "its texts would take too much memory")
    allowed = limits.max_operations
    outside = _outside(data, allowed)
    if _marks(outside) > allowed:
        raise _too_many(allowed)
    if _LONG_NUMBER in outside.translate(_DIGITS_TO_ZERO):
        raise DecodeError("malformed_json", "a number has too many digits")


def _marks(data: bytes) -> int:
    return sum(map(data.count, _MARKS))


def _outside(data: bytes, allowed: int) -> bytes:
    """Return what stands outside of strings."""
    if data.count(b"\\") > 20 * allowed:
        # An escape takes its time, as a value does.
        raise _too_many(allowed)
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    if data.count(b'"') > 4 * allowed:
        raise _too_many(allowed)
    return b'""'.join(data.split(b'"')[::2])


def _too_many(allowed: int) -> DecodeError:
    return DecodeError("too_many_operations", f"it has more than {allowed} values")


def _with_surrogates(data: bytes, reason: str) -> object:
    """Read it as Python's own json does, which writes lone surrogates too."""
    try:
        return json.loads(data, parse_constant=_refuse)
    except RecursionError:
        raise DecodeError("too_deep", "it is nested too deep") from None
    except ValueError:
        raise DecodeError("malformed_json", reason[:200]) from None


def _refuse(constant: str) -> Never:
    raise ValueError(f"{constant} is no JSON")
