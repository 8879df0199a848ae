"""Load from processes of their own, whose every record is numbered."""

import json
import select
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from faults.generator import FIRST_SEQUENCE, Report
from integration.daemon import PATIENCE_SECONDS

__all__ = ["FIRST_SEQUENCE", "Report", "Sender", "senders"]

GENERATOR = Path(__file__).with_name("generator.py")

# At worst a sender waits so long for a daemon that has stopped reading.
REPORT_SECONDS = 150.0


class Sender:
    """A process that sends; see `generator.py`.

    `kind` is `fast` or `stock`; `padding` characters are added to messages.
    """

    def __init__(self, kind: str, name: str, folder: Path, *, padding: int = 0) -> None:
        self.name = name
        self._counter = folder / f"sent-{name}"
        self._counter.write_bytes(bytes(8))
        self._process = subprocess.Popen(
            # Isolated: an application that has never heard of the collector.
            [sys.executable, "-I", GENERATOR, kind, name, self._counter, str(padding)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )

    def __enter__(self) -> Self:
        assert self._hear(PATIENCE_SECONDS) == "ready"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait(PATIENCE_SECONDS)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    @property
    def sent(self) -> int:
        """How many records it has handed to the kernel so far."""
        (sent,) = struct.unpack("q", self._counter.read_bytes())
        return int(sent)

    def send(self, port: int, *, rate: float = 0.0, seconds: float = 0.0) -> None:
        """Begin to send; without seconds until `stop`, without rate at full speed."""
        self._say(f"send {port} {rate} {seconds}")

    def stop(self) -> None:
        """Have it end what it is sending."""
        self._say("stop")

    def report(self) -> Report:
        """Wait for the end of a sending and return what became of it."""
        return Report(**json.loads(self._hear(REPORT_SECONDS)))

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")

    def _hear(self, seconds: float) -> str:
        assert self._process.stdout is not None
        heard = select.select([self._process.stdout], [], [], seconds)[0]
        assert heard, f"the sender {self.name} said nothing for {seconds:g} s"
        return self._process.stdout.readline().decode().strip()


@contextmanager
def senders(
    kind: str, count: int, folder: Path, *, padding: int = 0
) -> Iterator[list[Sender]]:
    """Start so many senders, named `s0`, `s1` and so on; end them in the end."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(Sender(kind, f"s{n}", folder, padding=padding))
            for n in range(count)
        ]
