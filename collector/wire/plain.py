"""Make what a pickle held finite and plain: text, numbers, lists and dicts.

A decoded pickle may share and nest values without end; this walk counts
visits, not objects, so that its result is always a small tree. Values of
common standard types become what they stand for (a datetime its ISO text, a
UUID its text, a set a list); any other instance becomes a dict of its dotted
class name under "@class" and its fields.
"""

from __future__ import annotations

import sys
from typing import Final

from collector.wire.limits import DecodeLimits
from collector.wire.opaque import Global, Instance, key_text
from collector.wire.standard_types import READERS, uuid_text

CUT: Final = "…"
CYCLE: Final = "<cycle>"

# A path is pickled as the list of its parts.
MAX_ARGUMENTS: Final = 256
MAX_NAME_CHARS: Final = 256

# Bytes of one payload that are shown as text, and that are shown escaped.
MAX_BYTES_SHOWN: Final = 2 * 1024 * 1024
MAX_BYTES_ESCAPED: Final = 64 * 1024

BYTES_NAMES: Final = frozenset(
    {"_codecs.encode", "builtins.bytes", "builtins.bytearray"}
)
MAPPINGS: Final = frozenset(
    {
        "collections.OrderedDict",
        "collections.defaultdict",
        "collections.Counter",
        "builtins.dict",
    }
)
SEQUENCES: Final = frozenset(
    {"builtins.set", "builtins.frozenset", "builtins.list", "collections.deque"}
)
STANDARD_MODULES: Final = sys.stdlib_module_names - {"__main__"}
STANDARD_ENUMS: Final = frozenset(
    {
        "http.HTTPMethod",
        "http.HTTPStatus",
        "signal.Handlers",
        "signal.Signals",
        "socket.AddressFamily",
        "socket.SocketKind",
        "uuid.SafeUUID",
    }
)

# Names that pickles of Python 2 and of protocols below 3 use.
OLD_NAMES: Final = {
    "__builtin__.unicode": "builtins.str",
    "__builtin__.long": "builtins.int",
    "__builtin__.xrange": "builtins.range",
    "copy_reg._reconstructor": "copyreg._reconstructor",
    "copy_reg.__newobj__": "copyreg.__newobj__",
}


def dotted_name(name: Global) -> str:
    """Return the name as Python 3 spells it, bounded."""
    text = f"{name.module[:MAX_NAME_CHARS]}.{name.name[:MAX_NAME_CHARS]}"
    if text in OLD_NAMES:
        return OLD_NAMES[text]
    module, _, rest = text.partition(".")
    if module in ("__builtin__", "exceptions"):
        return f"builtins.{rest}"
    return text


def plain(value: object, limits: DecodeLimits) -> object:
    """Return `value` as a finite tree of None, bool, int, float, str, list, dict.

    At most `limits.max_items` values are kept, at most `limits.max_depth`
    deep; where something was left out stands "…", where a container holds
    itself "<cycle>".
    """
    return Walk(limits).visit(value, 0)


