"""What values settings may have, beyond what their types say."""

from __future__ import annotations

import logging
from collections import defaultdict
from typing import Any, Final

from collector.addresses import is_host, parse_address, parse_http_address
from collector.amounts import duration_seconds, size_bytes
from collector.http_token import check_token
from collector.listen_settings import parse_mode, parse_networks

# The settings that are ages of records.
RETENTION_AGES: Final = (
    "retention_max_age",
    "retention_debug",
    "retention_info",
    "retention_warning",
    "retention_error",
    "retention_critical",
)

# Whoever writes 6m may mean months: it would remove nearly everything.
LEAST_AGE_SECONDS: Final = 3600.0
AGE_FORMS: Final = (
    "a length of time of an hour at least, such as 12h, 1d12h, 90d, 4w, 1y"
)

# A database without records has less, and a few of them fit in.
LEAST_SIZE_BYTES: Final = 10_000_000


def check_value(key: str, value: Any) -> None:
    """Check what a type can't say. Raises ValueError."""
    if key == "listen":
        for entry in value:
            address = entry if isinstance(entry, str) else entry.address
            try:
                parse_address(address)
            except ValueError as error:
                raise ValueError(f"{address!r}: {error}") from None
    elif key == "allow":
        parse_networks(value)
    elif key == "socket_mode":
        parse_mode(value)
    elif key == "emit_level":
        parse_level(value)
    elif key == "format":
        try:
            logging.Formatter(value)
            # Every field is there and is a number, which fits any conversion.
            value % defaultdict(int)
        except (ValueError, TypeError) as error:
            raise ValueError(f"no format of logging: {error}") from None
    elif key == "emit" and not value:
        raise ValueError("empty; use none to emit nothing")
    elif key == "host" and not value:
        raise ValueError("empty; use 0.0.0.0 and :: to listen on all addresses")
    elif key == "retention_max_size" and value:
        parse_max_size(value)
    elif key in RETENTION_AGES and value:
        parse_age(value)
    elif key == "http_address" and value:
        parse_http_address(value)
    elif key == "http_token" and value:
        check_token(value)
    elif key == "http_allowed_hosts":
        for name in value:
            if not is_host(name):
                raise ValueError(f"{name!r} is no name of a host (without a port)")


def parse_age(text: str) -> float:
    """Read after how many seconds records may go. Raises ValueError."""
    try:
        seconds = duration_seconds(text)
    except ValueError:
        raise ValueError(f"expected {AGE_FORMS}") from None
    if seconds < LEAST_AGE_SECONDS:
        raise ValueError("must be an hour at least; m is for minutes, as in 90m")
    return seconds


def parse_max_size(text: str) -> int:
    """Read how many bytes a database may have. Raises ValueError."""
    size = size_bytes(text)
    if size < LEAST_SIZE_BYTES:
        raise ValueError(f"must be {LEAST_SIZE_BYTES // 10**6}MB at least")
    return size


def parse_level(text: str) -> int:
    """Read a level, by name or number. Raises ValueError."""
    if text.isdecimal() and text.isascii() and len(text) <= 9:
        return int(text)
    number = logging.getLevelNamesMapping().get(text.upper())
    if number is None:
        raise ValueError(
            f"{text!r} is no level; use DEBUG, INFO, WARNING, ERROR, CRITICAL "
            "or a number"
        )
    return number
