"""Peers: who is connected, and what their hosts are called."""

from __future__ import annotations

import asyncio
import socket
from collections import OrderedDict
from typing import Final

from collector.record import MAX_HOSTNAME_CHARS
from collector.storable import clean

UNIX_PEER: Final = "unix"

MAX_NAMES: Final = 4096
NAME_SECONDS: Final = 3600.0
LOOKUP_SECONDS: Final = 1.0

# Look-ups run in threads that can't be stopped: a silent name server must
# not take them all.
MAX_LOOKUPS: Final = 4


def peer_address(peername: object) -> str:
    """Return the address of a connection's peer, without its port.

    `peername` is what the transport says: (host, port, ...) for TCP, anything
    else for UNIX sockets.
    """
    if isinstance(peername, tuple) and peername:
        host = str(peername[0])
        # An IPv4 client of a dual-stack listener is the same peer.
        return host.removeprefix("::ffff:") if "." in host else host
    return UNIX_PEER


def is_local(peer: str) -> bool:
    """Tell whether a peer is this host itself."""
    return peer in (UNIX_PEER, "::1") or peer.startswith("127.")


class Hostnames:
    """Finds the names of peers by reverse DNS: cached, bounded, never for long.

    A peer whose name can't be found within a second is called by its address.
    """

    def __init__(self, *, resolve: bool) -> None:
        self._resolve = resolve
        self._own = clean(socket.gethostname())[:MAX_HOSTNAME_CHARS]
        self._names: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self.lookups = 0

    async def name(self, peer: str) -> str:
        """Return the host name of the peer with this address."""
        if is_local(peer):
            return self._own
        loop = asyncio.get_running_loop()
        known = self._names.get(peer)
        if known is not None and known[1] > loop.time():
            return known[0]
        if not self._resolve or self.lookups >= MAX_LOOKUPS:
            return peer
        lookup = loop.getnameinfo((peer, 0), socket.NI_NAMEREQD)
        task = asyncio.ensure_future(lookup)
        self.lookups += 1
        task.add_done_callback(self._looked_up)
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                # Shielded: its thread goes on anyway and is counted until then.
                name = clean((await asyncio.shield(task))[0])[:MAX_HOSTNAME_CHARS]
        except (OSError, TimeoutError, UnicodeError):
            name = peer
        self._names[peer] = (name, loop.time() + NAME_SECONDS)
        self._names.move_to_end(peer)
        if len(self._names) > MAX_NAMES:
            self._names.popitem(last=False)
        return name

    def _looked_up(self, task: asyncio.Future[tuple[str, str]]) -> None:
        self.lookups -= 1
        if not task.cancelled():
            # Marks the error as seen.
            task.exception()
