"""What a pickle names but we never import: globals and instances, as data."""

from __future__ import annotations

from typing import Final, final

# A key longer than this is no attribute's name.
MAX_KEY_CHARS: Final = 256

# Of a tuple used as a key, so many parts are shown.
MAX_KEY_PARTS: Final = 4

# Larger integers are shown in hexadecimal: decimal digits take square time.
MAX_DECIMAL_BITS: Final = 1024


@final
class Global:
    """A dotted name that a pickle asked to import. Nothing was imported."""

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str) -> None:
        self.module: Final = module
        self.name: Final = name


@final
class Instance:
    """A call or construction that a pickle asked for. Nothing was called.

    callee: a Global as a rule; whatever value the pickle put there.
    args: the arguments, a tuple as a rule.
    state: what BUILD brought, or None.
    items: what APPEND(S) and ADDITEMS added, or None.
    pairs: what SETITEM(S) added, or None.
    """

    __slots__ = ("args", "callee", "items", "pairs", "state")

    def __init__(self, callee: object, args: object) -> None:
        self.callee: Final = callee
        self.args: Final = args
        self.state: object = None
        self.items: list[object] | None = None
        self.pairs: dict[str, object] | None = None


def key_text(key: object) -> str:
    """Return a str for a dictionary key of any type, without hashing it."""
    if isinstance(key, str):
        return key if len(key) <= MAX_KEY_CHARS else key[:MAX_KEY_CHARS] + "…"
    if key is None or isinstance(key, (bool, float)):
        return str(key)
    if isinstance(key, int):
        return (
            str(key)
            if key.bit_length() <= MAX_DECIMAL_BITS
            else hex(key >> (key.bit_length() - MAX_DECIMAL_BITS & ~3))[:200] + "…"
        )
    if isinstance(key, bytes):
        return key_text(key[:MAX_KEY_CHARS].decode("utf-8", "backslashreplace"))
    if isinstance(key, Global):
        return key_text(key.module + "." + key.name)
    return _compound_key(key, 2)


def _compound_key(key: object, depth: int) -> str:
    # Such keys are shown in part, as they may be of any size; what tells the
    # usual ones apart (tuples of names, members of an Enum) is kept.
    if isinstance(key, Instance):
        return key_text(_key_part(key.callee, depth) + _key_part(key.args, depth))
    if isinstance(key, tuple) and depth > 0:
        parts = [_key_part(part, depth - 1) for part in key[:MAX_KEY_PARTS]]
        if len(key) > MAX_KEY_PARTS:
            parts.append("…")
        return key_text("(" + ", ".join(parts) + ")")
    return "<" + type(key).__name__ + ">"


def _key_part(part: object, depth: int) -> str:
    if isinstance(part, (Instance, tuple)):
        return _compound_key(part, depth - 1) if depth > 0 else "…"
    return key_text(part)
