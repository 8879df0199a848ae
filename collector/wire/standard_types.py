"""Values of standard types, read from what their pickles hold.

Nothing is imported or called by name here: a table says how the arguments of
each known class are read, and our own code reads them.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import uuid
from collections.abc import Callable
from typing import Final


def _datetime(args: list[object], state: object) -> object:
    raw = args[0] if args else None
    if not isinstance(raw, bytes) or len(raw) != 10:
        return NotImplemented
    micro = int.from_bytes(raw[7:10], "big")
    try:
        # Without a zone on purpose: it is added to the text below.
        text = dt.datetime(  # noqa: DTZ001
            raw[0] * 256 + raw[1],
            # The highest bit of the month tells the second of two equal times.
            raw[2] & 0x7F,
            raw[3],
            raw[4],
            raw[5],
            raw[6],
            micro,
        ).isoformat()
    except ValueError:
        return NotImplemented
    zone = args[1] if len(args) > 1 else None
    return text + _zone_suffix(zone)


def _zone_suffix(zone: object) -> str:
    if zone is None:
        return ""
    if isinstance(zone, str) and zone.startswith(("UTC+", "UTC-")):
        return zone[3:]
    return f"[{zone}]" if isinstance(zone, str) else ""


def _date(args: list[object], state: object) -> object:
    raw = args[0] if args else None
    if not isinstance(raw, bytes) or len(raw) != 4:
        return NotImplemented
    try:
        return dt.date(raw[0] * 256 + raw[1], raw[2], raw[3]).isoformat()
    except ValueError:
        return NotImplemented


def _time(args: list[object], state: object) -> object:
    raw = args[0] if args else None
    if not isinstance(raw, bytes) or len(raw) != 6:
        return NotImplemented
    micro = int.from_bytes(raw[3:6], "big")
    try:
        text = dt.time(raw[0] & 0x7F, raw[1], raw[2], micro).isoformat()
    except ValueError:
        return NotImplemented
    return text + _zone_suffix(args[1] if len(args) > 1 else None)


def _timedelta(args: list[object], state: object) -> object:
    """Return seconds: a number that queries can compare."""
    numbers = [n for n in args if isinstance(n, int) and abs(n) < 10**12]
    if len(numbers) != 3 or len(args) != 3:
        return NotImplemented
    return numbers[0] * 86400 + numbers[1] + numbers[2] / 1_000_000


def _timezone(args: list[object], state: object) -> object:
    """Return UTC with the offset, as in ISO times; the first argument is in s."""
    if not args or not isinstance(args[0], (int, float)):
        return NotImplemented
    if not -86400 < args[0] < 86400:  # nor is it a NaN
        return NotImplemented
    minutes, seconds = divmod(abs(int(args[0])), 60)
    sign = "-" if args[0] < 0 else "+"
    text = f"UTC{sign}{minutes // 60:02d}:{minutes % 60:02d}"
    return text + (f":{seconds:02d}" if seconds else "")


def _text_of_first(args: list[object], state: object) -> object:
    return args[0] if args and isinstance(args[0], str) else NotImplemented


def uuid_text(state: object) -> object:
    """Return the text of the UUID with this state."""
    number = state.get("int") if isinstance(state, dict) else None
    if isinstance(number, int) and 0 <= number < 1 << 128:
        return str(uuid.UUID(int=number))
    return NotImplemented


def _uuid(args: list[object], state: object) -> object:
    return uuid_text(state)


def _complex(args: list[object], state: object) -> object:
    if len(args) == 2 and isinstance(args[0], float) and isinstance(args[1], float):
        return str(complex(args[0], args[1])).strip("()")
    return NotImplemented


def _ip_version4(args: list[object], state: object) -> object:
    """Return the text of an address or network, pickled as text or number."""
    if args and isinstance(args[0], int) and 0 <= args[0] < 1 << 32:
        return str(ipaddress.IPv4Address(args[0]))
    return _text_of_first(args, state)


def _ip_version6(args: list[object], state: object) -> object:
    """Return the text of an address or network, pickled as text or number."""
    if args and isinstance(args[0], int) and 0 <= args[0] < 1 << 128:
        return str(ipaddress.IPv6Address(args[0]))
    return _text_of_first(args, state)


def _posix_path(args: list[object], state: object) -> object:
    return _joined(args, "/")


def _windows_path(args: list[object], state: object) -> object:
    return _joined(args, "\\")


def _fraction(args: list[object], state: object) -> object:
    if len(args) == 2 and isinstance(args[0], int) and isinstance(args[1], int):
        if args[0].bit_length() > 1024 or args[1].bit_length() > 1024:
            return NotImplemented
        return f"{args[0]}/{args[1]}"
    return _text_of_first(args, state)


def _joined(args: list[object], separator: str) -> object:
    parts = [part for part in args if isinstance(part, str)]
    if len(parts) != len(args):
        return NotImplemented
    if not parts:
        return "."
    # The first part of an absolute path ends in the separator already.
    # A drive alone stands for that drive's current folder.
    drive = separator == "\\" and len(parts[0]) == 2 and parts[0][1] == ":"
    if len(parts) > 1 and (drive or parts[0].endswith(separator)):
        return parts[0] + separator.join(parts[1:])
    return separator.join(parts)


def _range(args: list[object], state: object) -> object:
    if all(isinstance(arg, int) and arg.bit_length() <= 64 for arg in args):
        return f"range({', '.join(map(str, args))})"
    return NotImplemented


Reader = Callable[[list[object], object], object]

# By the class's dotted name: from the arguments (plain, but bytes kept) and the
# state to the value, or to NotImplemented if they are not as expected.
READERS: Final[dict[str, Reader]] = {
    "builtins.complex": _complex,
    "builtins.range": _range,
    "datetime.datetime": _datetime,
    "datetime.date": _date,
    "datetime.time": _time,
    "datetime.timedelta": _timedelta,
    "datetime.timezone": _timezone,
    "zoneinfo.ZoneInfo._unpickle": _text_of_first,
    "decimal.Decimal": _text_of_first,
    "fractions.Fraction": _fraction,
    "uuid.UUID": _uuid,
    "ipaddress.IPv4Address": _ip_version4,
    "ipaddress.IPv6Address": _ip_version6,
    "ipaddress.IPv4Network": _ip_version4,
    "ipaddress.IPv6Network": _ip_version6,
    "ipaddress.IPv4Interface": _ip_version4,
    "ipaddress.IPv6Interface": _ip_version6,
    "pathlib.PosixPath": _posix_path,
    "pathlib.PurePosixPath": _posix_path,
    "pathlib.Path": _posix_path,
    "pathlib.PurePath": _posix_path,
    "pathlib.WindowsPath": _windows_path,
    "pathlib.PureWindowsPath": _windows_path,
    "pathlib._local.PosixPath": _posix_path,
    "pathlib._local.PurePosixPath": _posix_path,
    "pathlib._local.WindowsPath": _windows_path,
    "pathlib._local.PureWindowsPath": _windows_path,
}
