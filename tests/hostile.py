"""Payloads that a collector must survive: hostile, broken and merely odd.

`CATALOGUE` maps a name to a function that makes the payload, because some are
large. Each must become a Record or a DecodeError, in bounded time and memory.
None does harm when it is read as data; some kill an ordinary Unpickler, so
read them only in a child process with limits.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from functools import partial

MIB = 1024 * 1024
FRAME = 16 * MIB - 4096  # nearly the largest frame that is taken by default


def text(value: str) -> bytes:
    """BINUNICODE."""
    raw = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(raw)) + raw


def number(value: int) -> bytes:
    """LONG1 or LONG4."""
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    if len(raw) < 256:
        return b"\x8a" + bytes([len(raw)]) + raw
    return b"\x8b" + struct.pack("<i", len(raw)) + raw


def real(value: float) -> bytes:
    """BINFLOAT."""
    return b"G" + struct.pack(">d", value)


STOCK = {
    "name": text("app.orders"),
    "msg": text("stored %s"),
    "args": b"N",
    "levelname": text("INFO"),
    "levelno": b"K\x14",
    "pathname": text("/srv/app/orders.py"),
    "filename": text("orders.py"),
    "module": text("orders"),
    "exc_info": b"N",
    "exc_text": b"N",
    "stack_info": b"N",
    "lineno": b"K\x07",
    "funcName": text("store"),
    "created": real(1.75e9),
    "msecs": real(25.0),
    "relativeCreated": real(125.0),
    "thread": number(140_000_000_000_000),
    "threadName": text("MainThread"),
    "processName": text("MainProcess"),
    "process": b"M\x39\x30",
}


def record(tail: bytes = b"", head: bytes = b"", **changes: bytes) -> bytes:
    """A pickled record: opcodes of names and values; `head` may fill the memo."""
    pairs = b"".join(text(k) + v for k, v in {**STOCK, **changes}.items())
    return head + b"}(" + pairs + tail + b"u."


def extra(value: bytes) -> bytes:
    return record(text("x") + value)


def memoized(value: bytes) -> bytes:
    """Opcodes that put a value into memo entry 0 and leave nothing behind."""
    return value + b"q\x000"


def called(name: str, args: bytes) -> bytes:
    """GLOBAL, the arguments (a tuple) and REDUCE."""
    module, _, attribute = name.rpartition(".")
    return b"c" + module.encode() + b"\n" + attribute.encode() + b"\n" + args + b"R"


def laughs(levels: int) -> bytes:
    """Lists of ten times the list of the level below."""
    made = b"](" + text("ha") * 10 + b"eq\x00"
    for level in range(1, levels):
        made += b"0](" + bytes([0x68, level - 1]) * 10 + b"eq" + bytes([level])
    return made


def doubled_tuple(levels: int) -> bytes:
    return b")" + b"2\x86" * levels


def aliased(value: bytes, count: int) -> bytes:
    """A record with one value under many names."""
    return record(
        b"".join(text(f"k{i}") + b"h\x00" for i in range(count)), memoized(value)
    )


def aliased_in_list(value: bytes, count: int) -> bytes:
    return record(text("x") + b"](" + b"h\x00" * count + b"e", memoized(value))


def own_attributes_are(value: bytes) -> bytes:
    """A record whose every own attribute is the same value."""
    return record(head=memoized(value), **dict.fromkeys(STOCK, b"h\x00"))


NAMES = {
    "reduce": called("os.system", b"(" + text("touch PWNED") + b"t") + b".",
    "reduce in record": extra(called("os.system", b"(" + text("touch PWNED") + b"t")),
    "reduce in exc_info": record(exc_info=called("os.system", b"(" + text("x") + b"t")),
    "inst": extra(b"(" + text("touch PWNED") + b"ios\nsystem\n"),
    "obj": extra(b"(cos\nsystem\n" + text("touch PWNED") + b"o"),
    "newobj": extra(b"csubprocess\nPopen\n(" + text("true") + b"l\x85\x81"),
    "newobj_ex": extra(b"csubprocess\nPopen\n(" + text("true") + b"l\x85}\x92"),
    "stack global": extra(text("os") + text("system") + b"\x93" + text("x") + b"\x85R"),
    "dotted global": extra(text("logging") + text("os.system") + b"\x93)R"),
    "stack global of numbers": extra(b"K\x01K\x02\x93"),
    "setstate pivot": extra(
        b"ccollections\nOrderedDict\n)R}" + text("__setstate__") + b"cos\nsystem\nsb"
    ),
    "call of a call": extra(
        called("builtins.getattr", b"cos\nx\nX\0\0\0\0\x86") + b")R"
    ),
    "call with no tuple": extra(b"cos\nsystem\nK\x01R"),
    "call of a number": extra(b"K\x05K\x06\x85R"),
    "extension codes": extra(b"(\x82\x01\x83\x01\x01\x84\x01\0\0\0l"),
    "persistent ids": extra(b"(Pabc\n" + text("id") + b"Ql"),
    "buffers": extra(b"\x97"),
    "slot state": extra(b"cx\nY\n)\x81N}" + text("__class__") + text("z") + b"s\x86b"),
    "escapes in a name": extra(b"cos\x1b]0;x\x07\nsys\x1b[2Jtem\n"),
    "no UTF-8 in a name": extra(b"c\xff\xfe\n\x80\n"),
    "long name": extra(b"c" + b"a" * 500_000 + b"\n" + b"b" * 500_000 + b"\n"),
    "not a number as offset": extra(
        called("datetime.timezone", real(float("nan")) + b"\x85")
    ),
    "odd datetime": extra(
        called("datetime.datetime", b"C\x0a" + b"\xff" * 10 + b"\x85")
    ),
    "odd date": extra(called("datetime.date", b"C\x04\0\0\0\0\x85")),
    "odd time": extra(called("datetime.time", b"C\x06" + b"\xff" * 6 + b"\x85")),
    "odd timedelta": extra(
        called("datetime.timedelta", number(1 << 900) + b"KKK\x02\x87")
    ),
    "odd uuid": extra(
        called("uuid.UUID", b")") + b"}" + text("int") + b"J\xff\xff\xff\xffsb"
    ),
    "odd range": extra(called("builtins.range", text("z") * 2 + b"\x86")),
    "empty range": extra(called("builtins.range", b")")),
    "odd address": extra(called("ipaddress.IPv4Address", b"J\xff\xff\xff\xff\x85")),
    "odd bytes": extra(
        called("_codecs.encode", text("€\ud800") + text("latin1") + b"\x86")
    ),
    "odd path": extra(called("pathlib.Path", text("a") + b"K\x01\x86")),
    "odd ordered dict": extra(called("collections.OrderedDict", b"](K\x01]e\x85")),
    "reader in a reader": extra(b"cdecimal\nDecimal\n" * 60 + b"K\x01" + b"\x85R" * 60),
    "reconstructor": extra(
        b"ccopy_reg\n_reconstructor\n(cx\nZ\nc__builtin__\nobject\nNtR"
    ),
    "reconstructor of nothing": extra(called("copyreg._reconstructor", b")")),
    "newobj of nothing": extra(called("copyreg.__newobj__", b")")),
    "log record without state": called("logging.LogRecord", b")") + b".",
    "instance of itself": extra(b"cx\nY\n)\x81q\x00}" + text("me") + b"h\x00sb"),
    "instance in its arguments": extra(b"cx\nY\n]q\x00\x85Rq\x01h\x00h\x01a0"),
}

CLAIMS = {
    **{
        f"opcode {opcode:#x} claims {claim:#x}": b"\x80\x05" + bytes([opcode]) + raw
        for opcode in b"XTBU\x8bC\x8c\x8a\x8d\x8e\x96\x95"
        for claim, raw in [
            (0x7F, b"\x7f"),
            (0x7FFFFFFF, b"\xff\xff\xff\x7f"),
            (0xFFFFFFFF, b"\xff\xff\xff\xff"),
            (1 << 31, struct.pack("<Q", 1 << 31)),
            ((1 << 64) - 1, b"\xff" * 8),
        ]
    },
    "memo index 1e8": b"Nr" + struct.pack("<I", 100_000_000) + b".",
    "memo index 2^32": b"Nr\xff\xff\xff\xff.",
    "memo index as text": b"Np100000000\n.",
    "memo index as long text": b"Np" + b"9" * MIB + b"\n.",
    "memo index below zero": b"Np-1\n.",
    "memo of nothing": b"q\x00.",
    "get of nothing": b"h\x05.",
}

SHAPES = {
    "empty": b"",
    "only stop": b".",
    "no stop": b"}",
    "empty dict": b"}.",
    "no dict": b"(K\x01l.",
    "none": b"N.",
    "underflow": b"0.",
    "open mark": b"(.",
    "two values": b"}}.",
    "trailing bytes": record() + b"N.",
    "two records": record() * 2,
    "protocol 255": b"\x80\xff}.",
    "protocol 6": b"\x80\x06}.",
    "unknown opcode": b"\x80\x04\xfe.",
    "items on a list": b"](K\x01K\x02e" + b"K\x00" + text("z") + b"s.",
    "odd items": b"}(" + text("msg") + b"u.",
    "state on a list": b"]}" + text("a") + b"K\x01sb.",
    "append to a dict": b"}K\x01a.",
    "mark as a value": b"}(((uuu.",
    "keys of all types": extra(
        b"}(K\x01NNN\x88N" + real(1.5) + b"N" + number(1 << 2000) + b"N)N]N}NC\x01\xffN"
        b"cos\nsystem\nNcx\nY\n)RN" + text("k" * 1000) + b"Nu"
    ),
    "record with number keys": b"}(K\x01K\x02K\x03K\x04u.",
    "record with bytes keys": b"\x80\x03}C\x03msgK\x01s.",
    "same key twice": b"}(" + (text("msg") + text("a")) * 2 + b"u.",
    "no message": record(msg=b"N").replace(text("msg"), text("MSG")),
    "zeros": bytes(65536),
    "every byte": bytes(range(256)),
    "control frame": b"\x01\0\0\0",
    "string without quotes": b"Sabc\n.",
    "string with odd escapes": b"}S'msg'\nS'\\d\\x4\\777'\ns.",
    "string with unknown escapes": b"}S'msg'\nS'C:\\data'\ns.",
    "unicode with odd escapes": record(msg=b"V\\u12\n"),
    "legacy text": record(msg=b"U\x02\xe9\xff"),
    "text with underscores": record(lineno=b"I1_000\n"),
    "number without digits": record(lineno=b"I\n"),
    "number of 5,000 digits": record(lineno=b"L" + b"9" * 5000 + b"L\n"),
    "float of 5,000 digits": record(lineno=b"F" + b"9" * 5000 + b"\n"),
    "float that is none": record(created=b"Fabc\n"),
    "list in itself": extra(b"]q\x00h\x00a"),
    "dict in itself": extra(b"}q\x00" + text("me") + b"h\x00s"),
    "record in itself": b"}q\x00(" + text("msg") + b"N" + text("me") + b"h\x00u.",
    "tuple in its list": extra(b"]q\x00h\x00h\x00\x86a"),
}

VALUES = {
    "lone surrogate": record(msg=text("a \ud800 b"), name=text("\udfff")),
    "lone surrogate as a key": extra(b"}" + text("\ud800") + b"Ns"),
    "lone surrogate as a name": record(text("\ud800") + text("\udc00")),
    "NUL": record(msg=text("a\0b"), name=text("\0"), pathname=text("\0")),
    "NUL as a name": record(text("\0") + text("\0")),
    "terminal escapes": record(msg=text("\x1b[2J\x1b]52;c;eA==\x07")),
    "forged line": record(msg=text("ok\n2026-01-01 CRITICAL root: forged")),
    "bidi": record(msg=text("user \u202etxt.exe")),
    "markup": record(msg=text("</script><img src=x onerror=alert(1)>")),
    "format width": record(msg=text("%1000000000d"), args=b"K\x01\x85"),
    "format mismatch": record(msg=text("%s %s"), args=b"K\x01\x85"),
    "format attribute": record(msg=text("{0.__class__}"), args=b"K\x01\x85"),
    "shadowed method": record(text("getMessage") + text("x")),
    "thread 2^64": record(thread=number(1 << 64), process=number(-(1 << 64))),
    "signs before a number": record(process=text("+-5"), lineno=text("--5")),
    "other digits": record(process=text("٣٤"), lineno=text("²"), thread=text("12345 ")),
    "levelno as text": record(levelno=text("20")),
    "levelno 2^70": record(levelno=number(1 << 70)),
    "levelno by name": record(levelno=b"N", levelname=text("warning")),
    "name with 20,000 dots": record(name=text("a." * 20_000)),
    "empty name": record(name=text("")),
    **{
        f"created {shown}": record(created=value, relativeCreated=value, msecs=value)
        for shown, value in {
            "nan": real(float("nan")),
            "inf": real(float("inf")),
            "-inf": real(float("-inf")),
            "1e308": real(1e308),
            "-6.3e10": real(-6.3e10),
            "int 2^5000": number(1 << 5000),
            "-2^5000": number(-(1 << 5000)),
            "text": text("yesterday"),
            "none": b"N",
            "true": b"\x88",
            "list": b"]",
        }.items()
    },
    **{
        f"own attributes are {shown}": own_attributes_are(value)
        for shown, value in {
            "none": b"N",
            "true": b"\x88",
            "nan": real(float("nan")),
            "2^70": number(1 << 70),
            "empty": text(""),
            "a list": b"]",
            "a dict": b"}" + text("a") + b"Ns",
            "bytes": b"C\x02\xff\0",
            "an instance": b"cx\nY\n)R",
            "NUL": text("\0"),
        }.items()
    },
}


def document(**attributes: object) -> bytes:
    return json.dumps({"msg": "hello", **attributes}).encode()


JSONS = {
    "json": document(levelname="ERROR", user={"id": 1}),
    "json without end": b'{"msg":',
    "json list of records": b"{}{}",
    "json NaN": b'{"msg":"x","created":NaN}',
    "json 1e999": b'{"msg":"x","created":1e999}',
    "json -0": b'{"msg":-0.0,"lineno":-0}',
    "json long number": b'{"msg":"x","process":' + b"9" * 4000 + b"}",
    "json longer number": b'{"msg":"x","process":' + b"9" * 400_000 + b"}",
    "json long fraction": b'{"msg":"x","created":1.' + b"9" * 400_000 + b"}",
    "json long exponent": b'{"msg":"x","created":1e' + b"9" * 400_000 + b"}",
    "json same key": b'{"msg":"a","msg":"b"}',
    "json no UTF-8": b'{"msg":"\xff\xfe"}',
    "json lone surrogate": b'{"msg":"a\\ud800b"}',
    "json surrogate in UTF-8": b'{"msg":"\xed\xa0\x80"}',
    "json NUL": b'{"msg":"a\\u0000b","\\u0000":1}',
    "json raw control": b'{"msg":"a\nb"}',
    "json deep list": b'{"msg":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "json deep dict": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "json 300 deep": b'{"msg":"x","x":' + b"[" * 300 + b"]" * 300 + b"}",
    "json comments": b'{"msg":"x"/*c*/}',
    "json trailing comma": b'{"msg":"x",}',
    "json bom": b'\xef\xbb\xbf{"msg":"x"}',
    "json odd types": document(msg=[1, {"a": None}], name={}, process=[], args=[1]),
}

MSG = b"\xa3msg\xa1x"
MESSAGEPACKS = {
    "messagepack": b"\x81" + MSG,
    "messagepack keys": b"\x86" + MSG + b"\x01\x02\xc0\x03\xcb" + bytes(8) + b"\x04\x90\x05\x80\x06",  # noqa: E501
    "messagepack extension": b"\x82" + MSG + b"\xa1x\xd6\xff" + bytes(4),
    "messagepack extension keys": b"\x82" + MSG + b"\xc7\x00\x05\x01",
    "messagepack bin": b"\x82" + MSG + b"\xa1x\xc4\x02\xff\x00",
    "messagepack float32": b"\x82" + MSG + b"\xa7created\xca\x4e\xd0\x9d\xc3",
    "messagepack nan": b"\x82" + MSG + b"\xa7created\xca\x7f\xc0\0\0",
    "messagepack no UTF-8": b"\x81\xa3msg\xa2\xff\xfe",
    "messagepack surrogate": b"\x81\xa3msg\xa3\xed\xa0\x80",
    "messagepack never used": b"\x82" + MSG + b"\xa1x\xc1",
    "messagepack trailing": b"\x81" + MSG + b"\xc0",
    "messagepack truncated": b"\x81" + MSG[:-1],
    "messagepack numbers": b"\x84" + MSG + b"\xa1a\xcf" + b"\xff" * 8
    + b"\xa1b\xd3\x80" + bytes(7) + b"\xa7process\xcf" + b"\xff" * 8,
    "messagepack map of 2^32": b"\xdf\xff\xff\xff\xff",
    "messagepack array of 2^32": b"\x81\xa3msg\xdd\xff\xff\xff\xff",
    "messagepack text of 2^32": b"\x81\xa3msg\xdb\xff\xff\xff\xff",
    "messagepack bin of 2^32": b"\x81\xa3msg\xc6\xff\xff\xff\xff",
    "messagepack extension of 2^32": b"\x81\xa3msg\xc9\xff\xff\xff\xff\x01",
    "messagepack deep lists": b"\x81\xa3msg" + b"\x91" * 100_000 + b"\xc0",
    "messagepack deep maps": b"\x81\xa1a" * 100_000 + b"\xc0",
    "messagepack deep keys": b"\x82" + MSG + b"\x91" * 150 + b"\xc0" + b"\xc0",
    "messagepack 190 deep": b"\x82" + MSG + b"\xa1x" + b"\x91" * 190 + b"\xc0",
    "messagepack wide claims": b"\x82" + MSG + b"\xa1x" + b"\xdd\x00\x00\x40\x00" * 9000,  # noqa: E501
}  # fmt: skip

HASH_MODULUS = (1 << 61) - 1
ASTRAL = "\U0001f600"
TEXTS = 16_000  # extra attributes that the budget of opcodes just allows


def pairs_of(count: int, value: bytes) -> bytes:
    return b"".join(text(f"k{i}") + value for i in range(count))


def keys_of_one_number() -> bytes:
    big = memoized(number(1 << (8 * 8 * MIB)))
    return record(text("x") + b"}(" + b"h\x00N" * TEXTS + b"u", big)


LARGE: dict[str, Callable[[], bytes]] = {
    # More memory than bytes sent.
    "empty sets": lambda: extra(b"(" + b"\x8f" * MIB + b"l"),
    "empty dicts": lambda: extra(b"(" + b"}" * MIB + b"l"),
    "40,000 dicts": lambda: extra(b"(" + b"}" * 40_000 + b"l"),
    "40,000 tuples": lambda: extra(b"(" + b"N" * 20_000 + b"\x85" * 20_000 + b"l"),
    "marks": lambda: b"(" * 8 * MIB,
    "pushes": lambda: b"N" * 8 * MIB,
    "push and pop": lambda: b"N0" * 8 * MIB + b"N.",
    "late opcodes": lambda: b"N" + b"20" * 24_000 + b"0" + record(),
    "laughs": lambda: extra(laughs(10)),
    "laughs in all attributes": lambda: own_attributes_are(laughs(9)),
    "one list under many names": lambda: aliased(b"](" + b"N" * 9_000 + b"e", 12_000),
    "one dict under many names": lambda: aliased(
        b"}(" + pairs_of(5_000, b"N") + b"u", 12_000
    ),
    "one list in all attributes": lambda: own_attributes_are(
        b"](" + b"N" * 9_000 + b"e"
    ),
    "one text under many names": lambda: aliased(text("x" * 10_000_000), 12_000),
    "one text in a list": lambda: aliased_in_list(text("é" * 5_000_000), 9_000),
    "one text in all attributes": lambda: own_attributes_are(text("é" * 5_000_000)),
    "controls in all attributes": lambda: own_attributes_are(text("\1" * 10_000_000)),
    "one bytes under many names": lambda: aliased(
        b"B" + struct.pack("<I", 10_000_000) + b"\xff" * 10_000_000, 12_000
    ),
    "one bytes in a list": lambda: aliased_in_list(
        b"B" + struct.pack("<I", 10_000_000) + b"x" * 10_000_000, 9_000
    ),
    "bytes that are no text": lambda: extra(
        b"B" + struct.pack("<I", FRAME - 4096) + b"\xff" * (FRAME - 4096)
    ),
    "one call of codecs in a list": lambda: aliased_in_list(
        called("_codecs.encode", text("\u0100" * 2_000_000) + text("latin1") + b"\x86"),
        9_000,
    ),
    "one number in a list": lambda: aliased_in_list(number(1 << 64_000_000), 9_000),
    "one number in all attributes": lambda: own_attributes_are(number(1 << 64_000_000)),
    "one number as many keys": keys_of_one_number,
    "huge number": lambda: extra(number(1 << (8 * (FRAME - 4096)))),
    "huge number as message": lambda: record(msg=number(1 << (8 * (FRAME - 4096)))),
    # Texts that take four bytes a character, just below each bound.
    "wide message": lambda: record(msg=text("x" * 12_000_000 + ASTRAL)),
    "wide message of 16 MiB": lambda: record(msg=text("x" * (FRAME - 4096) + ASTRAL)),
    "wide texts": lambda: extra(
        b"(" + text("x" * 65_500 + ASTRAL) * (FRAME // 65_600) + b"l"
    ),
    "wide legacy text": lambda: record(
        msg=b"T" + struct.pack("<I", 15_000_000) + b"\xe9" * 15_000_000
    ),
    "wide escaped text": lambda: record(msg=b"V" + b"x" * 12_000_000 + b"\\U0001f600\n"),  # noqa: E501
    "message of 15 MB": lambda: record(msg=text("x" * 15_000_000)),
    "message of NULs": lambda: record(msg=text("\0" * 15_000_000)),
    "message of surrogates": lambda: record(msg=text("\ud800" * 3_900_000)),
    "message of a million surrogates": lambda: record(msg=text("\ud800" * 1_040_000)),
    "wide level name": lambda: record(levelno=b"N", levelname=text("é" * 5_000_000)),
    "long level name": lambda: record(levelno=b"N", levelname=text("a" * 15_000_000)),
    "text of blanks as number": lambda: record(process=text(" " * 15_000_000)),
    # Time.
    "tuple bomb as a key": lambda: b"\x80\x02}" + doubled_tuple(60) + b"Ns.",
    "tuple bomb in a set": lambda: extra(b"\x8f(" + doubled_tuple(60) + b"\x90"),
    "tuple bomb": lambda: extra(doubled_tuple(60)),
    "colliding keys": lambda: extra(
        b"}(" + b"".join(number(HASH_MODULUS * i) + b"N" for i in range(1, TEXTS)) + b"u"  # noqa: E501
    ),
    "colliding texts": lambda: record(text("k" * 300) * TEXTS * 2),
    "decimal digits": lambda: extra(b"(" + (b"L" + b"9" * 4290 + b"L\n") * 3800 + b"l"),
    "float digits": lambda: extra(b"(" + (b"F1." + b"9" * 4290 + b"\n") * 3800 + b"l"),
    "numbers as messages": lambda: extra(b"(" + number(1 << 1000) * 20_000 + b"l"),
    "names": lambda: extra(b"(" + b"".join(b"ca\nc%d\n" % i for i in range(40_000)) + b"l"),  # noqa: E501
    "attributes": lambda: record(pairs_of(TEXTS, b"N")),
    "100,000 attributes": lambda: record(pairs_of(100_000, b"N")),
    "instances": lambda: extra(b"(" + b"cx\nY\n)R" * 12_000 + b"l"),
    "datetimes": lambda: extra(
        b"(" + called("datetime.datetime", b"C\x0a\x07\xe9" + b"\1" * 8 + b"\x85") * 9_000  # noqa: E501
        + b"l"
    ),
    "sets of calls": lambda: extra(
        b"(" + called("_codecs.encode", text("a" * 900) + b"\x85") * 9_000 + b"l"
    ),
    "odd escapes": lambda: record(msg=b"S'" + b"\\x41" * 3_000_000 + b"'\n"),
    # Depth.
    "deep list": lambda: extra(b"]" * 20_000 + b"a" * 19_999),
    "deep dict": lambda: extra((b"}" + text("k")) * 10_000 + b"N" + b"s" * 10_000),
    "deep tuple": lambda: extra(b")" + b"\x85" * 40_000),
    "deep tuple as a key": lambda: b"}" + b"(" * 8_000_000 + b"t" * 8_000_000 + b"Ns.",
    "deep calls": lambda: extra(b"cx\nY\n" * 10_000 + b")" + b"R\x85" * 9_999 + b"R"),
    "deep callees": lambda: extra(b"cx\nY\n" + b")R" * 20_000),
    "deep states": lambda: extra(b"cx\nY\n)\x81" * 9_000 + b"N" + b"b" * 9_000),
    # The other encodings.
    "json wide message": lambda: b'{"msg":"%b"}' % ("x" * 15_000_000 + ASTRAL).encode(),
    "json of 15 MB": lambda: b'{"msg":"%b"}' % (b"x" * 15_000_000),
    "json open string": lambda: b'{"' + b'\\"' * 100_000,
    "json many open strings": lambda: b'{"' + b'\\"' * 7_000_000,
    "json escapes": lambda: b'{"msg":"' + b"\\n" * 7_000_000 + b'"}',
    "json blanks": lambda: b"{" + b" " * 15_000_000 + b"}",
    "json empty lists": lambda: b'{"msg":[' + b"[]," * 5_000_000 + b"[]]}",
    "json 24,000 keys": lambda: document(**{f"k{i}": i for i in range(24_000)}),
    "json long keys": lambda: document(**{f"{i}" + "k" * 600: 0 for i in range(24_000)}),  # noqa: E501
    "json 4,000 digits": lambda: b'{"msg":[' + b"%b," % (b"9" * 4_000) * 3_500 + b"1]}",
    "json floats": lambda: b'{"msg":[' + b"1.%b," % (b"9" * 4_000) * 3_500 + b"1]}",
    "messagepack 15 MB": lambda: b"\x81\xa3msg\xdb" + struct.pack(">I", 15_000_000)
    + b"x" * 15_000_000,
    "messagepack wide message": lambda: b"\x81\xa3msg\xdb" + struct.pack(">I", 15_000_004)  # noqa: E501
    + b"x" * 15_000_000 + ASTRAL.encode(),
    "messagepack no text": lambda: b"\x81\xa3msg\xdb" + struct.pack(">I", 15_000_000)
    + b"\xff" * 15_000_000,
    "messagepack no text in bin": lambda: b"\x81\xa3msg\xc6"
    + struct.pack(">I", 15_000_000) + b"\xff" * 15_000_000,
    "messagepack empty lists": lambda: b"\x81\xa3msg\xdd" + struct.pack(">I", 5_000_000)
    + b"\x90" * 5_000_000,
    "messagepack 24,000 keys": lambda: b"\xde" + struct.pack(">H", 24_001) + MSG
    + b"".join(b"\xcd" + struct.pack(">H", i) + b"\x90" for i in range(24_000)),
    "messagepack colliding keys": lambda: b"\xde" + struct.pack(">H", 24_001) + MSG
    + b"".join(b"\xcf%b\xc0" % struct.pack(">Q", HASH_MODULUS * (i % 8)) for i in range(24_000)),  # noqa: E501
}  # fmt: skip

SMALL = NAMES | CLAIMS | SHAPES | VALUES | JSONS | MESSAGEPACKS

CATALOGUE: dict[str, Callable[[], bytes]] = {
    **{name: partial(bytes, payload) for name, payload in SMALL.items()},
    **LARGE,
}
