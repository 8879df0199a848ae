"""Extra attributes: what `extra=` of a stock client looks like in the column."""

import json
from typing import Any

import pytest
from integration.conftest import RunClient
from integration.daemon import Daemon
from integration.wire import stock_frame

SENDER = """
import dataclasses, datetime, decimal, enum, ipaddress, pathlib, uuid
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple

class Colour(enum.Enum):
    RED = "red"

class Number(enum.IntEnum):
    TWO = 2

@dataclasses.dataclass
class Point:
    x: int
    y: float

class User:
    def __init__(self):
        self.name = "ada"
        self.tags = {"admin"}

class Slotted:
    __slots__ = ("left", "right")
    def __init__(self):
        self.left, self.right = 1, None

Pair = namedtuple("Pair", "first second")

class Protocol(logging.handlers.SocketHandler):
    def makePickle(self, record):
        import pickle, struct
        payload = pickle.dumps({**record.__dict__, "args": None}, PROTOCOL)
        return struct.pack(">L", len(payload)) + payload

logger = logging.getLogger("extras")
logger.setLevel(logging.DEBUG)
logger.addHandler(
    logging.handlers.SocketHandler("127.0.0.1", PORT) if PROTOCOL == 1
    else Protocol("127.0.0.1", PORT)
)
utc = datetime.timezone.utc
logger.info("values", extra={
    "flag": True, "nothing": None, "integer": 7, "real": 1.5, "text": "gr\\u00fcn",
    "raw": b"abc", "array": bytearray(b"xyz"), "pair": (1, 2), "list": [1, [2, []]],
    "set": {5}, "frozen": frozenset([6]), "nested": {"a": {"b": [{"c": 1}]}},
    "when": datetime.datetime(2024, 2, 29, 12, 30, 15, 250000),
    "aware": datetime.datetime(2024, 2, 29, 12, tzinfo=utc),
    "day": datetime.date(2024, 2, 29), "clock": datetime.time(12, 30),
    "span": datetime.timedelta(hours=1, microseconds=500000),
    "price": decimal.Decimal("19.90"),
    "uuid": uuid.UUID("12345678-1234-5678-1234-567812345678"),
    "path": pathlib.PurePosixPath("/etc/hosts"), "real_path": pathlib.Path("/tmp/x"),
    "address": ipaddress.ip_address("192.0.2.1"),
    "address6": ipaddress.ip_address("2001:db8::1"),
    "colour": Colour.RED, "number": Number.TWO, "complex": 1 + 2j,
    "ordered": OrderedDict(z=1, a=2), "default": defaultdict(int, n=3),
    "counter": Counter("aab"), "deque": deque([1, 2]),
    "point": Point(1, 2.5), "user": User(), "slotted": Slotted(),
    "named": Pair("one", 2), "class": User,
})
"""

EXPECTED: dict[str, Any] = {
    "flag": True,
    "nothing": None,
    "integer": 7,
    "real": 1.5,
    "text": "grün",
    "raw": "abc",
    "array": "xyz",
    "pair": [1, 2],
    "list": [1, [2, []]],
    "set": [5],
    "frozen": [6],
    "nested": {"a": {"b": [{"c": 1}]}},
    "when": "2024-02-29T12:30:15.250000",
    "aware": "2024-02-29T12:00:00+00:00",
    "day": "2024-02-29",
    "clock": "12:30:00",
    "span": 3600.5,
    "price": "19.90",
    "uuid": "12345678-1234-5678-1234-567812345678",
    "path": "/etc/hosts",
    "real_path": "/tmp/x",
    "address": "192.0.2.1",
    "address6": "2001:db8::1",
    "colour": "red",
    "number": 2,
    "complex": "1+2j",
    "ordered": {"z": 1, "a": 2},
    "default": {"n": 3},
    "counter": {"a": 2, "b": 1},
    "deque": [1, 2],
    "point": {"@class": "__main__.Point", "x": 1, "y": 2.5},
    "user": {"@class": "__main__.User", "name": "ada", "tags": ["admin"]},
    "slotted": {"@class": "__main__.Slotted", "left": 1, "right": None},
    "named": {"@class": "__main__.Pair", "@args": ["one", 2]},
    "class": "__main__.User",
}


@pytest.mark.parametrize("protocol", [1, 2, 3, 4, 5])
def test_values_of_every_kind(
    start_daemon: Any, run_client: RunClient, protocol: int
) -> None:
    """Standard values are stored as what they stand for, others with their fields."""
    daemon = start_daemon()
    sender = SENDER
    if protocol == 1:
        # Protocols 0 and 1 can't pickle a class with slots alone.
        sender = sender.replace('"slotted": Slotted(),', "")
    run_client(daemon.port, f"PROTOCOL = {protocol}", sender)

    row = daemon.wait_rows(1)[0]

    stored = json.loads(row["extra"])
    expected = {k: v for k, v in EXPECTED.items() if k in stored or k != "slotted"}
    assert stored == expected
    assert row["message"] == "values"


def test_numbers_beyond_a_column(daemon: Daemon) -> None:
    """Integers over 64 bits and floats that JSON lacks are kept as text."""
    daemon.send(stock_frame("n", big=2**70, inf=float("inf"), nan=float("nan")))

    row = daemon.wait_rows(1)[0]

    assert json.loads(row["extra"]) == {"big": str(2**70), "inf": "inf", "nan": "nan"}


def test_shared_and_circular_values(daemon: Daemon) -> None:
    """A value that holds itself is marked where it begins again."""
    ring: list[Any] = [1]
    ring.append(ring)
    shared = {"k": "v"}
    daemon.send(stock_frame("c", ring=ring, twice=[shared, shared]))

    row = daemon.wait_rows(1)[0]

    assert json.loads(row["extra"]) == {
        "ring": [1, "<cycle>"],
        "twice": [{"k": "v"}, {"k": "v"}],
    }


def test_query_with_json_functions(daemon: Daemon) -> None:
    """SQLite's own JSON functions reach into the column."""
    daemon.send(stock_frame("j", user={"id": 42}))
    daemon.wait_rows(1)

    (row,) = daemon.rows("SELECT extra ->> '$.user.id' AS id FROM logs")

    assert row["id"] == 42
