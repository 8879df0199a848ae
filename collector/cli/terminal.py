"""The terminal: what it can show."""

from __future__ import annotations

import os
import shutil


def terminal_has_colors() -> bool:
    """Tell whether nobody has asked for plain text."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def terminal_width() -> int:
    """Return how many columns there are; 120 where there is no terminal."""
    return shutil.get_terminal_size((120, 24)).columns
