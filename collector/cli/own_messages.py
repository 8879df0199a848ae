"""What the daemon says of itself: written to stderr by a thread of its own.

A write to stderr may block for ever: a pipe whose reader has stopped
(`serve 2>&1 | less`), a stuck journald, a terminal after Ctrl-S. Whoever logs
must not wait for that, least of all the event loop, so it only queues.
"""

from __future__ import annotations

import logging
import os
import select
import threading
from typing import Final, TextIO

# Messages that may wait while stderr is stuck: most often some 100 KiB.
MAX_WAITING: Final = 1_000

# How long the end of the process waits for the last words to be written: a busy
# machine may need a while.
FLUSH_SECONDS: Final = 1.0


class OwnMessages(logging.Handler):
    """Writes messages to a stream's descriptor, in order, one a line.

    Never waits for the stream: while it is stuck, `max_waiting` messages wait
    beside those that are being written. Further ones are dropped, and so are
    those that can't be written; where they are missing, a line tells how many.
    What waits when the process ends is lost, so `flush` first, which
    logging.shutdown does. The stream's own buffer is not used.
    """

    def __init__(self, stream: TextIO, *, max_waiting: int = MAX_WAITING) -> None:
        super().__init__()
        self.setFormatter(OwnFormatter())
        self._descriptor = stream.fileno()
        self._encoding = stream.encoding
        self._max_waiting = max_waiting
        self._changed = threading.Condition()
        self._waiting: list[str] = []
        # Dropped since the thread last took all that waited, so they came
        # after those and before any later one.
        self._dropped = 0
        self._writing = False
        # A daemon thread: a write that blocks for ever must not keep the
        # process from ending.
        threading.Thread(
            target=self._run, name="logcollector-messages", daemon=True
        ).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a message, or drop and count it. Never waits."""
        try:
            self.say(self.format(record))
        except Exception:  # noqa: BLE001 - as in each handler: logging never raises
            self.handleError(record)

    def say(self, text: str) -> None:
        """Queue a text as it is, or drop and count it. Never waits."""
        with self._changed:
            if len(self._waiting) < self._max_waiting:
                self._waiting.append(text)
            else:
                self._dropped += 1
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until all has been written, for FLUSH_SECONDS at most."""
        with self._changed:
            self._changed.wait_for(
                lambda: not self._waiting and not self._writing, FLUSH_SECONDS
            )

    def _run(self) -> None:
        missing = 0
        while True:
            taken, dropped = self._take()
            for text in taken:
                written = self._write(_told(missing) + text + "\n")
                missing = 0 if written else missing + 1
            missing += dropped
            if dropped and self._write(_told(missing)):
                missing = 0

    def _take(self) -> tuple[list[str], int]:
        """Wait for messages; return them, and how many were dropped after them."""
        with self._changed:
            self._writing = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._waiting)
            self._writing = True
            taken, self._waiting = self._waiting, []
            dropped, self._dropped = self._dropped, 0
            return taken, dropped

    def _write(self, text: str) -> bool:
        """Write a text, however long that takes; return whether it could be."""
        # Not through the stream: a thread that is stuck with its lock would
        # have the interpreter abort at its end.
        rest = text.encode(self._encoding, "backslashreplace")
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:
                # Another program has made the shared terminal or pipe so.
                select.select((), (self._descriptor,), ())
            except OSError:
                # Nobody is left to tell; a full disk may have space again.
                return False
        return True


def log_to(stream: TextIO) -> OwnMessages:
    """Have what the daemon and asyncio say written to a stream."""
    messages = OwnMessages(stream)
    log = logging.getLogger("logcollector")
    log.addHandler(messages)
    log.setLevel(logging.INFO)
    # With `emit = "logging"` the root logger belongs to the records.
    log.propagate = False
    # Where nobody else takes what libraries say (asyncio tells of a failed
    # task or handshake in the loop's thread), logging writes it to stderr.
    messages.addFilter(
        lambda record: record.name == log.name or record.levelno >= logging.WARNING
    )
    logging.lastResort = messages
    return messages


class OwnFormatter(logging.Formatter):
    """Formats the daemon's own messages: plain, warnings and worse marked."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the message, with its level in front where that matters."""
        text = super().format(record)
        if record.levelno > logging.INFO:
            return f"{record.levelname.lower()}: {text}"
        return text


def _told(missing: int) -> str:
    """Return the line that stands for so many messages; nothing for none."""
    if not missing:
        return ""
    return f"warning: {missing} messages are missing here: stderr did not take them\n"
