"""Being a user who may read, and not write beside what is read."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NOBODY = 65534


@contextmanager
def public_folder() -> Iterator[Path]:
    """Make a folder that every user can reach."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextmanager
def without_rights(folder: Path, mode: int = 0o555) -> Iterator[None]:
    """Be a user who has no more than these rights in a folder."""
    as_root = os.getuid() == 0
    if as_root and not hasattr(os, "setresuid"):
        pytest.skip("root may do everything")
    before = folder.stat().st_mode
    folder.chmod(mode)
    if as_root:
        os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        if as_root:
            os.setresuid(0, 0, 0)
        folder.chmod(before)
