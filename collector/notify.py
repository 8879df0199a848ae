"""systemd's notification protocol: ready, status, watchdog (sd_notify(3))."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import MutableMapping


class Notifier:
    """Sends state to the service manager; does nothing where there is none."""

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        address = environment.pop("NOTIFY_SOCKET", "")
        watchdog_pid = environment.pop("WATCHDOG_PID", "")
        watchdog = environment.pop("WATCHDOG_USEC", "")
        # A leading @ stands for Linux's abstract socket names.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog_seconds = 0.0
        """How often the service manager wants a sign of life; 0: never."""
        if watchdog.isdecimal() and watchdog_pid in ("", str(os.getpid())):
            self.watchdog_seconds = int(watchdog) / 1_000_000

    def send(self, state: str) -> None:
        """Send lines of VARIABLE=value. Errors are ignored, as libsystemd does."""
        if not self._address:
            return
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client,
        ):
            client.setblocking(False)
            client.sendto(state.encode(), self._address)