class Walk:
    """Makes values plain, all of them within one budget."""

    def __init__(self, limits: DecodeLimits) -> None:
        self._left = limits.max_items
        self._max_depth = limits.max_depth
        self._open: set[int] = set()
        self._text_left = MAX_BYTES_SHOWN
        self._escapes_left = MAX_BYTES_ESCAPED

    def visit(self, value: object, depth: int) -> object:
        """Return `value`, found at this depth, as a finite plain value."""
        self._left -= 1
        if self._left < 0:
            return CUT
        if value is None or isinstance(value, (str, bool, int, float)):
            return value
        if isinstance(value, (bytes, bytearray)):
            return self._bytes(value)
        if isinstance(value, Global):
            return dotted_name(value)
        if depth >= self._max_depth:
            return CUT
        if id(value) in self._open:
            return CYCLE
        self._open.add(id(value))
        try:
            if isinstance(value, dict):
                return self._dict(value, depth)
            if isinstance(value, (list, tuple)):
                return self._list(value, depth)
            if isinstance(value, Instance):
                return self._instance(value, depth)
        finally:
            self._open.discard(id(value))
        return f"<{type(value).__name__}>"

    def _bytes(self, raw: bytes | bytearray) -> str:
        if len(raw) > self._text_left:
            return self._bytes(raw[: self._text_left]) + CUT
        self._text_left -= len(raw)
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            # Escapes are slow and four times as long.
            self._escapes_left -= len(raw)
            if self._escapes_left < 0:
                return raw.decode("utf-8", "replace")
            return raw.decode("utf-8", "backslashreplace")

    def _list(
        self, values: list[object] | tuple[object, ...], depth: int
    ) -> list[object]:
        result: list[object] = []
        for value in values:
            result.append(self.visit(value, depth + 1))
            if self._left < 0:
                break
        return result

    def _dict(self, values: dict[str, object], depth: int) -> dict[str, object]:
        result: dict[str, object] = {}
        for key, value in values.items():
            result[key] = self.visit(value, depth + 1)
            if self._left < 0:
                break
        return result

    def _instance(self, instance: Instance, depth: int) -> object:
        name = self._callee(instance)
        args = instance.args
        if name in BYTES_NAMES:
            return self._bytes(_encoded(instance, self._text_left))
        reader = READERS.get(name)
        if reader is not None:
            found = reader(self._arguments(args, depth), instance.state)
            if found is not NotImplemented:
                return found
        if name == "copyreg._reconstructor" and isinstance(args, tuple):
            return self._reconstructed(args, instance, depth)
        if name in MAPPINGS:
            return self._mapping(args, instance, depth)
        if name in SEQUENCES:
            return self._sequence(args, instance, depth)
        if name == "copyreg.__newobj__" and isinstance(args, tuple) and args:
            return self._fields(self._name(args[0]), args[1:], instance, depth)
        if _is_member(name, args, instance):
            # An Enum member is pickled as a call of its class with its value.
            return self.visit(args[0], depth + 1)  # type: ignore[index]
        return self._fields(name, args, instance, depth)

    def _arguments(self, args: object, depth: int) -> list[object]:
        """Return the arguments of a call as plain values, bytes kept."""
        if not isinstance(args, tuple):
            return []
        return [self._argument(arg, depth) for arg in args[:MAX_ARGUMENTS]]

    def _argument(self, arg: object, depth: int) -> object:
        if isinstance(arg, (bytes, bytearray)):
            return bytes(arg)
        if isinstance(arg, Instance) and _name_of(arg.callee) in BYTES_NAMES:
            return _encoded(arg, MAX_NAME_CHARS)
        return self.visit(arg, depth + 1)

    def _name(self, callee: object) -> str:
        return _name_of(callee) or "<unnamed>"

    def _callee(self, instance: Instance) -> str:
        callee = instance.callee
        if (
            isinstance(callee, Instance)
            and _name_of(callee.callee) == "builtins.getattr"
        ):
            # ZoneInfo and others are pickled as a call of a class's method.
            args = callee.args
            if isinstance(args, tuple) and len(args) == 2 and isinstance(args[1], str):
                return f"{self._name(args[0])}.{args[1][:MAX_NAME_CHARS]}"
        return self._name(callee)

    def _reconstructed(
        self, args: tuple[object, ...], instance: Instance, depth: int
    ) -> object:
        # Protocols 0 and 1: (class, base, state of the base).
        if len(args) != 3:
            return self._fields("copyreg._reconstructor", args, instance, depth)
        name, base, value = self._name(args[0]), self._name(args[1]), args[2]
        if name == "uuid.UUID":
            found = uuid_text(instance.state)
            return name if found is NotImplemented else found
        if base in ("builtins.str", "builtins.int", "builtins.float"):
            if not isinstance(instance.state, dict) or not instance.state:
                return self.visit(value, depth + 1)
            return self._fields(name, (value,), instance, depth)
        if base == "builtins.object":
            return self._fields(name, (), instance, depth)
        if isinstance(value, dict):
            fields = {"@class": name}
            fields.update(self._dict(value, depth))  # type: ignore[arg-type]
            return fields
        if isinstance(value, list):
            instance.items = value
            return self._fields(name, (), instance, depth)
        if isinstance(value, tuple):
            return self._fields(name, value, instance, depth)
        return self._fields(name, (value,), instance, depth)

    def _mapping(self, args: object, instance: Instance, depth: int) -> object:
        result: dict[str, object] = {}
        if isinstance(args, tuple):
            for arg in args:
                if isinstance(arg, dict):
                    result.update(self._dict(arg, depth))
                elif isinstance(arg, list):
                    # OrderedDict of protocols 0 and 1: a list of pairs.
                    for pair in arg:
                        if self._left < 0:
                            break
                        if isinstance(pair, (list, tuple)) and len(pair) == 2:
                            result[key_text(pair[0])] = self.visit(pair[1], depth + 1)
        if instance.pairs:
            result.update(self._dict(instance.pairs, depth))
        return result

    def _sequence(self, args: object, instance: Instance, depth: int) -> object:
        result: list[object] = []
        if isinstance(args, tuple) and args and isinstance(args[0], (list, tuple)):
            result.extend(self._list(args[0], depth))
        if instance.items:
            result.extend(self._list(instance.items, depth))
        return result

    def _fields(
        self, name: str, args: object, instance: Instance, depth: int
    ) -> dict[str, object]:
        fields: dict[str, object] = {"@class": name}
        if isinstance(args, tuple):
            if args:
                fields["@args"] = self._list(args, depth)
        elif args is not None:
            fields["@args"] = self.visit(args, depth + 1)
        state = instance.state
        if (
            isinstance(state, tuple)
            and len(state) == 2
            and (state[0] is None or isinstance(state[0], dict))
            and isinstance(state[1], dict)
        ):
            # A class with __slots__: (state of __dict__, state of the slots).
            for part in state:
                if isinstance(part, dict):
                    fields.update(self._dict(part, depth))
        elif isinstance(state, dict):
            fields.update(self._dict(state, depth))
        elif state is not None:
            fields["@state"] = self.visit(state, depth + 1)
        if instance.pairs:
            fields.update(self._dict(instance.pairs, depth))
        if instance.items:
            fields["@items"] = self._list(instance.items, depth)
        return fields


