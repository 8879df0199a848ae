"""An order: what is to be examined."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from collector.addresses import Address
from collector.doctor.commands import Commands, commands_for
from collector.settings import Settings
from collector.status import Status

AskStatus = Callable[[Settings, float], Status]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be examined, and by which settings.

    `flags` are settings given by hand, `to` is an address instead of the
    settings' own, `timeout_seconds` is for each thing that is waited for.
    `tls_ca`: which CA a listener in TLS must have its certificate from; "": any.
    `ask_status` raises CollectorError where the collector does not answer.
    """

    version: str
    config_file: Path | None
    environment: Mapping[str, str]
    flags: Mapping[str, object]
    to: Address | None
    tls_ca: str
    client_cert: str
    client_key: str
    timeout_seconds: float
    zone: str
    ask_status: AskStatus

    @property
    def commands(self) -> Commands:
        """What to run next."""
        return commands_for(self.config_file, self.flags)


def spool_of(settings: Settings, database: Path) -> Path:
    """Return the folder of the spool."""
    return Path(settings.spool or f"{database}-spool").absolute()
