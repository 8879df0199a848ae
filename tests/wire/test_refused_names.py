"""The names that a pickle wanted imported, as the decoder tells them."""

from __future__ import annotations

import contextlib
import json
import logging
import pickle

import pytest
from hostile import CATALOGUE, called, extra, record, text

from collector.errors import DecodeError
from collector.wire.dangerous import is_dangerous
from collector.wire.decoder import Decoder
from collector.wire.limits import DecodeLimits
from collector.wire.refused_names import MAX_NAMES

GETATTR = "builtins.getattr"
ZONE = b"czoneinfo\nZoneInfo\n"


@pytest.fixture
def decoder() -> Decoder:
    return Decoder(DecodeLimits())


def refused(decoder: Decoder, payload: bytes) -> tuple[list[str], list[str]]:
    """Return the dangerous and the harmless names, record or not."""
    with contextlib.suppress(DecodeError):
        decoder.decode(payload)
    found = decoder.refused
    assert found.found is bool(found.dangerous or found.harmless)
    return found.dangerous, found.harmless


EXPECTED = {
    "reduce": (["os.system"], []),
    "reduce in record": (["os.system"], []),
    "reduce in exc_info": (["os.system"], []),
    "inst": (["os.system"], []),
    "obj": (["os.system"], []),
    "newobj": (["subprocess.Popen"], []),
    "newobj_ex": (["subprocess.Popen"], []),
    "stack global": (["os.system"], []),
    "dotted global": (["logging.os.system"], []),
    "stack global of numbers": ([], []),
    "setstate pivot": (["os.system"], []),
    "call of a call": (["os.x"], []),
    "extension codes": ([], ["copyreg.extension"]),
    "persistent ids": ([], ["pickle.persistent_id"]),
    "slot state": ([], ["x.Y"]),
    "instance of itself": ([], ["x.Y"]),
    "reconstructor": ([], ["x.Z"]),
    "odd datetime": ([], []),
    "odd uuid": ([], []),
    "buffers": ([], []),
    "json": ([], []),
    "messagepack": ([], []),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_names_of_the_catalogue(decoder, name):
    """Whatever opcode names it, what is not read as a value is told by its name."""
    dangerous, harmless = refused(decoder, CATALOGUE[name]())
    assert ([n for n in dangerous if n != GETATTR], harmless) == EXPECTED[name]


def test_a_name_that_is_thrown_away_counts(decoder):
    """A call whose result the pickle drops has been named all the same."""
    dropped = called("os.system", b"(" + text("x") + b"t") + b"0"
    assert refused(decoder, record(head=dropped)) == (["os.system"], [])


@pytest.mark.parametrize("end", [b"", b"\xff", b"0" * 9, b"..", b"N" * 60_000])
def test_a_name_in_a_broken_pickle_counts(decoder, end):
    """What a pickle named before it broke off is told."""
    payload = b"}cos\nsystem\ncshop.models\nUser\n" + end
    with pytest.raises(DecodeError):
        decoder.decode(payload)
    assert refused(decoder, payload) == (["os.system"], ["shop.models.User"])


def test_the_next_payload_begins_anew(decoder):
    """Names are those of the last payload, whichever way it was read."""
    stock = pickle.dumps(logging.makeLogRecord({"msg": "hi"}).__dict__, 1)
    for following in (stock, json.dumps({"msg": "m"}).encode(), b"", b"\x81\xa1m"):
        assert refused(decoder, CATALOGUE["reduce"]()) == (["os.system"], [])
        assert refused(decoder, following) == ([], [])


def test_each_name_is_told_once(decoder):
    """A name that a pickle has often is one name."""
    assert refused(decoder, extra(b"(" + b"cos\nsystem\ncx\nY\n" * 9 + b"l")) == (
        ["os.system"],
        ["x.Y"],
    )


@pytest.mark.parametrize("padding", [b"cx\nY%d\n", b"cdatetime\ndate\nI%d\n"])
def test_many_names_hide_no_attack(decoder, padding):
    """Names are bounded, and the one that looks like an attack has its place."""
    many = b"".join(padding % n for n in range(10_000))
    dangerous, harmless = refused(decoder, extra(b"(" + many + b"cos\nsystem\nl"))
    assert dangerous == ["os.system"]
    assert len(harmless) == (MAX_NAMES if padding.startswith(b"cx") else 0)

    many = b"".join(b"cos\nf%d\n" % n for n in range(10_000))
    dangerous, _ = refused(decoder, extra(b"(" + many + b"l"))
    assert dangerous == [f"os.f{n}" for n in range(MAX_NAMES)]


def test_a_name_is_cut(decoder):
    """Names are kept with at most 256 characters of module and of name."""
    _, (name,) = refused(decoder, CATALOGUE["long name"]())
    assert name == "a" * 256 + "." + "b" * 256


class Shop:
    def sell(self) -> None: ...


def test_a_bound_method_is_harmless(decoder):
    """What is pickled as a call of getattr, but asks for nothing odd, is no attack."""
    payload = pickle.dumps({"msg": "m", "then": Shop().sell}, 1)
    assert b"getattr" in payload
    dangerous, harmless = refused(decoder, payload)
    assert dangerous == []
    assert [name.rpartition(".")[2] for name in harmless] == ["Shop"]


ATTRIBUTE = {
    "of a zone, as pickled": (ZONE + text("_unpickle") + b"\x86R", []),
    "of a zone, another": (ZONE + text("__init__") + b"\x86R", [GETATTR]),
    "of a module": (b"clogging\nx\n" + text("os") + b"\x86R", [GETATTR]),
    "of an instance": (b"cx\nY\n)R" + text("__class__") + b"\x86R", [GETATTR]),
    "no text": (ZONE + b"N\x86R", [GETATTR]),
    "of nothing": (b")R", [GETATTR]),
    "never called": (b"", [GETATTR]),
}


@pytest.mark.parametrize("name", ATTRIBUTE)
@pytest.mark.parametrize("module", [b"builtins", b"__builtin__"])
def test_getattr_is_told_when_it_asks_for_something_odd(decoder, module, name):
    """A call of getattr is judged by what it asks for."""
    rest, expected = ATTRIBUTE[name]
    payload = extra(b"c" + module + b"\ngetattr\n" + rest)
    assert refused(decoder, payload)[0] == expected


def test_one_good_getattr_excuses_no_other(decoder):
    """A ZoneInfo in the same pickle doesn't hide an odd getattr, before or after."""
    good = b"cbuiltins\ngetattr\n" + ATTRIBUTE["of a zone, as pickled"][0]
    odd = b"cbuiltins\ngetattr\n" + ATTRIBUTE["of a zone, another"][0]
    for values in (good + odd, odd + good, good + odd + good):
        assert refused(decoder, extra(b"(" + values + b"l"))[0] == [GETATTR]


DANGEROUS = [
    "os system", "posix system", "nt system", "subprocess Popen", "builtins eval",
    "builtins exec", "builtins __import__", "importlib import_module", "pty spawn",
    "importlib.util spec_from_file_location", "os.path os.system", "socket socket",
    "ctypes CDLL", "runpy run_path", "pickle loads", "sys modules", "os system.error",
    "operator attrgetter", "operator attrgetter.x", "x Y.__init__.__globals__",
    "logging os", "types FunctionType", "x a.b.c.d.e.f.g.h.i",
]  # fmt: skip
HARMLESS = [
    "shop.models User", "shop.os User", "builtins ValueError",
    "os stat_result", "subprocess CompletedProcess", "subprocess CalledProcessError",
    "subprocess TimeoutExpired", "socket gaierror", "socket timeout", "code.models X",
    "urllib.parse ParseResult", "types SimpleNamespace", "pickle PicklingError",
    "shop Outer.Inner", "shop A.B.C.D.E.F.G.H", "_io BytesIO", "functools partial",
    "__main__ User",
]  # fmt: skip


@pytest.mark.parametrize("name", DANGEROUS)
def test_names_of_attacks(name):
    """What runs code, opens files or connections, or leads there is dangerous."""
    assert is_dangerous(*name.split(" "))


@pytest.mark.parametrize("name", HARMLESS)
def test_names_of_data(name):
    """What programs do log, also of such modules, is not."""
    module, _, rest = name.partition(" ")
    assert not is_dangerous(module, rest)


@pytest.mark.parametrize("module", ["__builtin__", "__builtins__", "builtins"])
def test_old_names_are_known(decoder, module):
    """The builtins are the same by the names that Python 2 gives them."""
    payload = extra(called(f"{module}.eval", b"(" + text("1") + b"t"))
    (name,) = refused(decoder, payload)[0]
    assert name.endswith(".eval")
