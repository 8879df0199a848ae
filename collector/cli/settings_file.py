"""The settings file, and what commands without flags for settings read of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collector.settings import Settings


def settings_file(config_file: Path | None) -> Path | None:
    """Return the settings file: the one named, else the service's, if any."""
    if config_file is not None:
        return config_file
    # systemd's ConfigurationDirectory=.
    folder = os.environ.get("CONFIGURATION_DIRECTORY", "")
    if folder and (Path(folder) / "config.toml").exists():
        return Path(folder) / "config.toml"
    return None


def usual_settings_file() -> Path | None:
    """Return the settings file where no flag could name one, if any."""
    named = os.environ.get("LOGCOLLECTOR_CONFIG")
    return settings_file(Path(named) if named else None)


def read_settings() -> Settings:
    """Return the settings, of the environment and the file that it names."""
    # They take their time to load, and most have no file of them.
    from collector.config import load_settings

    return load_settings(file=usual_settings_file(), environment=dict(os.environ))