def is_maker(callee: object) -> bool:
    """Tell whether `callee` makes an instance of its first argument."""
    return _name_of(callee) in ("copyreg._reconstructor", "copyreg.__newobj__")


def _name_of(callee: object) -> str:
    return dotted_name(callee) if isinstance(callee, Global) else ""


def _is_member(name: str, args: object, instance: Instance) -> bool:
    module, _, last = name.rpartition(".")
    return (
        isinstance(args, tuple)
        and len(args) == 1
        and (args[0] is None or isinstance(args[0], (str, int, float)))
        and instance.state is None
        and instance.items is None
        and instance.pairs is None
        # A class by its name, and not one of the standard library, where
        # posix.system and subprocess.Popen are what must stay visible.
        and last[:1].isupper()
        and not last.endswith(("Error", "Exception", "Warning", "Exit", "Interrupt"))
        and (name in STANDARD_ENUMS or module.partition(".")[0] not in STANDARD_MODULES)
    )


def _encoded(instance: Instance, max_chars: int) -> bytes:
    """Return the bytes that a pickle below protocol 3 spells as a call."""
    args = instance.args
    if not isinstance(args, tuple) or not args:
        return b""
    value = args[0]
    if isinstance(value, Instance) and _name_of(value.callee) == "_codecs.encode":
        value = _encoded_text(value.args, max_chars)
    if isinstance(value, str):
        return _encoded_text(args, max_chars)
    return value if isinstance(value, bytes) else b""


def _encoded_text(args: object, max_chars: int) -> bytes:
    if not isinstance(args, tuple) or not args or not isinstance(args[0], str):
        return b""
    return args[0][:max_chars].encode("latin-1", "backslashreplace")
