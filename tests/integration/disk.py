"""A small file system that a test can fill."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(folder: Path, megabytes: int) -> Iterator[Path]:
    """Mount a tmpfs of so many MiB at `folder`; raises OSError where that can't be."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    if os.geteuid() != 0:
        raise PermissionError("mounting a small file system needs root")
    try:
        subprocess.run(mount, check=True, capture_output=True, timeout=10)
    except subprocess.CalledProcessError as error:
        raise OSError(f"no tmpfs can be mounted here: {error}") from None
    try:
        yield folder
    finally:
        # Lazily: a daemon may still hold files there until it is ended.
        subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=10)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Mount a tmpfs as `mounted` does; skip the test where that can't be."""
    with ExitStack() as stack:
        try:
            disk = stack.enter_context(mounted(folder, megabytes))
        except OSError as error:
            pytest.skip(str(error))
        yield disk


def fill(folder: Path, free_bytes: int) -> Path:
    """Make a file that leaves `free_bytes`; removing it gives the space back."""
    filler = folder / "filler"
    descriptor = os.open(filler, os.O_CREAT | os.O_WRONLY)
    try:
        while True:
            space = os.statvfs(folder)
            try:
                taken = space.f_bavail * space.f_frsize - free_bytes
                os.posix_fallocate(descriptor, 0, taken)
            except OSError as error:
                # Somebody else took of it meanwhile.
                if error.errno != errno.ENOSPC:
                    raise
            else:
                return filler
    finally:
        os.close(descriptor)
