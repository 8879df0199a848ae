"""What all tests share: random tests that repeat, records, what the daemon says."""

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import settings

from collector.record import Record

# The same examples each time, so that a change fails for what it changes; new
# ones are what `make fuzz` looks for.
settings.register_profile("repeatable", derandomize=True)
settings.register_profile("searching")


def pytest_configure(config: pytest.Config) -> None:
    # A shell has what it starts in the background ignore Ctrl-C, and so would
    # all that the tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    searching = "fuzz" in config.getoption("markexpr").split(" ")[:1]
    settings.load_profile("searching" if searching else "repeatable")


@pytest.fixture(scope="session")
def make_record() -> Callable[..., Record]:
    """Makes a Record like one of a stock client, with some values changed."""

    def make(message: str = "hello", **changes: Any) -> Record:
        values: dict[str, Any] = {
            "created": 1_700_000_000.25,
            "received": 1_700_000_000.5,
            "relativeCreated": 999_749.6,
            "name": "myapp.db",
            "levelno": 20,
            "levelname": "INFO",
            "message": message,
            "hostname": "web1",
            "process": 4242,
            "processName": "MainProcess",
            "started": 1_699_999_000.5,
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


class Said(list[str]):
    """Messages, which a test may wait for."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = threading.Condition()

    def note(self, message: str) -> None:
        with self._changed:
            self.append(message)
            self._changed.notify_all()

    def wait_for(self, count: int) -> None:
        """Wait until so many messages have been said."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self) >= count, timeout=10)


@pytest.fixture
def said() -> Iterator[Said]:
    """What the daemon says of itself, one message an item."""
    messages = Said()

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.note(record.getMessage())

    own = logging.getLogger("logcollector")
    keeper = Keeper()
    level = own.level
    own.addHandler(keeper)
    own.setLevel(logging.INFO)
    yield messages
    own.removeHandler(keeper)
    own.setLevel(level)
