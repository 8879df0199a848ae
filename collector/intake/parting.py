"""The end of a connection that its peer does not expect: nothing sent is left behind.

SocketHandler sends small pieces with Nagle's algorithm on: while one piece is
not acknowledged, its kernel holds back what follows. As nothing is ever sent
back, our kernel acknowledges up to 40 ms late, so that a close at any moment
would lose all that a busy client has logged in 40 ms.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from typing import Final

# How long what a client's kernel holds back takes to come, once acknowledged.
HELD_BACK_SECONDS: Final = 0.02

# Pieces that come late are acknowledged at once so often.
ROUNDS: Final = 10

# As much as a connection may buffer; thousands of them end together.
MAX_REST_BYTES: Final = 256 * 1024

# Linux alone delays so, and has this.
_QUICK_ACK: Final[int | None] = getattr(socket, "TCP_QUICKACK", None)


async def draw_held_back(transport: asyncio.BaseTransport) -> None:
    """Have the peer's kernel send what it holds back; that is then read as ever."""
    for _ in range(ROUNDS):
        if _QUICK_ACK is None or transport.is_closing():
            return
        connected = transport.get_extra_info("socket")
        if connected.family == socket.AF_UNIX:
            return
        # An acknowledgement that is due goes out with this.
        with contextlib.suppress(OSError):
            connected.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)
        await asyncio.sleep(HELD_BACK_SECONDS / ROUNDS)


def take_rest(transport: asyncio.BaseTransport) -> None:
    """Give the protocol what the kernel has for us, and let the peer send no more.

    It comes as if the transport had read it. The peer's next piece is answered
    with a reset, so that a stock client connects anew.
    """
    # The descriptor of a closed one may be another's by now; a transport of
    # TLS would have to decrypt.
    if transport.is_closing() or transport.get_extra_info("ssl_object"):
        return
    pieces = []
    size = 0
    # The transport's own socket refuses to be read.
    descriptor = os.dup(transport.get_extra_info("socket").fileno())
    with socket.socket(fileno=descriptor) as connected:
        with contextlib.suppress(OSError):
            while size < MAX_REST_BYTES:
                piece = connected.recv(MAX_REST_BYTES - size, socket.MSG_DONTWAIT)
                if not piece:
                    break
                pieces.append(piece)
                size += len(piece)
        with contextlib.suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)
    protocol = transport.get_protocol()
    if pieces and isinstance(protocol, asyncio.Protocol):
        protocol.data_received(b"".join(pieces))
