"""Crowds of connections, each made by a process that a test starts and ends."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from integration.daemon import PATIENCE_SECONDS

PROGRAM = Path(__file__).with_name("crowd.py")


class Crowd:
    """The process of a crowd; see crowd.py for what it can do."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def leave(self, count: int) -> None:
        """Let so many close, the oldest first."""
        assert self._ask(str(count)) == "closed"

    def hung_up_on(self) -> int:
        """Return how many connections the other side has ended."""
        return int(self._ask("report"))


@contextmanager
def crowd(port: int, kind: str, count: int) -> Iterator[Crowd]:
    """A crowd that is there until the block's end."""
    process = subprocess.Popen(
        [sys.executable, "-I", PROGRAM, str(port), kind, str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "open\n"
        yield Crowd(process)
    finally:
        process.stdin.close()
        try:
            process.wait(PATIENCE_SECONDS)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
