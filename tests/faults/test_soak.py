"""A minute of the soak: mixed faults, then the accounts."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from integration.daemon import environment

pytestmark = pytest.mark.fault

SOAK = Path(__file__).resolve().parent.parent.parent / "benchmarks" / "soak.py"
SECONDS = float(os.environ.get("SOAK_SECONDS", "60"))

# Starts, stops, and what is left to be stored take their time, too.
MOST_SECONDS = 3 * SECONDS + 120


def test_the_accounts_balance(tmp_path: Path, figure: Any) -> None:
    """What was received is stored, rejected or shed, and nothing is there twice."""
    done = subprocess.run(
        [sys.executable, SOAK, "--seconds", str(SECONDS), "--folder", tmp_path],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
        check=False,
    )

    for name, value in re.findall(r"^([\w ]+): (\d+)$", done.stdout, re.MULTILINE):
        figure(name, int(value), "records")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the accounts balance" in done.stdout
