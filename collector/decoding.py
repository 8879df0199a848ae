"""The budgets of a decode, made from the settings."""

from __future__ import annotations

from collector.settings import Settings
from collector.wire.limits import DecodeLimits


def decode_limits(settings: Settings) -> DecodeLimits:
    """Return the budgets of one decode."""
    return DecodeLimits(
        max_operations=settings.decode_max_operations,
        max_items=settings.decode_max_items,
        max_depth=settings.decode_max_depth,
        max_text_bytes=settings.decode_max_text_bytes,
    )
