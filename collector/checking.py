"""Whether the service would start with some settings, without starting it."""

from __future__ import annotations

from collector.addresses import overlap
from collector.emitting import check_emitter
from collector.errors import ConfigError
from collector.http_token import read_token
from collector.listening import check_doors
from collector.settings import Settings


def check_start(settings: Settings) -> None:
    """Read all files that the settings name, as the service does when it starts.

    Listens nowhere, opens no database and makes no files. Raises ConfigError for
    the first thing with which it would not start.
    """
    check_doors(settings)
    address = settings.http()
    if address is not None:
        read_token(settings.http_token, settings.http_token_file)
        if any(overlap(address, other) for other in settings.addresses()):
            raise ConfigError(
                "http_address",
                f"{address} is where records are taken",
                "give it a port of its own",
            )
    check_emitter(settings)
