"""Frames as stock clients make them."""

import logging
import logging.handlers
import pickle
from typing import Any


def framed(payload: bytes) -> bytes:
    """Return a payload with its length before it."""
    return len(payload).to_bytes(4, "big") + payload


def stock_frame(message: str = "hello", **attributes: Any) -> bytes:
    """Return what SocketHandler sends for a record of these attributes."""
    handler = logging.handlers.SocketHandler("127.0.0.1", 0)
    record = logging.LogRecord(
        attributes.pop("name", "app"),
        attributes.pop("levelno", logging.INFO),
        "/srv/app/main.py",
        7,
        message,
        None,
        None,
        "main",
    )
    record.__dict__.update(attributes)
    return handler.makePickle(record)


def pickled_frame(attributes: Any, protocol: int = 5) -> bytes:
    """Return a frame with a pickle of anything, in any protocol."""
    return framed(pickle.dumps(attributes, protocol))


def numbered_frames(name: str, count: int, start: int = 0) -> list[bytes]:
    """Return frames of the logger `name` whose messages are numbers in order."""
    return [stock_frame(str(n), name=name) for n in range(start, start + count)]
