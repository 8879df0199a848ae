"""The emitter: a bounded hand-over of records to the thread that shows them.

Outputs may block (a terminal that was stopped, a full pipe). Only the
emitter's thread waits for them, never the event loop.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from collector.emit.outputs import Output
from collector.record import Record

log = logging.getLogger("logcollector")

# Records formatted in one go: the first appears soon, and the interpreter
# lock is not held for long.
RECORDS_PER_WRITE: Final = 200

# Memory for records that wait for a slow output.
MAX_WAITING_BYTES: Final = 64 * 1024 * 1024


class Emitter:
    """Shows records on an output, in order, without ever delaying who adds.

    When more than `queue_records` wait, further ones are dropped and counted
    in `dropped_total`; that is said once, and again when it is over. Records
    below `levelno` are not shown.
    """

    def __init__(self, output: Output, *, levelno: int, queue_records: int) -> None:
        self._output = output
        self._levelno = levelno
        self._queue_records = queue_records
        self._waiting: deque[tuple[Record, int]] = deque()
        # Each is counted up by one thread only: what waits is the difference.
        self._added_bytes = 0
        self._taken_bytes = 0
        self._arrived = threading.Event()
        self._showing = 0
        self._stopping = False
        self._closed = False
        self._failing = False
        self._dropping = False
        self.emitted_total = 0
        self.dropped_total = 0
        # A daemon thread: a write that blocks for ever must not keep the
        # process from ending.
        self._thread = threading.Thread(
            target=self._run, name="logcollector-emit", daemon=True
        )

    @property
    def is_blocked(self) -> bool:
        """Whether the thread still runs, after `stop`: its output is stuck."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def add(self, record: Record, size_bytes: int = 0) -> None:
        """Queue a record to be shown, or drop it. Never waits.

        `size_bytes` is about what it takes in memory.
        """
        if record.levelno < self._levelno:
            return
        if (
            len(self._waiting) >= self._queue_records
            or self._added_bytes - self._taken_bytes >= MAX_WAITING_BYTES
        ):
            self.dropped_total += 1
            if not self._dropping:
                self._dropping = True
                log.warning(
                    "the output is too slow: lines are dropped (records are stored "
                    "as before)"
                )
            return
        self._added_bytes += size_bytes
        self._waiting.append((record, size_bytes))
        # The thread clears the event before it looks for records, so one that
        # was added before a look is never missed.
        if not self._arrived.is_set():
            self._arrived.set()

    def retire(self) -> None:
        """Show what waits, then close the output; do not wait for that."""
        self._stopping = True
        self._arrived.set()

    def stop(self, seconds: float) -> int:
        """Show what waits, for `seconds` at most; return how many were not."""
        self.retire()
        self._thread.join(seconds)
        return len(self._waiting) + self._showing

    def _run(self) -> None:
        while True:
            self._arrived.wait()
            self._arrived.clear()
            stopping = self._stopping
            while self._waiting:
                count = min(len(self._waiting), RECORDS_PER_WRITE)
                taken = [self._waiting.popleft() for _ in range(count)]
                self._showing = count
                self._show([record for record, _ in taken])
                self._showing = 0
                self._taken_bytes += sum(size for _, size in taken)
            if self._dropping:
                self._dropping = False
                log.warning(
                    "the output keeps up again; %d lines were dropped since the start",
                    self.dropped_total,
                )
            if stopping:
                self._attempt(self._output.close)
                return

    def _show(self, records: list[Record]) -> None:
        if not self._closed and self._attempt(lambda: self._output.write(records)):
            self.emitted_total += len(records)
        else:
            self.dropped_total += len(records)

    def _attempt(self, action: Callable[[], None]) -> bool:
        try:
            action()
        except Exception as error:  # noqa: BLE001 - handlers are foreign code
            # A pipe without reader and a closed stream stay so. A ValueError of
            # any other text is some handler's own.
            self._closed = isinstance(error, BrokenPipeError) or (
                isinstance(error, ValueError) and "closed file" in str(error)
            )
            if not self._failing:
                self._failing = True
                log.warning(
                    "cannot write lines: %s; they are dropped, records are stored "
                    "as before",
                    error or type(error).__name__,
                )
            return False
        if self._failing and not self._closed:
            self._failing = False
            log.warning("writing lines again")
        return True
