"""One payload in, one record's attributes out, whatever its encoding."""

from __future__ import annotations

from typing import Final

from collector.errors import DecodeError
from collector.wire.json_documents import read_json
from collector.wire.limits import DecodeLimits
from collector.wire.messagepack import MessagePackReader
from collector.wire.opaque import Global, Instance
from collector.wire.pickles import PickleReader
from collector.wire.plain import Walk, dotted_name, is_maker
from collector.wire.stock import (
    MAX_DEPTH,
    MAX_EXTRA,
    StockReader,
)

# Below this the texts of a stock record are left to the machine, which counts.
MIN_TEXT_BYTES: Final = 8 * 1024 * 1024


class Decoder:
    """Decodes payloads of any of the three encodings within the same limits.

    Pickle, JSON and MessagePack are told apart by the first byte. 0x01 is
    reserved for control frames.
    """

    def __init__(self, limits: DecodeLimits) -> None:
        self._limits = limits
        # The shortcut's own bounds must be the narrower ones.
        self._stock: StockReader | None = None
        if (
            limits.max_operations >= 1000
            and limits.max_items >= MAX_EXTRA
            and limits.max_depth > MAX_DEPTH
            and limits.max_text_bytes >= MIN_TEXT_BYTES
        ):
            self._stock = StockReader()
        self._pickles = PickleReader(limits)
        # What the last payload named, also when it was no record after all.
        self.refused: Final = self._pickles.refused
        self._messagepack = MessagePackReader(limits)

    def decode(self, payload: bytes) -> dict[str, object]:
        """Return the attributes in `payload`: a finite tree of plain values.

        Values are None, bool, int, float, str and lists and dicts (with str
        keys) of these. Raises DecodeError, and nothing else, for a payload
        that holds no mapping or is not within the limits.
        """
        if self.refused.found:
            self.refused.clear()
        if not payload:
            raise DecodeError("empty", "a frame without payload")
        if self._stock is not None:
            attributes = self._stock.read(payload)
            if attributes is not None:
                return attributes
        first = payload[0]
        value: object
        if 0x81 <= first <= 0x8F or first in (0xDE, 0xDF):
            value = self._messagepack.read(payload)
        elif first == 0x7B:
            value = read_json(payload, self._limits)
        elif first == 0x01:
            raise DecodeError("control_frame", "control frames are not known here")
        else:
            value = self._pickles.read(payload)
        if isinstance(value, Instance):
            value = _log_record_state(value)
        if not isinstance(value, dict):
            raise DecodeError("not_a_mapping", f"it holds {_described(value)}")
        walk = Walk(self._limits)  # one for all: they may share what they hold
        for key, item in value.items():
            if item is not None and not isinstance(item, (str, int, float)):
                value[key] = walk.visit(item, 0)
        return value


def _log_record_state(value: Instance) -> object:
    # Some clients pickle the LogRecord itself instead of its attributes.
    made = value.callee
    if isinstance(value.args, tuple) and value.args and is_maker(made):
        made = value.args[0]
    if isinstance(made, Global) and dotted_name(made) == "logging.LogRecord":
        return value.state
    return value


def _described(value: object) -> str:
    if isinstance(value, Global):
        return f"the name {dotted_name(value)}, not attributes"
    if isinstance(value, Instance):
        if isinstance(value.callee, Global):
            return f"a call of {dotted_name(value.callee)}, not attributes"
        return "a call, not attributes"
    return f"a value of type {type(value).__name__}, not attributes"
