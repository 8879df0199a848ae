"""The shipped units, judged by systemd's own tools.

No running systemd is needed: `verify` loads the files as the manager would,
and `security` rates them offline.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNITS = Path(__file__).resolve().parent.parent / "systemd"
SERVICE = UNITS / "logcollector.service"
SOCKET = UNITS / "logcollector.socket"

INSTALLED_PROGRAM = "/usr/local/bin/logcollector"
MAX_EXPOSURE = 1.5
# 250 is the first version that rates a file instead of a loaded unit.
OLDEST_SYSTEMD = 250


def systemd_version() -> int | None:
    """The major version of systemd-analyze, None where there is none."""
    program = shutil.which("systemd-analyze")
    if program is None:
        return None
    said = subprocess.run(
        [program, "--version"], capture_output=True, text=True, check=False
    )
    found = re.match(r"systemd (\d+)", said.stdout)
    return int(found.group(1)) if found else None


VERSION = systemd_version()

needs_systemd_analyze = pytest.mark.skipif(
    VERSION is None or VERSION < OLDEST_SYSTEMD,
    reason=f"needs systemd-analyze {OLDEST_SYSTEMD} or newer, has {VERSION or 'none'}",
)


def systemd_analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze with plain, untranslated output."""
    plain = {"LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0", "SYSTEMD_LOG_LEVEL": "info"}
    # The variables of a service that runs the tests would steer the tool.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SYSTEMD_")}
    return subprocess.run(
        ["systemd-analyze", *map(str, arguments)],
        env=environment | plain,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def assignments(unit: Path, key: str) -> list[str]:
    """The values of every `key=` line of a unit, in order."""
    lines = unit.read_text(encoding="utf-8").splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{key}=")]


@pytest.fixture
def installable(tmp_path: Path) -> Path:
    """A folder with both units, differing only in a program that exists here."""
    service = SERVICE.read_text(encoding="utf-8")
    start = f"\nExecStart={INSTALLED_PROGRAM} "
    assert service.count(start) == 1
    service = service.replace(start, f"\nExecStart={sys.executable} ")
    (tmp_path / SERVICE.name).write_text(service, encoding="utf-8")
    shutil.copy(SOCKET, tmp_path)
    return tmp_path


@needs_systemd_analyze
def test_verify_has_nothing_to_say(installable: Path) -> None:
    """systemd accepts both units without an error or a warning about them."""
    said = systemd_analyze(
        "verify", "--man=no", installable / SERVICE.name, installable / SOCKET.name
    )

    output = said.stdout + said.stderr
    # Other units that the host's targets pull in may have faults of their own.
    about_ours = [line for line in output.splitlines() if "logcollector" in line]
    assert about_ours == []
    assert said.returncode == 0, output


@needs_systemd_analyze
def test_verify_would_notice_a_misspelt_key(installable: Path) -> None:
    """The check above reads both files: a wrong key in either is reported."""
    for unit, section in ((SERVICE, "Service"), (SOCKET, "Socket")):
        copy = installable / unit.name
        text = copy.read_text(encoding="utf-8")
        copy.write_text(
            text.replace(f"\n[{section}]\n", f"\n[{section}]\nNoSuchKey=1\n")
        )

    said = systemd_analyze(
        "verify", "--man=no", installable / SERVICE.name, installable / SOCKET.name
    )

    for unit in (SERVICE, SOCKET):
        pattern = rf"{re.escape(unit.name)}:\d+: Unknown key.*NoSuchKey"
        assert re.search(pattern, said.stdout + said.stderr)


@needs_systemd_analyze
def test_the_service_is_confined() -> None:
    """systemd rates the service's exposure at 1.5 of 10 or better."""
    said = systemd_analyze("security", "--no-pager", "--offline=true", SERVICE)

    assert said.returncode == 0, said.stderr
    rating = re.search(
        rf"Overall exposure level for {re.escape(SERVICE.name)}: (\d+\.\d+)",
        said.stdout,
    )
    assert rating, said.stdout
    assert float(rating.group(1)) <= MAX_EXPOSURE, said.stdout


def test_both_units_admit_the_same_peers() -> None:
    """A peer is admitted or not whichever unit opened the listening socket."""
    for key in ("IPAddressDeny", "IPAddressAllow"):
        assert assignments(SERVICE, key) == assignments(SOCKET, key) != []
