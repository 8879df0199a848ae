"""Real faults: what they need, and the figures that are measured with them."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

# The same daemon, loops and clients as in the tests of the whole process.
from integration.conftest import loop_name, run_client, start_daemon, stored

__all__ = ["loop_name", "run_client", "start_daemon", "stored"]

Figure = Callable[[str, float, str], None]

FIGURES = pytest.StashKey[list[str]]()


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Figure:
    """Notes what was measured: figure(name, value, unit).

    The figures stand at the end of the run, and as JSON lines in the file that
    the environment variable FIGURES names.
    """
    test = request.node.nodeid

    def note(name: str, value: float, unit: str) -> None:
        lines = request.config.stash.setdefault(FIGURES, [])
        lines.append(f"figure: {request.node.name}: {name}: {value:.6g} {unit}")
        told = {"test": test, "name": name, "value": value, "unit": unit}
        if path := os.environ.get("FIGURES"):
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(json.dumps(told) + "\n")

    return note


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    lines = config.stash.get(FIGURES, [])
    if lines:
        terminalreporter.section("figures")
        for line in lines:
            terminalreporter.write_line(line)
