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

# Of what was never received whole, by the reason, why it can't be decoded.
_BEGINNING: Final = (
    "only its beginning had arrived, so it can't be stored; it has to be sent again"
)
NEVER_WHOLE: Final = {
    "frame_too_large": "only its length was read, and no payload that could be stored; "
    "if it was a record (its detail tells what it looks like), raise max_frame_bytes "
    "and have it sent again",
    "connection_lost": _BEGINNING,
    "frame_timeout": _BEGINNING,
    "stopped": _BEGINNING,
    "truncated": _BEGINNING,
}

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
        if (why := NEVER_WHOLE.get(reject.reason)) is not None:
            # Some bytes would be no record, of whatever they are the beginning.
            raise DecodeError(reject.reason, why)
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
