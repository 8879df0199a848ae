"""The names that a pickle wanted imported, other than those of values we read.

They are gathered by the opcode machine where they stand in the pickle, so a
name counts also when its value is thrown away, and when the pickle turns out
to be no record.
"""

from __future__ import annotations

from typing import Final, final

from collector.wire.dangerous import is_dangerous
from collector.wire.opaque import Global, Instance
from collector.wire.plain import (
    BYTES_NAMES,
    MAPPINGS,
    MAX_NAME_CHARS,
    SEQUENCES,
    STANDARD_ENUMS,
    dotted_name,
)
from collector.wire.standard_types import READERS

# Names kept of one payload, of either kind.
MAX_NAMES: Final = 16

_GETATTR: Final = "builtins.getattr"

# What pickles of standard types name beside the types: makers of instances,
# what these are made from, factories of a defaultdict, a whole LogRecord.
_BESIDE: Final = (
    "builtins.bool",
    "builtins.float",
    "builtins.int",
    "builtins.object",
    "builtins.str",
    "builtins.tuple",
    "copyreg.__newobj__",
    "copyreg.__newobj_ex__",
    "copyreg._reconstructor",
    "logging.LogRecord",
    "zoneinfo.ZoneInfo",
)
_OLD_BESIDE: Final = ("__builtin__.long", "__builtin__.unicode", "__builtin__.xrange")
_OLD_MODULES: Final = {"builtins": "__builtin__", "copyreg": "copy_reg"}


def _by_module() -> dict[str, frozenset[str]]:
    dotted = {*READERS, *BYTES_NAMES, *MAPPINGS, *SEQUENCES, *STANDARD_ENUMS}
    found: dict[str, set[str]] = {}
    for text in (*dotted, *_BESIDE, *_OLD_BESIDE):
        module, _, name = text.rpartition(".")
        found.setdefault(module, set()).add(name)
        if module in _OLD_MODULES:
            found.setdefault(_OLD_MODULES[module], set()).add(name)
    return {module: frozenset(names) for module, names in found.items()}


# Names that are read as values, by module: two look-ups and no new text, as
# every datetime of every record is looked up here.
_READ: Final = _by_module()


@final
class RefusedNames:
    """What one payload named and nobody imported: at most 16 of either kind.

    found: whether there is any; cheap to ask of each payload.
    harmless: dotted names as Python 3 spells them, each once, in order.
    dangerous: those that look like an attack, likewise. They have room of
    their own, so that no number of harmless names hides one.
    """

    def __init__(self) -> None:
        self.found = False
        self.harmless: list[str] = []
        self.dangerous: list[str] = []
        self._getattr_stays = False

    def clear(self) -> None:
        """Forget the names: another payload comes."""
        self.found = False
        self.harmless = []
        self.dangerous = []
        self._getattr_stays = False

    def note(self, named: Global) -> None:
        """Keep a name, unless it is one of those that are read as values."""
        names = _READ.get(named.module)
        if names is None or named.name not in names:
            self._add(named)

    def note_call(self, called: Instance) -> None:
        """Look at what a call of getattr asks for.

        A ZoneInfo and a bound method are pickled as one, so a call that asks
        for nothing odd takes the name getattr back.
        """
        callee = called.callee
        if not isinstance(callee, Global) or callee.name != "getattr":
            return
        if dotted_name(callee) != _GETATTR:
            return
        if self._is_odd(called.args):
            self._getattr_stays = True
            self._add(callee)
        elif not self._getattr_stays and _GETATTR in self.dangerous:
            self.dangerous.remove(_GETATTR)
            self.found = bool(self.dangerous or self.harmless)

    def _is_odd(self, args: object) -> bool:
        if not isinstance(args, tuple) or len(args) != 2:
            return True
        owner, attribute = args[0], args[1]
        if not isinstance(attribute, str):
            return True
        if not isinstance(owner, Global):
            return attribute.startswith("_")
        found = Global(owner.module, f"{owner.name}.{attribute[:MAX_NAME_CHARS]}")
        if dotted_name(found) in READERS:
            return False
        return attribute.startswith("_") or _is_dangerous(found)

    def _add(self, named: Global) -> None:
        if len(self.dangerous) >= MAX_NAMES <= len(self.harmless):
            return
        names = self.dangerous if _is_dangerous(named) else self.harmless
        if len(names) < MAX_NAMES:
            text = dotted_name(named)
            if text not in names:
                names.append(text)
                self.found = True


def _is_dangerous(named: Global) -> bool:
    module = named.module[:MAX_NAME_CHARS]
    if module in ("__builtin__", "__builtins__"):
        module = "builtins"
    return is_dangerous(module, named.name[:MAX_NAME_CHARS])
