"""What `import collector` costs an application that only sends."""

import os
import subprocess
import sys
from pathlib import Path

HEAVY = ("asyncio", "sqlite3", "msgspec", "aiosqlite", "click", "uvloop", "tomllib")


def loaded_after(code: str, folder: Path) -> set[str]:
    """Return which heavy modules a fresh Python has loaded after `code`."""
    # A measurement of coverage would load modules of its own.
    variables = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
    if "PYTHONPATH" in variables:
        parts = variables["PYTHONPATH"].split(os.pathsep)
        variables["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, parts))
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules, sep='\\n')"],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    loaded = set(done.stdout.split("\n"))
    assert "collector" in loaded
    return loaded.intersection(HEAVY)


def test_import_alone(tmp_path: Path) -> None:
    """`import collector` loads nothing of the server."""
    assert loaded_after("import collector", tmp_path) == set()


def test_attaching_a_handler(tmp_path: Path) -> None:
    """A program that only sends never loads the server or its dependencies."""
    code = (
        "from collector import client_attach_socket_handler\n"
        "client_attach_socket_handler(port=1, logger='quiet')\n"
    )

    assert loaded_after(code, tmp_path) == set()


def test_importing_both_names(tmp_path: Path) -> None:
    """Importing ServerContext does not load the server before it is used."""
    code = "from collector import ServerContext, client_attach_socket_handler"

    assert loaded_after(code, tmp_path) == set()
