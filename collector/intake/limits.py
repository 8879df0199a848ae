"""Limits: what the peers of a listener may do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """What peers may do."""

    max_frame_bytes: int
    max_connections: int
    max_connections_per_peer: int
    frame_timeout_seconds: float
    # 0: no limit.
    max_records_per_second: int = 0
    max_bytes_per_second: int = 0
    tcp_keepalive_seconds: int = 90
