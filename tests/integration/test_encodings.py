"""Pickle, JSON and MessagePack on one port, told apart by their first byte."""

import json
import logging
from typing import Any

import msgspec
import pytest
from integration.daemon import Daemon
from integration.wire import framed, pickled_frame, stock_frame

ATTRIBUTES: dict[str, Any] = {
    "name": "shop.cart",
    "msg": "grün ✓",
    "levelno": 30,
    "levelname": "WARNING",
    "created": 1_700_000_000.25,
    "process": 4242,
    "processName": "main",
    "thread": 2**40,
    "threadName": "t1",
    "taskName": "Task-3",
    "pathname": "/srv/cart.go",
    "filename": "cart.go",
    "module": "cart",
    "lineno": 12,
    "funcName": "add",
    "exc_text": "panic: oops",
    "stack_info": "frame 1",
    "hostname": "web-3",
    "user": {"id": 7, "tags": ["a", None, True]},
}

ENCODINGS = {
    "json": lambda: framed(json.dumps(ATTRIBUTES).encode()),
    "json-utf8": lambda: framed(msgspec.json.encode(ATTRIBUTES)),
    "messagepack": lambda: framed(msgspec.msgpack.encode(ATTRIBUTES)),
    "messagepack-small": lambda: framed(
        # A map of up to 15 keys has another first byte.
        msgspec.msgpack.encode(dict(list(ATTRIBUTES.items())[:2]))
    ),
    **{
        f"pickle-{protocol}": lambda protocol=protocol: pickled_frame(
            ATTRIBUTES, protocol
        )
        for protocol in range(6)
    },
}


def test_all_encodings_on_one_connection(daemon: Daemon) -> None:
    """Whatever a client's encoding, the same attributes make the same row."""
    daemon.send(*(make() for make in ENCODINGS.values()))

    rows = daemon.wait_rows(len(ENCODINGS))

    assert len(rows) == len(ENCODINGS)
    for encoding, row in zip(ENCODINGS, rows, strict=True):
        assert row["message"] == ATTRIBUTES["msg"], encoding
        assert row["name"] == ATTRIBUTES["name"], encoding
        if encoding == "messagepack-small":
            continue
        assert row["level"] == ATTRIBUTES["levelname"], encoding
        for column in ATTRIBUTES.keys() - {"msg", "levelname", "user"}:
            assert row[column] == ATTRIBUTES[column], (encoding, column)
        assert json.loads(row["extra"]) == {"user": ATTRIBUTES["user"]}
    assert daemon.count("rejects") == 0


@pytest.mark.parametrize("encode", [msgspec.json.encode, msgspec.msgpack.encode])
def test_a_document_of_a_message_alone(daemon: Daemon, encode: Any) -> None:
    """A message is enough; what is missing is unknown, not invented."""
    daemon.send(framed(encode({"message": "just this"})))

    row = daemon.wait_rows(1)[0]

    assert row["message"] == "just this"
    assert row["created"] == pytest.approx(row["received"], abs=0.001)
    assert (row["process"], row["thread"], row["lineno"]) == (None, None, None)
    assert row["peer"] == "127.0.0.1"


def test_a_level_by_name(daemon: Daemon) -> None:
    """Where only a level's name is sent, its number is found."""
    daemon.send(framed(b'{"msg": "m", "levelname": "ERROR"}'))

    row = daemon.wait_rows(1)[0]

    assert (row["levelno"], row["level"]) == (40, "ERROR")


def test_a_pickled_log_record(daemon: Daemon) -> None:
    """A client that pickles the LogRecord itself is understood, too."""
    record = logging.LogRecord("whole", 20, "/a.py", 3, "as it is", None, None, "f")
    daemon.send(*(pickled_frame(record, protocol) for protocol in range(6)))

    rows = daemon.wait_rows(6)

    assert {(row["name"], row["message"]) for row in rows} == {("whole", "as it is")}


def test_an_unbelievable_time(daemon: Daemon) -> None:
    """A time that no calendar holds gives way to the time of receipt, and is kept."""
    daemon.send(stock_frame("late", created=1e300))

    row = daemon.wait_rows(1)[0]

    assert row["created"] == pytest.approx(row["received"], abs=0.001)
    assert json.loads(row["extra"]) == {"_repaired": {"created": 1e300}}
