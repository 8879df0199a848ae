"""Which networks may connect."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from collector.intake.peers import UNIX_PEER
from collector.listen_settings import Network


class Allowed:
    """The networks that may connect; none means all.

    UNIX sockets have modes instead: their peers are always allowed.
    """

    def __init__(self, networks: Sequence[Network]) -> None:
        self._networks = tuple(networks)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def __contains__(self, peer: str) -> bool:
        """Tell whether the peer with this address may connect."""
        if not self._networks or peer == UNIX_PEER:
            return True
        address = ipaddress.ip_address(peer)
        return any(address in network for network in self._networks)
