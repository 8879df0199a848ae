"""Read JSON objects as data, within the limits."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from collector.errors import DecodeError
from collector.wire.limits import DecodeLimits

# Either a whole string, whose content does not count, or one that starts a
# value: memory is taken per value, and two bytes can make one of 56.
_TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{,:]', re.DOTALL)


def read_json(data: bytes, limits: DecodeLimits) -> object:
    """Return the value of the JSON text `data`.

    Raises DecodeError for what is no JSON or not within the limits.
    """
    # A text shorter than the budget can't hold more values than that.
    if len(data) > limits.max_operations:
        _count(data, limits.max_operations)
    try:
        return msgspec.json.decode(data)
    except RecursionError:
        raise DecodeError("too_deep", "it is nested too deep") from None
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise DecodeError("malformed_json", str(error)[:200]) from None


def _count(data: bytes, max_values: int) -> None:
    values = 0
    for token in _TOKEN.finditer(data):
        if len(token.group()) == 1:
            values += 1
            if values > max_values:
                raise DecodeError(
                    "too_many_operations", f"it has more than {max_values} values"
                )
