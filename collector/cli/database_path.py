"""Where the database is that a command is for."""

from __future__ import annotations

import os
from pathlib import Path

from collector.cli.settings_file import read_settings, usual_settings_file


def database_path(given: Path | None) -> Path:
    """Return the database: the one given, else that of the settings."""
    if given is not None:
        return given
    if named := os.environ.get("LOGCOLLECTOR_DB"):
        return Path(named)
    if usual_settings_file() is not None:
        settings = read_settings()
        if settings.db:
            return Path(settings.db)
    return Path("logs.sqlite")
