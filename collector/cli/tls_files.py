"""The files of TLS that options name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from collector.errors import ConfigError

if TYPE_CHECKING:
    import ssl


def tls_context(
    ca: Path | str | None, cert: Path | str | None, key: Path | str | None
) -> ssl.SSLContext:
    """Return what a client speaks TLS with. Raises ConfigError for bad files."""
    from collector.client.tls import client_context

    try:
        return client_context(ca, cert, key)
    except OSError as error:
        raise ConfigError("TLS", str(error)) from None
