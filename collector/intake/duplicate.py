"""Duplicates of listening sockets, which can be closed without closing those."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, MutableMapping
from typing import Any

from collector.intake.sockets import BACKLOG


class Duplicate(socket.socket):
    """A duplicate of a listening socket, of which asyncio accepts one by one.

    asyncio's own loop takes one number for both the queue's length and how many
    it accepts before it looks at anything else, and makes a connection of what
    it has accepted only later. uvloop does neither, and calls none of these.
    """

    def __init__(
        self,
        bound: socket.socket,
        has_room: Callable[[], bool],
        coming: MutableMapping[int, socket.socket],
    ) -> None:
        super().__init__(fileno=os.dup(bound.fileno()))
        self._has_room = has_room
        self._coming = coming

    def listen(self, backlog: int = BACKLOG, /) -> None:  # noqa: ARG002
        """Listen with as long a queue as ever, whatever number is given."""
        super().listen(BACKLOG)

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept one, and note that it is coming.

        Raises BlockingIOError when nobody waits, or there is no room.
        """
        if not self._has_room():
            raise BlockingIOError
        accepted, address = super().accept()
        self._coming[accepted.fileno()] = accepted
        return accepted, address
