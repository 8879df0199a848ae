"""Settings that only change when the service is started again."""

from __future__ import annotations

from typing import Final

from collector.listen_settings import fixed_part
from collector.settings import Settings

# What a running service can't change.
FIXED_SETTINGS: Final = (
    "host",
    "port",
    "socket_mode",
    "socket_group",
    "loop",
    "db",
    "search_index",
    "synchronous",
    "queue_high_records",
    "queue_high_bytes",
    "spool",
    "spool_max_bytes",
    "spool_reserve_bytes",
    "retention_reserve_bytes",
    "http_address",
    "http_token",
    "http_token_file",
    "http_allowed_hosts",
)


def fixed_changes(before: Settings, after: Settings) -> list[str]:
    """Return which settings differ and can't change while the service runs."""
    changed = [
        key for key in FIXED_SETTINGS if getattr(before, key) != getattr(after, key)
    ]
    if list(map(fixed_part, before.listen)) != list(map(fixed_part, after.listen)):
        changed.append("listen")
    return changed
