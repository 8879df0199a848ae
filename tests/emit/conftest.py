"""An output to show records on, which the test opens and closes."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest


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
