"""A recipe at work: its files in a folder, a daemon, the processes that log."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from integration.daemon import PATIENCE_SECONDS, Daemon, environment, until
from recipes.page import Page, agrees, settled

# What pages have in place of what a test chooses.
PORT = "9020"
HOME = "/srv/shop"

# As /proc/net/tcp has it.
ESTABLISHED = "01"


class Server:
    """A process that logs until it is stopped; its output is gathered in a file."""

    def __init__(
        self, command: list[str], folder: Path, variables: dict[str, str]
    ) -> None:
        self._output = folder / f"said-{time.monotonic_ns()}"
        with self._output.open("wb") as output:
            # A session of its own, so that its workers can be ended with it.
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        """What it has said so far, on stdout and stderr."""
        return self._output.read_text(encoding="utf-8", errors="replace")

    def wait_said(self, pattern: str) -> re.Match[str]:
        """Wait until it has said what `pattern` matches."""

        def found() -> re.Match[str] | None:
            match = re.search(pattern, self.said)
            assert match or self.process.poll() is None, self.said
            return match

        try:
            match: re.Match[str] = until(found, f"{pattern!r}")
        except AssertionError as error:
            raise AssertionError(f"{error}; it said {self.said}") from None
        return match

    def stop(self) -> int:
        """Ask it to end; return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_SECONDS)

    def kill(self) -> None:
        """End it and its workers, whatever state they are in."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE_SECONDS)


class Recipe:
    """A page's files in a folder, beside a daemon that collects."""

    def __init__(self, page: Page, folder: Path, daemon: Daemon) -> None:
        self.page = page
        self.folder = folder
        self.daemon = daemon
        self._servers: list[Server] = []
        self._programs = folder / "programs"
        self._programs.mkdir()
        for name, started in (("python", ""), ("logcollector", "-m collector")):
            program = self._programs / name
            program.write_text(f'#!/bin/sh\nexec {sys.executable} {started} "$@"\n')
            program.chmod(0o755)

    def write(self, name: str, content: str | None = None) -> Path:
        """Write one of the page's files, or other `content`, for this daemon."""
        text = self.page.files[name] if content is None else content
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(text.replace(PORT, str(self.daemon.port)))
        return path

    def write_all(self) -> None:
        """Write all of the page's files."""
        for name in self.page.files:
            self.write(name)

    def run(
        self, *arguments: str, status: int = 0, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run Python with `arguments` to its end."""
        return self._finish([sys.executable, *arguments], status, variables)

    def _finish(
        self, command: list[str], status: int, variables: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self._surroundings(variables),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done

    def _surroundings(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Return the environment: nothing of this test run, but its programs."""
        told = {
            name: value
            for name, value in environment(variables).items()
            if not name.startswith("PYTEST_")
        }
        told["PATH"] = f"{self._programs}:{told['PATH']}"
        return told

    def start(self, *arguments: str, **variables: str) -> Server:
        """Start Python with `arguments`; it is ended with the test."""
        server = Server(
            [sys.executable, *arguments], self.folder, self._surroundings(variables)
        )
        self._servers.append(server)
        return server

    def wait_message(self, pattern: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait for `count` records whose message matches; return all such rows."""

        def found() -> list[dict[str, Any]]:
            return [row for row in self.rows() if re.search(pattern, row["message"])]

        try:
            until(lambda: len(found()) >= count, f"{count} x {pattern!r}")
        except AssertionError as error:
            messages = [row["message"] for row in self.rows()]
            raise AssertionError(f"{error}; there is {messages}") from None
        return found()

    def rows(self) -> list[dict[str, Any]]:
        """Return all rows of the view, with `extra` as a dictionary."""
        return [
            {**dict(row), "extra": json.loads(row["extra"] or "{}")}
            for row in self.daemon.rows()
        ]

    def connections(self) -> int:
        """Return how many peers the daemon has, as the kernel tells."""
        peers = 0
        for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            port = int(local.rpartition(":")[2], 16)
            peers += port == self.daemon.port and state == ESTABLISHED
        return peers

    def shell(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the page as it stands there."""
        return self._finish(["/bin/sh", "-c", command], 0, {"COLUMNS": "200"})

    def check_shown(self, program: str = "logcollector") -> None:
        """Each command of the page with this program prints here what is shown."""
        commands = [
            shown
            for shown in self.page.commands
            if shown.command.startswith(f"{program} ")
        ]
        assert commands
        for shown in commands:
            done = self.shell(shown.command)
            actual = done.stdout.replace(str(self.folder), HOME)
            assert done.stderr == "", f"{shown.command}\n{done.stderr}"
            assert agrees(actual, shown.output), (
                f"{shown.command}\n{settled(actual)}\n-- but shown is --\n"
                f"{settled(shown.output)}"
            )

    def close(self) -> None:
        """End the processes that it started."""
        for server in self._servers:
            server.kill()


def get(url: str) -> tuple[int, str]:
    """Return the status and the body of a page, also of an error page."""
    assert url.startswith("http://127.0.0.1:")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=PATIENCE_SECONDS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
