"""The policy of retention, made from the settings."""

from __future__ import annotations

from collector.setting_values import parse_age, parse_max_size
from collector.settings import Settings
from collector.store.retention import LEVEL_CLASSES, Policy


def retention_policy(settings: Settings) -> Policy:
    """Return what the settings say of how long, and how much, is kept."""
    ages = {name: getattr(settings, f"retention_{name}") for name in LEVEL_CLASSES}
    max_age, max_size = settings.retention_max_age, settings.retention_max_size
    return Policy(
        max_age_seconds=parse_age(max_age) if max_age else None,
        level_ages={name: parse_age(age) for name, age in ages.items() if age},
        max_bytes=parse_max_size(max_size) if max_size else None,
    )
