"""Nothing that a payload names is imported or called."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path

import pytest
from hostile import CATALOGUE, NAMES, SHAPES, VALUES, extra, record, text

from collector.errors import DecodeError
from collector.record import normalise
from collector.wire import decoder as decoder_module
from collector.wire.decoder import Decoder
from collector.wire.limits import DecodeLimits

TRAP = """
import pathlib
pathlib.Path(__file__).with_name("sprung").touch()
raise RuntimeError("imported")
"""

STACK_GLOBAL = text("trap") + text("Thing") + b"\x93"
PAYLOADS = {
    "GLOBAL": b"ctrap\nThing\n",
    "STACK_GLOBAL": STACK_GLOBAL,
    "INST": b"(K\x01K\x02itrap\nThing\n",
    "OBJ": b"(ctrap\nThing\nK\x01K\x02o",
    "REDUCE": b"ctrap\nThing\nK\x01K\x02\x86R",
    "REDUCE STACK_GLOBAL": STACK_GLOBAL + b"K\x01K\x02\x86R",
    "NEWOBJ": b"ctrap\nThing\n)\x81",
    "NEWOBJ_EX": b"ctrap\nThing\n)}\x92",
    "BUILD": b"ctrap\nThing\n)\x81}" + text("a") + b"K\x01sb",
    "__setstate__": b"ctrap\nThing\n)\x81K\x01b",
    "APPENDS": b"ctrap\nThing\n)\x81(K\x01K\x02e",
    "SETITEMS": b"ctrap\nThing\n)\x81(" + text("a") + b"K\x02u",
    "ADDITEMS": b"ctrap\nThing\n)\x81(K\x01\x90",
    "key": b"}ctrap\nThing\nK\x01s",
    "member of a set": b"\x8f(ctrap\nThing\n)R\x90",
    "getattr": b"cbuiltins\ngetattr\nctrap\nThing\n" + text("run") + b"\x86R)R",
    "__import__": b"cbuiltins\n__import__\n" + text("trap") + b"\x85R",
    "import_module": b"cimportlib\nimport_module\n" + text("trap") + b"\x85R",
    "exec": b"cbuiltins\nexec\n" + text("import trap") + b"\x85R",
    "eval": b"c__builtin__\neval\n" + text("__import__('trap')") + b"\x85R",
    "reconstructor": b"ccopyreg\n_reconstructor\nctrap\nThing\ncbuiltins\nobject\nN\x87R",  # noqa: E501
    "newobj by name": b"ccopyreg\n__newobj__\nctrap\nThing\n\x85R",
    "persistent id": text("trap.Thing") + b"Q",
    "persistent id as text": b"Ptrap.Thing\n",
    "extension": b"\x82\x01",
}


@pytest.fixture
def trap(tmp_path, monkeypatch):
    """A module that leaves a file when it is imported."""
    (tmp_path / "trap.py").write_text(TRAP)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    return tmp_path


def test_trap_works(trap):
    """The module that the other tests rely on does spring when imported."""
    with pytest.raises(RuntimeError, match="imported"):
        importlib.import_module("trap")
    assert (trap / "sprung").exists()


@pytest.mark.parametrize("name", PAYLOADS)
def test_no_opcode_imports_or_calls(trap, name):
    """What an opcode names stays a name, and the record is kept."""
    before = set(sys.modules)
    attributes = Decoder(DecodeLimits()).decode(extra(PAYLOADS[name]))
    record_made = normalise(attributes, received=1.0, peer="", hostname="")
    assert set(sys.modules) == before
    assert not (trap / "sprung").exists()
    if name != "extension":
        assert "trap" in record_made.extra


def test_first_value_imports_nothing(trap):
    """A payload that is a call itself is refused by its name."""
    before = set(sys.modules)
    for name, payload in PAYLOADS.items():
        if name == "key":  # of a dict, which is no call
            continue
        with pytest.raises(DecodeError) as caught:
            Decoder(DecodeLimits()).decode(b"\x80\x04" + payload + b".")
        assert caught.value.reason in ("not_a_mapping", "malformed_pickle")
    assert set(sys.modules) == before
    assert not (trap / "sprung").exists()


def test_catalogue_imports_nothing():
    """None of the small payloads of the catalogue makes a module appear."""
    "".encode("raw-unicode-escape")  # a codec, found by Python when first used
    before = set(sys.modules)
    decoder = Decoder(DecodeLimits())
    outcomes = set()
    for name in [*NAMES, *SHAPES, *VALUES]:
        try:
            attributes = decoder.decode(CATALOGUE[name]())
            normalise(attributes, received=1.0, peer="", hostname="")
            outcomes.add("record")
        except DecodeError:
            outcomes.add("rejected")
        except (ValueError, DeprecationWarning):
            continue  # told by the tests of the catalogue
    assert outcomes == {"record", "rejected"}
    assert set(sys.modules) == before


def test_no_unpickler_is_used():
    """The modules that touch received bytes do not import pickle at all."""
    package = Path(decoder_module.__file__).parent
    sources = [*package.glob("*.py"), package.parent / "record.py"]
    assert len(sources) > 5
    for source in sources:
        for node in ast.walk(ast.parse(source.read_text())):
            names = [a.name for a in getattr(node, "names", []) if hasattr(a, "name")]
            names.append(getattr(node, "module", None) or "")
            for module in ("pickle", "_pickle", "marshal", "shelve", "importlib"):
                assert module not in names, source
    assert record() != b""
