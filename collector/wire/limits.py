"""Budgets of one decode; security limits, not tuning."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeLimits:
    """What one payload may cost. Each bound holds before memory is taken.

    max_operations: pickle opcodes carried out; JSON and MessagePack items read.
    max_items: values kept of containers and instances; what is beyond is cut off.
    max_depth: nesting kept of one attribute; what is deeper is cut off.
    max_text_bytes: memory that one payload's texts may take once decoded.
    """

    max_operations: int = 50_000
    max_items: int = 10_000
    max_depth: int = 64
    max_text_bytes: int = 48 * 1024 * 1024
