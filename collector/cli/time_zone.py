"""The time zone of this machine."""

from __future__ import annotations

from datetime import UTC, tzinfo


def local_zone() -> tzinfo:
    """Return this machine's time zone, with its changes of the clock."""
    import tzlocal

    try:
        return tzlocal.get_localzone()
    except Exception:  # noqa: BLE001 - whatever a strange TZ makes it raise
        return UTC
