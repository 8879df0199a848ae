"""What is remembered of stacks changes no fingerprint."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tracebacks.programs import CHAIN, GROUP, MARGINS, PIECES, PROGRAMS
from tracebacks.raising import raised_by

from collector.tracebacks import fingerprints as module
from collector.tracebacks.fingerprint import fingerprint
from collector.tracebacks.fingerprints import Fingerprints
from collector.tracebacks.foreign import exception_in
from collector.tracebacks.parser import HEADER, traceback_in

TEXTS = [
    *map(raised_by, PROGRAMS.values()),
    raised_by(CHAIN),
    raised_by(CHAIN, function="second"),
    raised_by(GROUP),
    raised_by(GROUP, function="handled"),
]
BEFORE = ["", "job 7 failed: ", "one\ntwo:\n", "exception:\n", "X: y\n\n", "+ ", "  + "]


def agrees(known, text):
    """Tell whether a text has the fingerprints that it has when read in whole."""
    told = [known.of_exception(text), known.of_message(text)]
    found = [exception_in(text), traceback_in(text)]
    return told == [each and fingerprint(each) for each in found]


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("margin", MARGINS)
def test_what_python_raises(before, margin):
    """Plain or not, new or known: the fingerprint is the same."""
    known = Fingerprints()

    for text in TEXTS * 2:
        lines = (MARGINS[margin](n) + line for n, line in enumerate(text.split("\n")))
        assert agrees(known, before + "\n".join(lines))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(TEXTS) | st.sampled_from(PIECES) | st.text(max_size=3),
        max_size=8,
    ),
    st.sampled_from(["", "\n", "\n\n"]),
)
def test_any_text(parts, between):
    """So it is for whatever is made of tracebacks and pieces of them."""
    known = Fingerprints()
    text = between.join(parts)

    assert agrees(known, text)
    assert agrees(known, text)


def test_a_stack_is_read_once(monkeypatch):
    """Of tracebacks that differ in their messages only the first is read."""
    read = []
    real = module.traceback_in
    monkeypatch.setattr(
        module, "traceback_in", lambda text: read.append(text) or real(text)
    )
    known = Fingerprints()
    stack = f'{HEADER}\n  File "/srv/a.py", line 3, in load\n    x\n'

    ids = {known.of_exception(f"{stack}shop.NotThere: {n}\n{n}") for n in range(100)}

    assert ids == {fingerprint(exception_in(f"{stack}shop.NotThere"))}
    assert len(read) == 1


def test_stacks_are_forgotten(monkeypatch):
    """Of very many stacks only some are remembered."""
    monkeypatch.setattr(module, "MAX_KNOWN_CHARS", 1000)
    known = Fingerprints()

    for n in range(100):
        assert agrees(known, f'{HEADER}\n  File "a.py", line 3, in f{n}\n    x\nX: y')

    kept = known._stacks
    assert 0 < sum(len(text) for text, _ in kept) <= 1000


@pytest.mark.parametrize("name", ["RecursionError", "ValueError"])
def test_one_stack_with_two_types(name):
    """A recursion's stack counts otherwise, also when it is known already."""
    known = Fingerprints()
    frames = "".join(
        f'  File "a.py", line 3, in {function}\n' for function in "abcbcbcd"
    )

    for other in ("KeyError", "RecursionError", "KeyError"):
        assert agrees(known, f"{HEADER}\n{frames}{other}: x")
        assert agrees(known, f"{HEADER}\n{frames}{name}: x")
