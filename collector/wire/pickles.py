"""Read pickles as data: an opcode machine that imports and calls nothing.

`pickle.Unpickler` with a refusing `find_class` is not enough: seven bytes
make its memo take gigabytes, and a nested tuple used as a key hangs or kills
the process inside hashing. So this machine knows every opcode of protocols 0
to 5 and does only what data needs:

- a global, an instance or a persistent id becomes an inert Global or Instance;
- dictionary keys are turned into str, so nothing foreign is ever hashed, and
  a set is read as a list;
- a length is compared with the bytes that remain before anything is taken;
- the memo is sparse, and opcodes, marks and text are budgeted.

What comes out may hold cycles and shared values; `plain` makes it finite.
The module is typed so that mypyc can compile it: it is the hottest there is.
"""

from __future__ import annotations

import codecs
import struct
import warnings
from typing import Final, final

from collector.errors import DecodeError
from collector.wire.limits import DecodeLimits
from collector.wire.opaque import MAX_KEY_CHARS, Global, Instance, key_text
from collector.wire.refused_names import RefusedNames

# Short texts (attribute names, levels, paths) come again in every record:
# reading them from a table is faster than decoding, and their hash is kept.
TEXTS_KEPT: Final = 4096
TEXT_KEPT_BYTES: Final = 64

# Beyond this size a text's memory is checked; below, the frame bounds it.
LARGE_TEXT_BYTES: Final = 65536

# Python itself refuses longer ones: reading decimal digits takes square time.
MAX_DIGITS: Final = 4300
FEW_DIGITS: Final = 400

# Each lone surrogate takes a microsecond to read.
MAX_SURROGATES: Final = 30_000

_DOUBLE: Final = struct.Struct(">d")
_UNSIGNED8: Final = struct.Struct("<Q")


def _malformed(detail: str) -> DecodeError:
    return DecodeError("malformed_pickle", detail)


