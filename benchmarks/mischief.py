"""What happens to a daemon during a soak, each for a while."""

from __future__ import annotations

import random
import signal
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Final

from faults.accounts import reading
from integration.daemon import Daemon
from integration.disk import fill
from integration.wire import framed, stock_frame

Fault = Callable[[], AbstractContextManager[None]]

# Closing with this sends a reset.
NO_LINGER: Final = struct.pack("ii", 1, 0)

RELOADED: Final = "settings reloaded"

BAD_FRAMES: Final = (b"junk", b"\x80\x04junk", b"{", b"\x80\x05N.", b"GET / HTTP/1.1")


class Mischief:
    """The faults that one daemon has to bear; `bad_frames` counts what it got.

    Each fault is a context manager that begins it and ends it. `disk` is the
    small file system that the database is on, if there is one.
    """

    def __init__(
        self,
        daemon: Daemon,
        *,
        chance: random.Random,
        disk: Path | None,
    ) -> None:
        self.bad_frames = 0
        self._daemon = daemon
        self._chance = chance
        self._disk = disk
        self._faults: dict[str, Fault] = {
            "lock": self.lock,
            "long reader": self.long_reader,
            "bad frames": self.send_bad_frames,
            "reset": self.reset,
            "reload": self.reload,
        }
        if disk is not None:
            self._faults["full disk"] = self.full_disk
        self.names: Final = tuple(self._faults)

    def fault(self, name: str) -> AbstractContextManager[None]:
        """Return the fault of that name, to be entered."""
        return self._faults[name]()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the write lock, as another program may."""
        with self._daemon.locked():
            yield

    @contextmanager
    def long_reader(self) -> Iterator[None]:
        """Keep a snapshot, which keeps the write-ahead log from being cut."""
        with reading(self._daemon.database) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM call_sites").fetchall()
            yield

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """Leave no space where the database is."""
        assert self._disk is not None
        filler = fill(self._disk, 0)
        try:
            yield
        finally:
            filler.unlink()

    @contextmanager
    def send_bad_frames(self) -> Iterator[None]:
        """Send frames that can't be decoded; each becomes a reject."""
        frames = [framed(self._chance.choice(BAD_FRAMES)) for _ in range(20)]
        self._daemon.send(*frames)
        self.bad_frames += len(frames)
        yield

    @contextmanager
    def reset(self) -> Iterator[None]:
        """Send half a frame, then a reset."""
        with closing(self._daemon.connect()) as client:
            client.sendall(stock_frame("cut")[: self._chance.randrange(1, 200)])
            yield
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)

    @contextmanager
    def reload(self) -> Iterator[None]:
        """Have it read its settings again."""
        said = self._daemon.stderr.count(RELOADED)
        self._daemon.send_signal(signal.SIGHUP)
        self._daemon.wait_said(RELOADED, said + 1)
        yield
