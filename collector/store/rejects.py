"""Rejects: what a peer sent and could not be stored as a record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# How much of a rejected payload is kept to look into.
MAX_PAYLOAD_BYTES: Final = 64 * 1024

# The peer of what was rejected by an import.
IMPORT_PEER: Final = "import"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """A payload that was refused.

    received: epoch seconds. peer: the sender's address. reason: a short fixed
    word. detail: for people. payload: the first 64 KiB. payload_bytes: its
    whole length.
    """

    received: float
    peer: str
    reason: str
    detail: str
    payload: bytes
    payload_bytes: int


def make_reject(
    payload: bytes, *, received: float, peer: str, reason: str, detail: str
) -> Reject:
    """Make a Reject that keeps the beginning of `payload`."""
    return Reject(
        received=received,
        peer=peer,
        reason=reason,
        # A detail may quote the payload, in whatever it holds.
        detail=detail.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0"),
        payload=bytes(payload[:MAX_PAYLOAD_BYTES]),
        payload_bytes=len(payload),
    )
