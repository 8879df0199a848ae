"""strace, attached to a daemon, as the maker of failing system calls."""

import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from integration.daemon import PATIENCE_SECONDS, until

SYNCS = "fsync,fdatasync"


class FailingSyncs:
    """Makes each sync of the given files fail with EIO, within its block.

    Other files are synced as ever. Used as a context.
    """

    def __init__(self, pid: int, *paths: Path, log: Path) -> None:
        self._log = log
        self._command = [
            *("strace", "--follow-forks", "--output", str(log)),
            *(f"--trace-path={path}" for path in paths),
            f"--trace={SYNCS},openat",
            f"--inject={SYNCS}:error=EIO",
            f"--attach={pid}",
        ]

    def __enter__(self) -> Self:
        self._tracer = Tracer(self._command)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._tracer.detach()

    @property
    def injected(self) -> int:
        """How many syncs have failed so far."""
        return self._log.read_text().count("(INJECTED)") if self._log.exists() else 0

    def wait_injected(self, more: int) -> None:
        """Wait until so many more syncs have failed than by now."""
        goal = self.injected + more
        until(lambda: self.injected >= goal, f"{goal} failed syncs")

    def opened_again(self, path: Path) -> bool:
        """Tell whether the file was opened after the first failure."""
        _, _, after = self._log.read_text().partition("(INJECTED)")
        pattern = rf'openat\([^\n]*"{re.escape(str(path))}", O_RDWR'
        return re.search(pattern, after) is not None


class Tracer:
    """A running strace; once made, it traces all threads."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        assert self._process.stderr is not None
        self._messages = self._process.stderr
        said = []
        for line in self._messages:
            said.append(line)
            if re.search(r"Process \d+ attached", line):
                break
        else:
            raise AssertionError(f"strace did not attach: {said}")
        # What it says of later threads must not fill the pipe.
        self._reader = threading.Thread(target=self._messages.read)
        self._reader.start()

    def detach(self) -> None:
        """Let the traced process go on undisturbed."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        self._process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        self._messages.close()


def skip_without_strace() -> None:
    """Skip the test where strace is missing or may not trace."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    try:
        done = subprocess.run(
            ["strace", f"--inject={SYNCS}:error=EIO", sys.executable, "-c", "0"],
            capture_output=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"strace can't run here: {error}")
    if done.returncode:
        pytest.skip(f"strace may not trace here: {done.stderr.decode()[-200:]}")
