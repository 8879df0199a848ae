"""A gate: who may come in by a listener, and how many are in."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from collector.addresses import Address, TcpAddress
from collector.intake.allow import Allowed
from collector.intake.limits import ConnectionLimits
from collector.intake.rates import PeerRates
from collector.intake.tls import ServerTls


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRules:
    """What a listener asks of its peers. `tls` None: they speak plain text.

    `has_table`: the settings have a table for it, not only the flat ones.
    """

    limits: ConnectionLimits
    allowed: Allowed
    tls: ServerTls | None
    has_table: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody may not come in: a word to count by, words for people."""

    reason: str
    detail: str


class Gate:
    """Decides who may come in by one listener, and counts who is in."""

    def __init__(self, address: Address, rules: GateRules) -> None:
        self._inside: Counter[str] = Counter()
        self._connections = 0
        # As the settings spell it, by which a reload finds its new rules.
        self.address = address
        self._rules = rules
        limits = rules.limits
        self.rates: Final = PeerRates(
            max_records_per_second=limits.max_records_per_second,
            max_bytes_per_second=limits.max_bytes_per_second,
        )

    @property
    def rules(self) -> GateRules:
        """What it asks of its peers; replaced at a reload."""
        return self._rules

    @rules.setter
    def rules(self, rules: GateRules) -> None:
        self._rules = rules
        limits = rules.limits
        self.rates.change(limits.max_records_per_second, limits.max_bytes_per_second)

    @property
    def connections(self) -> int:
        """How many have come in and not left."""
        return self._connections

    def refusal(self, peer: str, in_all: int = sys.maxsize) -> Refusal | None:
        """Return why this peer may not come in now; None: it may.

        What holds for all gates, `in_all` connections, the entrance sees to:
        there they wait, and are not refused.
        """
        if peer not in self.rules.allowed:
            return Refusal(
                "not_allowed", "its address is in no allowed network (allow)"
            )
        most = self.rules.limits.max_connections
        if most < in_all and self._connections >= most:
            return Refusal(
                "max_connections", f"{most} connections are open (max_connections)"
            )
        most = self.rules.limits.max_connections_per_peer
        if self._inside[peer] >= most:
            return Refusal(
                "max_connections_per_peer",
                f"it has {most} connections open (max_connections_per_peer)",
            )
        return None

    def enter(self, peer: str) -> None:
        """Count a peer's connection from now on."""
        self._connections += 1
        self._inside[peer] += 1

    def leave(self, peer: str) -> None:
        """Count it no more."""
        self._connections -= 1
        self._inside[peer] -= 1
        if not self._inside[peer]:
            del self._inside[peer]


def places(doors: Sequence[tuple[Address, Gate]]) -> dict[Gate, str]:
    """Return what messages add to a peer to tell by which gate it came.

    That is nothing if there is only one; else the address as the settings spell
    it, or as it really is where they leave the port open.
    """
    shown: dict[Gate, str] = {}
    for bound, gate in doors:
        address = gate.address
        if isinstance(address, TcpAddress) and not address.port:
            address = bound
        shown[gate] = f" (at {address})"
    return shown if len(shown) > 1 else dict.fromkeys(shown, "")
