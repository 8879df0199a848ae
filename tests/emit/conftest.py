"""Records to show, outputs to show them on, and what the daemon says meanwhile."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from collector.record import Record


@pytest.fixture(scope="session")
def make_record() -> Callable[..., Record]:
    """Makes a Record like one of a stock client, with some values changed."""

    def make(message: str = "hello", **changes: Any) -> Record:
        values: dict[str, Any] = {
            "created": 1_700_000_000.25,
            "received": 1_700_000_000.5,
            "relativeCreated": 59.6,
            "name": "myapp.area1",
            "levelno": 20,
            "levelname": "INFO",
            "message": message,
            "hostname": "web1",
            "process": 4242,
            "processName": "MainProcess",
            "thread": 1234,
            "threadName": "MainThread",
            "pathname": "/srv/app/db.py",
            "filename": "db.py",
            "module": "db",
            "lineno": 17,
            "funcName": "connect",
            "peer": "127.0.0.1",
        }
        return Record(**{**values, **changes})

    return make


class Gate:
    """An output that waits in each write until it is let through."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.errors: list[Exception] = []
        self.entered = threading.Semaphore(0)
        self.opened = threading.Semaphore(0)
        self.closed = threading.Event()

    def write(self, records: Any) -> None:
        self.entered.release()
        assert self.opened.acquire(timeout=10)
        if self.errors:
            raise self.errors.pop(0)
        self.messages.extend(record.message for record in records)

    def close(self) -> None:
        self.closed.set()

    def wait_for_write(self) -> None:
        """Wait until the emitter's thread is within `write`."""
        assert self.entered.acquire(timeout=10)

    def let_through(self, writes: int = 1) -> None:
        """Let so many writes go on."""
        self.opened.release(writes)


@pytest.fixture
def gate() -> Iterator[Gate]:
    """An output that the test opens and closes."""
    made = Gate()
    yield made
    made.let_through(10_000)
