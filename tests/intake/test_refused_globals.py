"""Names in pickles: counted by peer, told once, whatever a peer invents."""

import logging
from collections import Counter

import pytest
from hostile import CATALOGUE, called, extra, text

from collector.intake.peer_counts import MAX_COUNTED_PEERS, OTHER_PEERS
from collector.intake.refused_globals import (
    MAX_LINES,
    MAX_SHOWN_CHARS,
    MAX_TOLD_NAMES,
    PERIOD_SECONDS,
    RefusedGlobals,
    shown,
)
from collector.wire.opaque import Global
from collector.wire.refused_names import RefusedNames

PEER = "10.1.2.3"
ATTACK = (
    "10.1.2.3 sent a pickle that names os.system, which looks like an attack: it "
    "was read as data, nothing was called"
)
USER = (
    "10.1.2.3 sent a pickle that names shop.models.User: it was read as data, "
    "nothing was imported"
)


class Clock:
    def __init__(self) -> None:
        self.now = 5000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def refused(clock):
    return RefusedGlobals(clock=clock)


def names(*dotted: str) -> RefusedNames:
    """What a payload named."""
    made = RefusedNames()
    for text_ in dotted:
        module, _, name = text_.rpartition(".")
        made.note(Global(module, name))
    return made


def test_each_name_of_a_peer_is_told_once(refused, caplog):
    """A name that looks like an attack is a warning, another is information."""
    caplog.set_level(logging.INFO, "logcollector")
    for _ in range(3):
        refused.add(PEER, names("os.system", "shop.models.User"))
    assert [(r.levelno, r.getMessage()) for r in caplog.records] == [
        (logging.WARNING, ATTACK),
        (logging.INFO, USER),
    ]


def test_each_peer_is_told_of(refused, said):
    """The same name of another peer is told again."""
    for peer in ("10.1.2.3", "10.1.2.4", "10.1.2.3"):
        refused.add(peer, names("os.system"))
    assert [line.split()[0] for line in said] == ["10.1.2.3", "10.1.2.4"]


def test_names_are_counted_by_peer(refused):
    """All names count, told or not; those that look like an attack also apart."""
    for _ in range(3):
        refused.add("a", names("os.system", "builtins.eval", "x.Y"))
    refused.add("b", names("x.Y"))
    assert refused.refused_total == Counter(a=9, b=1)
    assert refused.dangerous_total == Counter(a=6)


def test_peers_without_end_are_counted_together(refused):
    """A bounded number of peers is counted apart."""
    for n in range(MAX_COUNTED_PEERS + 10):
        refused.add(f"peer{n}", names("os.system"))
    for counts in (refused.refused_total, refused.dangerous_total):
        assert len(counts) == MAX_COUNTED_PEERS + 1
        assert counts[OTHER_PEERS] == 10


def test_names_without_end_are_told_in_part(refused, clock, said):
    """After 20 names of a peer one line says that no more are told."""
    for n in range(1000):
        clock.now += PERIOD_SECONDS
        refused.add(PEER, names(f"shop.C{n}"))
    assert len(said) == MAX_TOLD_NAMES + 1
    assert said[-1] == (
        "10.1.2.3 has sent pickles with 20 such names: further ones are counted, "
        "not told"
    )
    assert refused.refused_total == Counter({PEER: 1000})


def test_many_names_of_data_hide_no_attack(refused, clock, said):
    """A peer that has sent harmless names without end is still told of."""
    for n in range(1000):
        refused.add(PEER, names(f"shop.C{n}"))
    refused.add(PEER, names("os.system"))
    assert said[-1] == ATTACK


def test_many_peers_are_told_in_part(refused, clock, said):
    """Of all peers a bounded number of lines a minute is said, the rest later."""
    for n in range(1000):
        refused.add(f"peer{n}", names("os.system"))
    assert len(said) == MAX_LINES + 1
    assert "told when they come again later" in said[-1]
    said.clear()
    clock.now += PERIOD_SECONDS
    for n in range(200):
        refused.add(f"peer{n}", names("os.system"))
    assert [line.split()[0] for line in said] == [f"peer{n}" for n in range(100, 200)]


def test_peers_are_remembered_within_bounds(refused, clock, said):
    """Of too many peers, the one that was silent for longest is forgotten."""
    refused.add("first", names("os.system"))
    for n in range(MAX_COUNTED_PEERS - 1):
        clock.now += PERIOD_SECONDS
        refused.add(f"peer{n}", names("os.system"))
    refused.add("first", names("os.system"))
    refused.add("another", names("os.system"))
    said.clear()
    refused.add("first", names("os.system"))
    assert said == []
    refused.add("peer0", names("os.system"))
    assert len(said) == 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("os.system", "os.system"),
        ("shöp.Üser", "shöp.Üser"),
        ("os\x1b[2J.x\r\ny\tz", "os\\x1b[2J.x\\x0d\\ny\\tz"),
        ("a.\n", "a.\\n"),
        ("a.\ud800\u202e", "a.\\ud800\\u202e"),
        ("x" * 500, "x" * (MAX_SHOWN_CHARS - 1) + "…"),
        ("\x00" * 500, ("\\x00" * 50)[: MAX_SHOWN_CHARS - 1] + "…"),
    ],
)
def test_a_name_is_made_visible(name, expected):
    """What a peer calls its globals is one line of text, and not a long one."""
    assert shown(name) == expected


async def test_the_receiver_tells_and_counts(make_parts, said):
    """Names count in records and in what is rejected, by the peer that sent them."""
    parts = await make_parts()
    for _ in range(2):
        parts.take(CATALOGUE["reduce in record"](), peer=PEER)
        parts.take(CATALOGUE["reduce"](), peer=PEER)
        parts.take(extra(called("shop.models.User", b")")), peer=PEER)
        parts.take(extra(text("plain")), peer="10.1.2.4")
    await parts.finish()

    refused = parts.receiver.refused_globals
    assert refused.refused_total == Counter({PEER: 6})
    assert refused.dangerous_total == Counter({PEER: 4})
    assert [line for line in said if "names" in line] == [ATTACK, USER]
    assert len(parts.rows("SELECT 1 FROM logs")) == 6
    assert len(parts.rows("SELECT 1 FROM rejects")) == 2