@final
class PickleReader:
    """Reads pickles one after the other, within the same limits."""

    def __init__(self, limits: DecodeLimits) -> None:
        self._max_operations: int = limits.max_operations
        self._max_text_bytes: int = limits.max_text_bytes
        self._texts: dict[bytes, str] = {}
        self._text_bytes: int = 0
        self._surrogates: int = 0
        # What has been named since this was cleared.
        self.refused: Final = RefusedNames()

    def read(self, data: bytes) -> object:
        """Return the one value that the pickle `data` holds.

        Raises DecodeError for anything that is not a whole, well-formed
        pickle within the limits.
        """
        self._text_bytes = 0
        self._surrogates = 0
        try:
            return self._run(data)
        except IndexError:
            # Reading past the end of the data, or popping an empty stack.
            raise _malformed("it ends too early or takes what is not there") from None
        except ValueError as error:
            raise _malformed(str(error)[:200]) from None

    def _text(self, data: bytes, start: int, end: int) -> str:
        length = end - start
        if length <= TEXT_KEPT_BYTES:
            raw = data[start:end]
            text = self._texts.get(raw)
            if text is None:
                text = self._decoded(raw)
                if len(self._texts) >= TEXTS_KEPT:
                    self._texts.clear()
                self._texts[raw] = text
            return text
        if length <= LARGE_TEXT_BYTES:
            text = self._decoded(data[start:end])
            if not text.isascii():
                self._charge(4 * length)
            return text
        return self._large_text(memoryview(data)[start:end])

    def _large_text(self, raw: memoryview) -> str:
        try:
            text = str(raw, "ascii")
        except UnicodeDecodeError:
            # One character outside ASCII can make Python spend four bytes on
            # each of the text's characters, and as much again while it reads.
            self._charge(8 * len(raw))
            return self._decoded(bytes(raw))
        self._charge(len(raw))
        return text

    def _decoded(self, raw: bytes) -> str:
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            self._surrogates += raw.count(b"\xed")
            if self._surrogates > MAX_SURROGATES:
                return raw.decode("utf-8", "replace")
            return raw.decode("utf-8", "surrogatepass")

    def _charge(self, memory: int) -> None:
        self._text_bytes += memory
        if self._text_bytes > self._max_text_bytes:
            raise DecodeError(
                "too_much_text",
                f"its texts would take more than {self._max_text_bytes} bytes",
            )

    def _legacy_text(self, raw: bytes) -> str:
        # A str of Python 2: bytes in no stated encoding.
        self._charge(2 * len(raw))
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            return raw.decode("latin-1")

    def _run(self, data: bytes) -> object:
        size = len(data)
        pos = 0
        stack: list[object] = []
        marked: list[list[object]] = []
        memo: list[object] = []
        far_memo: dict[int, object] = {}
        operations = 0
        while True:
            if operations > self._max_operations:
                raise DecodeError(
                    "too_many_operations",
                    f"it has more than {self._max_operations} opcodes",
                )
            operations += 1
            op = data[pos]
            pos += 1

            # The opcodes of stock records first.
            if op == 0x58:  # BINUNICODE
                length = (
                    data[pos]
                    | (data[pos + 1] << 8)
                    | (data[pos + 2] << 16)
                    | (data[pos + 3] << 24)
                )
                pos += 4
                if length > size - pos:
                    raise _claims(length, size - pos)
                stack.append(self._text(data, pos, pos + length))
                pos += length
            elif op == 0x71:  # BINPUT
                index = data[pos]
                pos += 1
                if index == len(memo) and not far_memo:
                    memo.append(stack[-1])
                else:
                    _put(memo, far_memo, index, stack[-1])
            elif op == 0x4B:  # BININT1
                stack.append(data[pos])
                pos += 1
            elif op == 0x4E:  # NONE
                stack.append(None)
            elif op == 0x47:  # BINFLOAT
                if size - pos < 8:
                    raise _claims(8, size - pos)
                stack.append(_DOUBLE.unpack_from(data, pos)[0])
                pos += 8
            elif op == 0x4D:  # BININT2
                stack.append(data[pos] | (data[pos + 1] << 8))
                pos += 2
            elif op == 0x4C:  # LONG
                end = _line_end(data, pos)
                if end - pos > FEW_DIGITS:
                    self._charge(16 * (end - pos))
                stack.append(_integer(data[pos:end].removesuffix(b"L")))
                pos = end + 1
            elif op == 0x68:  # BINGET
                stack.append(_get(memo, far_memo, data[pos]))
                pos += 1
            elif op == 0x8C:  # SHORT_BINUNICODE
                length = data[pos]
                pos += 1
                if length > size - pos:
                    raise _claims(length, size - pos)
                stack.append(self._text(data, pos, pos + length))
                pos += length
            elif op == 0x94:  # MEMOIZE
                _put(memo, far_memo, len(memo) + len(far_memo), stack[-1])
            elif op == 0x28:  # MARK
                marked.append(stack)
                stack = []
            elif op == 0x75:  # SETITEMS
                items = stack
                stack = marked.pop()
                _set_items(stack[-1], items)
            elif op == 0x7D:  # EMPTY_DICT
                stack.append({})
            elif op == 0x73:  # SETITEM
                value = stack.pop()
                key = stack.pop()
                _set_items(stack[-1], [key, value])
            elif op == 0x2E:  # STOP
                if pos != size:
                    raise _malformed(f"{size - pos} bytes follow its end")
                value = stack.pop()
                if stack or marked:
                    raise _malformed("its stack holds more than one value at the end")
                return value
            elif op == 0x80:  # PROTO
                if data[pos] > 5:
                    raise DecodeError(
                        "unknown_protocol", f"pickle protocol {data[pos]} is not known"
                    )
                pos += 1
            elif op == 0x95:  # FRAME
                if _eight(data, pos) > size - pos - 8:
                    raise _claims(_eight(data, pos), size - pos - 8)
                pos += 8

            # Numbers.
            elif op == 0x4A:  # BININT
                if size - pos < 4:
                    raise _claims(4, size - pos)
                stack.append(int.from_bytes(data[pos : pos + 4], "little", signed=True))
                pos += 4
            elif op == 0x88:  # NEWTRUE
                stack.append(True)
            elif op == 0x89:  # NEWFALSE
                stack.append(False)
            elif op == 0x8A or op == 0x8B:  # LONG1, LONG4
                if op == 0x8A:
                    length = data[pos]
                    pos += 1
                else:
                    length = _four(data, pos)
                    pos += 4
                if length > size - pos:
                    raise _claims(length, size - pos)
                stack.append(
                    int.from_bytes(data[pos : pos + length], "little", signed=True)
                )
                pos += length
            elif op == 0x49:  # INT
                end = _line_end(data, pos)
                digits = data[pos:end]
                if digits == b"01":
                    stack.append(True)
                elif digits == b"00":
                    stack.append(False)
                else:
                    if end - pos > FEW_DIGITS:
                        self._charge(16 * (end - pos))
                    stack.append(_integer(digits))
                pos = end + 1
            elif op == 0x46:  # FLOAT
                end = _line_end(data, pos)
                if end - pos > MAX_DIGITS:
                    raise _malformed("a number has too many digits")
                stack.append(float(data[pos:end]))
                pos = end + 1

            # Texts and bytes.
            elif op == 0x55 or op == 0x43:  # SHORT_BINSTRING, SHORT_BINBYTES
                length = data[pos]
                pos += 1
                if length > size - pos:
                    raise _claims(length, size - pos)
                raw = data[pos : pos + length]
                stack.append(self._legacy_text(raw) if op == 0x55 else raw)
                pos += length
            elif op == 0x54 or op == 0x42:  # BINSTRING, BINBYTES
                length = _four(data, pos)
                pos += 4
                if length > size - pos:
                    raise _claims(length, size - pos)
                raw = data[pos : pos + length]
                stack.append(self._legacy_text(raw) if op == 0x54 else raw)
                pos += length
            elif op == 0x8D or op == 0x8E or op == 0x96:
                # BINUNICODE8, BINBYTES8, BYTEARRAY8
                length = _eight(data, pos)
                pos += 8
                if length > size - pos:
                    raise _claims(length, size - pos)
                if op == 0x8D:
                    stack.append(self._text(data, pos, pos + length))
                else:
                    stack.append(data[pos : pos + length])
                pos += length
            elif op == 0x56:  # UNICODE
                end = _line_end(data, pos)
                raw = data[pos:end]
                self._charge(8 * len(raw))
                stack.append(raw.decode("raw-unicode-escape"))
                pos = end + 1
            elif op == 0x53:  # STRING
                end = _line_end(data, pos)
                raw = data[pos:end].strip()
                if len(raw) < 2 or raw[0] != raw[-1] or raw[0] not in b"'\"":
                    raise _malformed("a string has no quotes")
                with warnings.catch_warnings():
                    # A backslash before another character stands for itself.
                    warnings.simplefilter("ignore", DeprecationWarning)
                    escaped: tuple[bytes, int] = codecs.escape_decode(raw[1:-1])
                stack.append(self._legacy_text(escaped[0]))
                pos = end + 1

            # Containers.
            elif op == 0x5D or op == 0x8F:  # EMPTY_LIST, EMPTY_SET
                stack.append([])
            elif op == 0x29:  # EMPTY_TUPLE
                stack.append(())
            elif op == 0x61:  # APPEND
                value = stack.pop()
                _extend(stack[-1], [value])
            elif op == 0x65 or op == 0x90:  # APPENDS, ADDITEMS
                items = stack
                stack = marked.pop()
                _extend(stack[-1], items)
            elif op == 0x74:  # TUPLE
                items = stack
                stack = marked.pop()
                stack.append(tuple(items))
            elif op == 0x85:  # TUPLE1
                stack[-1] = (stack[-1],)
            elif op == 0x86:  # TUPLE2
                value = stack.pop()
                stack[-1] = (stack[-1], value)
            elif op == 0x87:  # TUPLE3
                third = stack.pop()
                value = stack.pop()
                stack[-1] = (stack[-1], value, third)
            elif op == 0x6C or op == 0x91:  # LIST, FROZENSET
                items = stack
                stack = marked.pop()
                stack.append(items)
            elif op == 0x64:  # DICT
                items = stack
                stack = marked.pop()
                stack.append({})
                _set_items(stack[-1], items)

            # What would import or call: kept as data.
            elif op == 0x63:  # GLOBAL
                module, pos = self._line_text(data, pos)
                name, pos = self._line_text(data, pos)
                stack.append(self._named(module, name))
            elif op == 0x93:  # STACK_GLOBAL
                value = stack.pop()
                key = stack.pop()
                if not isinstance(key, str) or not isinstance(value, str):
                    raise _malformed("a global's name is not text")
                stack.append(self._named(key, value))
            elif op == 0x52 or op == 0x81:  # REDUCE, NEWOBJ
                value = stack.pop()
                instance = Instance(stack[-1], value)
                self.refused.note_call(instance)
                stack[-1] = instance
            elif op == 0x92:  # NEWOBJ_EX
                value = stack.pop()
                key = stack.pop()
                instance = Instance(stack[-1], key)
                if isinstance(value, dict):
                    instance.pairs = value
                stack[-1] = instance
            elif op == 0x69:  # INST
                module, pos = self._line_text(data, pos)
                name, pos = self._line_text(data, pos)
                items = stack
                stack = marked.pop()
                stack.append(Instance(self._named(module, name), tuple(items)))
            elif op == 0x6F:  # OBJ
                items = stack
                stack = marked.pop()
                stack.append(Instance(items[0], tuple(items[1:])))
            elif op == 0x62:  # BUILD
                value = stack.pop()
                built = stack[-1]
                if not isinstance(built, Instance):
                    raise _malformed("a state is set on what is no instance")
                built.state = value
            elif op == 0x50:  # PERSID
                name, pos = self._line_text(data, pos)
                made = self._named("pickle", "persistent_id")
                stack.append(Instance(made, (name,)))
            elif op == 0x51:  # BINPERSID
                made = self._named("pickle", "persistent_id")
                stack[-1] = Instance(made, (stack[-1],))
            elif op == 0x82 or op == 0x83 or op == 0x84:  # EXT1, EXT2, EXT4
                length = 1 if op == 0x82 else 2 if op == 0x83 else 4
                if length > size - pos:
                    raise _claims(length, size - pos)
                code = int.from_bytes(data[pos : pos + length], "little")
                made = self._named("copyreg", "extension")
                stack.append(Instance(made, (code,)))
                pos += length

            # Memo and stack.
            elif op == 0x72:  # LONG_BINPUT
                _put(memo, far_memo, _four(data, pos), stack[-1])
                pos += 4
            elif op == 0x70:  # PUT
                end = _line_end(data, pos)
                _put(memo, far_memo, _index(data[pos:end]), stack[-1])
                pos = end + 1
            elif op == 0x6A:  # LONG_BINGET
                stack.append(_get(memo, far_memo, _four(data, pos)))
                pos += 4
            elif op == 0x67:  # GET
                end = _line_end(data, pos)
                stack.append(_get(memo, far_memo, _index(data[pos:end])))
                pos = end + 1
            elif op == 0x30:  # POP
                # As in the standard library: an empty stack gives up its mark.
                if stack:
                    stack.pop()
                else:
                    stack = marked.pop()
            elif op == 0x31:  # POP_MARK
                stack = marked.pop()
            elif op == 0x32:  # DUP
                stack.append(stack[-1])
            elif op == 0x97 or op == 0x98:  # NEXT_BUFFER, READONLY_BUFFER
                raise DecodeError(
                    "out_of_band_buffer", "it refers to buffers that were not sent"
                )
            else:
                raise _malformed(f"0x{op:02x} at byte {pos - 1} is no opcode")

    def _named(self, module: str, name: str) -> Global:
        named = Global(module, name)
        self.refused.note(named)
        return named

    def _line_text(self, data: bytes, pos: int) -> tuple[str, int]:
        end = _line_end(data, pos)
        return self._text(data, pos, end), end + 1


