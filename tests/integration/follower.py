"""A `logcollector tail -f` process under test, and what it has written."""

import contextlib
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

from integration.daemon import (
    BUFFERED,
    COMMAND,
    PATIENCE_SECONDS,
    environment,
    until,
)


class Follower:
    """A `tail -f` process; what it writes is gathered as it comes."""

    def __init__(self, folder: Path, *arguments: str | Path) -> None:
        self.lines: list[str] = []
        self.said: list[str] = []
        self.process = subprocess.Popen(
            [*COMMAND, "tail", "-f", *map(str, arguments)],
            cwd=folder,
            env=environment(BUFFERED),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._threads = [
            threading.Thread(target=self._gather, args=pipe, daemon=True)
            for pipe in (
                (self.process.stdout, self.lines),
                (self.process.stderr, self.said),
            )
        ]
        for thread in self._threads:
            thread.start()

    def _gather(self, stream: Any, lines: list[str]) -> None:
        with contextlib.suppress(ValueError):
            for line in stream:
                lines.append(line.removesuffix("\n"))

    def wait_lines(self, count: int) -> list[str]:
        """Wait for so many lines, and return them."""
        until(lambda: len(self.lines) >= count, f"{count} lines, not {self.lines[-5:]}")
        return self.lines

    def wait_said(self, text: str) -> None:
        """Wait until it has said something on stderr."""
        until(lambda: any(text in line for line in self.said), text)

    def wait_open(self, path: Path) -> None:
        """Wait until it has opened a file."""
        until(lambda: str(path) in open_files(self.process.pid), f"{path} is opened")

    def wait_closed(self, path: Path) -> None:
        """Wait until it has no such file open, be it deleted."""
        until(
            lambda: (
                not any(
                    file.removesuffix(" (deleted)") == str(path)
                    for file in open_files(self.process.pid)
                )
            ),
            f"{path} is closed",
        )

    def stop(self, number: int = signal.SIGTERM) -> list[str]:
        """End it with a signal; it must end well, and quietly. Return all lines."""
        self.process.send_signal(number)
        assert self.wait_end() == 0, self.said
        return self.lines

    def wait_end(self) -> int:
        """Wait until it has ended, and all it wrote was read."""
        status = self.process.wait(PATIENCE_SECONDS)
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
        return status

    def kill(self) -> None:
        """End it whatever state it is in."""
        if self.process.poll() is None:
            self.process.kill()
        self.wait_end()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


def open_files(pid: int) -> set[str]:
    """Return the names of the files that a process has open."""
    names = set()
    with contextlib.suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                names.add(str(descriptor.readlink()))
    return names
