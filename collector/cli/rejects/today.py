"""What today's decoder makes of a payload that was rejected."""

from __future__ import annotations

import socket
from typing import Final

from collector.addresses import TcpAddress, is_loopback
from collector.cli.settings_file import read_settings
from collector.decoding import decode_limits
from collector.errors import DecodeError
from collector.record import Record, normalise
from collector.store.rejected import Kept
from collector.wire.decoder import Decoder

# Who has no address.
UNIX_PEER: Final = "unix"


class Today:
    """Decodes rejected payloads as a daemon with these settings would."""

    def __init__(self) -> None:
        self._decoder = Decoder(decode_limits(read_settings()))
        self._own_name = socket.gethostname()

    def record(self, reject: Kept, payload: bytes) -> Record:
        """Return the record that a payload holds, received when it came.

        Raises DecodeError where it can't be one.
        """
        if not reject.is_whole:
            raise DecodeError(
                "incomplete",
                f"only {reject.kept_bytes:,} of its {reject.payload_bytes:,} bytes "
                "are kept",
            )
        try:
            return normalise(
                self._decoder.decode(payload),
                received=reject.received,
                peer=reject.peer,
                hostname=self._hostname(reject.peer),
            )
        except DecodeError:
            raise
        except Exception as error:  # noqa: BLE001 - the daemon's own boundary: receiver.py
            raise DecodeError("internal_error", repr(error)) from None

    def _hostname(self, peer: str) -> str:
        local = peer == UNIX_PEER or is_loopback(TcpAddress(peer, 0))
        return self._own_name if local else peer
