"""An order: what is to be examined."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from collector.addresses import Address
from collector.config import Settings
from collector.status import Status

AskStatus = Callable[[Settings, float], Status]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be examined, and by which settings.

    `flags` are settings given by hand, `to` is an address instead of the
    settings' own, `timeout_seconds` is for each thing that is waited for.
    `ask_status` raises CollectorError where the collector does not answer.
    """

    version: str
    config_file: Path | None
    environment: Mapping[str, str]
    flags: Mapping[str, object]
    to: Address | None
    client_cert: str
    client_key: str
    timeout_seconds: float
    zone: str
    ask_status: AskStatus


def start_command(order: Order) -> str:
    """Return the command that starts a collector with what this one was given."""
    words = ["logcollector", "serve"]
    if order.config_file is not None:
        words += ["--config", str(order.config_file)]
    for key, value in order.flags.items():
        words += [f"--{key}", str(value)]
    return shlex.join(words)


def spool_of(settings: Settings, database: Path) -> Path:
    """Return the folder of the spool."""
    return Path(settings.spool or f"{database}-spool").absolute()
