"""Values of standard types, and of users' own, as queries will see them."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import ipaddress
import pathlib
import pickle
import sys
import types
import uuid
import zoneinfo

import pytest

from collector.wire.decoder import Decoder
from collector.wire.limits import DecodeLimits

# The classes pickle by reference, so they live in a module of a plain name,
# whatever name this file is imported under.
SHOP = types.ModuleType("shop_for_pickles")
Point = collections.namedtuple("Point", "x y", module=SHOP.__name__)


class Color(enum.Enum):
    RED = "red"
    NOTHING = None
    PAIR = (1, 2)


class Size(enum.IntEnum):
    BIG = 7


class Shape(enum.StrEnum):
    ROUND = "round"


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Text(str):
    pass


class Number(int):
    pass


class Real(float):
    pass


class Items(list):
    pass


class Fields(dict):
    pass


class User:
    def __init__(self):
        self.name = "ann"
        self.tags = {"a": [1]}


class Slots:
    __slots__ = ("left", "right")

    def __init__(self):
        self.left = 1
        self.right = User()


class Reduced:
    def __reduce__(self):
        return Reduced, (1, "two"), {"three": 3}


class Empty:
    pass


class OwnError(Exception):
    pass


@dataclasses.dataclass
class Order:
    number: int
    lines: list


@dataclasses.dataclass(frozen=True)
class Frozen:
    number: int


@dataclasses.dataclass(slots=True)
class Slotted:
    number: int


@dataclasses.dataclass(frozen=True, slots=True)
class FrozenSlotted:
    number: int


OWN = (
    Color, Size, Shape, Access, Text, Number, Real, Items, Fields, User, Slots,
    Reduced, Empty, OwnError, Order, Frozen, Slotted, FrozenSlotted,
)  # fmt: skip
for kind in OWN:
    kind.__module__ = SHOP.__name__
    kind.__qualname__ = kind.__name__
for kind in (*OWN, Point):
    setattr(SHOP, kind.__name__, kind)

UTC2 = dt.timezone(dt.timedelta(hours=2))
WEST = dt.timezone(-dt.timedelta(hours=3, minutes=30))
NOON = dt.datetime(2026, 7, 1, 12, 30, 15, 250)

VALUES = [
    (NOON, "2026-07-01T12:30:15.000250"),
    (dt.datetime(2026, 7, 1), "2026-07-01T00:00:00"),
    (NOON.replace(tzinfo=dt.UTC), "2026-07-01T12:30:15.000250+00:00"),
    (NOON.replace(tzinfo=UTC2), "2026-07-01T12:30:15.000250+02:00"),
    (NOON.replace(tzinfo=WEST), "2026-07-01T12:30:15.000250-03:30"),
    (NOON.replace(fold=1), "2026-07-01T12:30:15.000250"),
    (
        NOON.replace(tzinfo=zoneinfo.ZoneInfo("UTC")),
        "2026-07-01T12:30:15.000250[UTC]",
    ),
    (dt.date(1, 1, 1), "0001-01-01"),
    (dt.date(9999, 12, 31), "9999-12-31"),
    (dt.time(23, 59, 1), "23:59:01"),
    (dt.time(23, 59, 1, fold=1), "23:59:01"),
    (dt.time(1, tzinfo=WEST), "01:00:00-03:30"),
    (dt.timedelta(days=-1, seconds=1, microseconds=500_000), -86398.5),
    (dt.timedelta(days=2), 172800.0),
    (dt.UTC, "UTC+00:00"),
    (WEST, "UTC-03:30"),
    (dt.timezone(dt.timedelta(hours=1), "CET"), "UTC+01:00"),
    (zoneinfo.ZoneInfo("UTC"), "UTC"),
    (decimal.Decimal("1.10"), "1.10"),
    (decimal.Decimal("NaN"), "NaN"),
    (fractions.Fraction(1, 3), "1/3"),
    (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    (b"", ""),
    (b"abc", "abc"),
    (b"gr\xc3\xbc\xc3\x9fe", "grüße"),
    (b"\xff\x00", "\\xff\0"),
    (bytearray(b""), ""),
    (bytearray(b"abc\xff"), "abc\\xff"),
    (set(), []),
    ({"a"}, ["a"]),
    (frozenset(), []),
    (frozenset({b"x"}), ["x"]),
    ((1, (2, [])), [1, [2, []]]),
    (collections.OrderedDict(), {}),
    (collections.OrderedDict(a=1, b=NOON), {"a": 1, "b": "2026-07-01T12:30:15.000250"}),
    (collections.defaultdict(list, a=[1]), {"a": [1]}),
    (collections.defaultdict(None, a=1), {"a": 1}),
    (collections.Counter("aab"), {"a": 2, "b": 1}),
    (collections.deque([1, 2]), [1, 2]),
    (collections.deque([1, 2], maxlen=2), [1, 2]),
    (1 + 2j, "1+2j"),
    (range(3), "range(0, 3, 1)"),
    (pathlib.PurePosixPath("/a/b.txt"), "/a/b.txt"),
    (pathlib.PurePosixPath("a/b"), "a/b"),
    (pathlib.PurePosixPath("/"), "/"),
    (pathlib.PurePosixPath("//host/a"), "//host/a"),
    (pathlib.PurePosixPath(), "."),
    (pathlib.PureWindowsPath(r"C:\a\b"), r"C:\a\b"),
    (pathlib.PureWindowsPath(r"C:a"), r"C:a"),
    (pathlib.PureWindowsPath(r"\\host\share\a"), r"\\host\share\a"),
    (pathlib.Path("/x/y"), "/x/y"),
    (ipaddress.ip_address("10.0.0.1"), "10.0.0.1"),
    (ipaddress.ip_address("0.0.0.0"), "0.0.0.0"),
    (ipaddress.ip_address("::1"), "::1"),
    (ipaddress.ip_address("2001:db8::5"), "2001:db8::5"),
    (ipaddress.ip_network("10.0.0.0/8"), "10.0.0.0/8"),
    (ipaddress.ip_network("2001:db8::/32"), "2001:db8::/32"),
    (ipaddress.ip_interface("10.0.0.1/8"), "10.0.0.1/8"),
    (ipaddress.ip_interface("2001:db8::1/64"), "2001:db8::1/64"),
    (Color.RED, "red"),
    (Color.NOTHING, None),
    (Size.BIG, 7),
    (Shape.ROUND, "round"),
    (Access.READ, 1),
    (Text("abc"), "abc"),
    (Number(5), 5),
    (Real(0.5), 0.5),
    (User(), {"@class": "shop_for_pickles.User", "name": "ann", "tags": {"a": [1]}}),
    (Empty(), {"@class": "shop_for_pickles.Empty"}),
    (
        Reduced(),
        {"@class": "shop_for_pickles.Reduced", "@args": [1, "two"], "three": 3},
    ),
    (Order(7, [1]), {"@class": "shop_for_pickles.Order", "number": 7, "lines": [1]}),
    (Frozen(7), {"@class": "shop_for_pickles.Frozen", "number": 7}),
    (Point(1, "b"), {"@class": "shop_for_pickles.Point", "@args": [1, "b"]}),
    (Items([1, 2]), {"@class": "shop_for_pickles.Items", "@items": [1, 2]}),
    (Fields(a=1), {"@class": "shop_for_pickles.Fields", "a": 1}),
    (ValueError("no", 5), {"@class": "builtins.ValueError", "@args": ["no", 5]}),
    (KeyError("k"), {"@class": "builtins.KeyError", "@args": ["k"]}),
    (OwnError("no"), {"@class": "shop_for_pickles.OwnError", "@args": ["no"]}),
    (StopIteration(1), {"@class": "builtins.StopIteration", "@args": [1]}),
    (
        ExceptionGroup("two", [ValueError("a")]),
        {
            "@class": "builtins.ExceptionGroup",
            "@args": ["two", [{"@class": "builtins.ValueError", "@args": ["a"]}]],
        },
    ),
    (len, "builtins.len"),
    (dt.datetime, "datetime.datetime"),
    (User, "shop_for_pickles.User"),
    (NotImplemented, "builtins.NotImplemented"),
]


@pytest.fixture(autouse=True)
def _shop(monkeypatch):
    monkeypatch.setitem(sys.modules, SHOP.__name__, SHOP)


def decoded(value: object, protocol: int) -> object:
    payload = pickle.dumps({"msg": "m", "value": value}, protocol)
    return Decoder(DecodeLimits()).decode(payload)["value"]


def short_id(value):
    """Return a name for a value that is the same in each run."""
    return repr(value).partition(" at 0x")[0][:40]


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(("value", "shown"), VALUES, ids=short_id)
def test_value_is_readable(value, shown, protocol):
    """A value of any protocol becomes what a person would write for it."""
    found = decoded(value, protocol)
    assert found == shown
    assert type(found) is type(shown)


@pytest.mark.parametrize("protocol", range(6))
def test_value_is_readable_wherever_it_stands(protocol):
    """Values inside of containers and instances are read like others."""
    inner = [NOON, b"x", Color.RED, {"k": uuid.UUID(int=0)}, decimal.Decimal(2)]
    shown = [
        "2026-07-01T12:30:15.000250",
        "x",
        "red",
        {"k": str(uuid.UUID(int=0))},
        "2",
    ]
    assert decoded((inner, {"a": inner}), protocol) == [shown, {"a": shown}]
    found = decoded(Order(1, inner), protocol)
    assert found == {"@class": "shop_for_pickles.Order", "number": 1, "lines": shown}


@pytest.mark.parametrize("protocol", range(2, 6))
def test_slots_are_shown_by_name(protocol):
    """Attributes in __slots__ are fields like others."""
    found = decoded(Slots(), protocol)
    assert found["left"] == 1
    assert found["right"]["name"] == "ann"
    assert decoded(Slotted(7), protocol)["@class"] == "shop_for_pickles.Slotted"
    assert 7 in decoded(FrozenSlotted(7), protocol)["@state"]


@pytest.mark.parametrize("protocol", range(6))
def test_enum_member_of_a_tuple_keeps_its_value(protocol):
    """A member whose value is no scalar is shown as its class and value."""
    assert decoded(Color.PAIR, protocol) == {
        "@class": "shop_for_pickles.Color",
        "@args": [[1, 2]],
    }


@pytest.mark.parametrize("protocol", range(6))
def test_flags_together_are_a_number(protocol):
    """Two flags are the number that both make."""
    found = decoded(Access.READ | Access.WRITE, protocol)
    assert found == 3 or "@class" in found


@pytest.mark.parametrize("protocol", range(6))
def test_instances_that_hold_each_other(protocol):
    """Cycles through instances and dicts end at a marker."""
    one, two = User(), User()
    one.friend, two.friend = two, one
    found = decoded(one, protocol)
    assert found["friend"]["friend"] == "<cycle>"


@pytest.mark.parametrize("protocol", range(6))
def test_state_beside_a_scalar_is_kept(protocol):
    """A text with attributes of its own shows both."""
    value = Text("abc")
    value.origin = "here"
    found = decoded(value, protocol)
    assert found["@class"] == "shop_for_pickles.Text"
    assert found["@args"] == ["abc"]
    assert found["origin"] == "here"


def test_call_of_a_function_is_shown_by_name():
    """A call that stands for no value keeps the name of what was to be called."""
    payload = b"}(X\x03\0\0\0msgNX\x01\0\0\0xcos\nsystem\nX\x02\0\0\0ls\x85Ru."
    found = Decoder(DecodeLimits()).decode(payload)["x"]
    assert found == {"@class": "os.system", "@args": ["ls"]}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("value", [v for v, _ in VALUES], ids=short_id)
def test_what_is_read_as_a_value_is_no_refused_name(value, protocol):
    """Only users' own classes and builtins that are no values are told by name."""
    decoder = Decoder(DecodeLimits())
    decoder.decode(pickle.dumps({"msg": "m", "value": value}, protocol))
    assert decoder.refused.dangerous == []
    named = {name.rpartition(".")[0] for name in decoder.refused.harmless}
    if isinstance(value, (*OWN, Point)) or value is User:
        assert named == {SHOP.__name__}
    elif isinstance(value, Exception) or value is len or value is NotImplemented:
        assert named == {"builtins"}
    else:
        assert named == set()
