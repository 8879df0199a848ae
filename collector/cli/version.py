"""What `logcollector --version` says."""

from __future__ import annotations

import platform
import sqlite3
from importlib import metadata

import collector
from collector.wire import pickles


def is_compiled() -> bool:
    """Tell whether the hot modules run compiled."""
    return not (pickles.__file__ or "").endswith(".py")


def version_text() -> str:
    """Return the version of the program and of what it runs on."""
    try:
        loop = f"uvloop {metadata.version('uvloop')}"
    except metadata.PackageNotFoundError:
        loop = "asyncio's loop"
    return (
        f"logcollector {collector.__version__} "
        f"({'compiled' if is_compiled() else 'interpreted'}), "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {loop}"
    )