def _claims(length: int, remaining: int) -> DecodeError:
    return DecodeError(
        "truncated_pickle", f"it claims {length} bytes where {remaining} remain"
    )


def _four(data: bytes, pos: int) -> int:
    return (
        data[pos] | (data[pos + 1] << 8) | (data[pos + 2] << 16) | (data[pos + 3] << 24)
    )


def _eight(data: bytes, pos: int) -> int:
    if len(data) - pos < 8:
        raise _claims(8, len(data) - pos)
    number: int = _UNSIGNED8.unpack_from(data, pos)[0]
    return number


def _line_end(data: bytes, pos: int) -> int:
    end = data.find(b"\n", pos)
    if end < 0:
        raise DecodeError("truncated_pickle", "a line has no end")
    return end


def _integer(digits: bytes) -> int:
    if len(digits) > MAX_DIGITS:
        raise _malformed("a number has too many digits")
    return int(digits)


def _index(digits: bytes) -> int:
    if len(digits) > 10 or not digits.isdigit():
        raise _malformed("a memo index is no number in range")
    return int(digits)


def _put(
    memo: list[object], far_memo: dict[int, object], index: int, value: object
) -> None:
    # The memo is a list while indices come in order, as all picklers write
    # them; an index far ahead costs one dictionary entry, never a large list.
    if index < len(memo):
        memo[index] = value
    elif index == len(memo):
        far_memo.pop(index, None)
        memo.append(value)
        while len(memo) in far_memo:
            memo.append(far_memo.pop(len(memo)))
    else:
        far_memo[index] = value


def _get(memo: list[object], far_memo: dict[int, object], index: int) -> object:
    if index < len(memo):
        return memo[index]
    if index not in far_memo:
        raise _malformed(f"memo entry {index} was never set")
    return far_memo[index]


def _set_items(target: object, items: list[object]) -> None:
    count = len(items)
    if count % 2:
        raise _malformed("a key has no value")
    if isinstance(target, dict):
        mapping: dict[str, object] = target
    elif isinstance(target, Instance):
        if target.pairs is None:
            target.pairs = {}
        mapping = target.pairs
    elif not items:
        return  # pickle does not look at what is given nothing
    else:
        raise _malformed("items are set on what is no dictionary")
    position = 0
    while position < count:
        key = items[position]
        if isinstance(key, str) and len(key) <= MAX_KEY_CHARS:
            mapping[key] = items[position + 1]
        else:
            mapping[key_text(key)] = items[position + 1]
        position += 2


def _extend(target: object, items: list[object]) -> None:
    if isinstance(target, list):
        target.extend(items)
    elif isinstance(target, Instance):
        if target.items is None:
            target.items = []
        target.items.extend(items)
    elif items:
        raise _malformed("items are added to what is no list")
