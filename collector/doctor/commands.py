"""The commands to run next, ready to be pasted."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Commands:
    """`start` starts the collector that is examined, `look` examines it.

    `again` does it as root.
    """

    start: str = "logcollector serve"
    look: str = "logcollector doctor"
    again: str = "sudo logcollector doctor"


def commands_for(config_file: Path | None, flags: Mapping[str, object]) -> Commands:
    """Return the commands for what this one was given; root has no other variables."""
    given = [] if config_file is None else ["--config", str(config_file)]
    for key, value in flags.items():
        given += [f"--{key}", str(value)]
    return Commands(
        start=shlex.join(["logcollector", "serve", *given]),
        look=shlex.join(["logcollector", "doctor", *given]),
        again=shlex.join(["sudo", "logcollector", "doctor", *given]),
    )
