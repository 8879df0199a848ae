"""Segments: files of spooled frames, one after the other, each with checksums.

A frame on disk is a header, the peer, the host name and the payload:

    bytes of what follows the header       4, big-endian
    CRC-32 of what follows the header      4
    time of receipt, epoch seconds         8, a double
    bytes of the peer, of the host name    2, 2
    CRC-32 of the header up to here        4

A segment begins with MAGIC (8 bytes), the number of a batch and the offset behind
its frames (8, 8): those may be in the database already, if its last batch has
that number (0: none). It may end in the beginning of a frame, or in zeros, when
the machine died; anything else that is no frame is damage.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Final

MAGIC: Final = b"LCspool1"

_START: Final = struct.Struct(">8sQQ")
START_BYTES: Final = _START.size

_FIELDS: Final = struct.Struct(">IIdHH")
_CHECKSUM: Final = struct.Struct(">I")
HEADER_BYTES: Final = _FIELDS.size + _CHECKSUM.size

_MAX_NAME_BYTES: Final = 0xFFFF


@dataclass(frozen=True, slots=True)
class SpooledFrame:
    """A payload as it came; `received` is the epoch second of its receipt."""

    payload: bytes
    received: float
    peer: str
    hostname: str


@dataclass(slots=True)
class Piece:
    """What stands in a piece of a segment.

    frames: the whole and sound ones, each with the offset behind it in the
    piece. end: how far it could be read. needed: how many bytes the frame at
    `end` takes, as far as its header tells (0: not known, or nothing there).
    bad_frames: how many were skipped because their checksum is wrong.
    damaged: at `end` stands what is no frame, and nothing behind it can be read.
    """

    frames: list[tuple[SpooledFrame, int]]
    end: int = 0
    needed: int = 0
    bad_frames: int = 0
    damaged: bool = False


def segment_start(batch: int, batch_end: int) -> bytes:
    """Return what a segment begins with."""
    return _START.pack(MAGIC, batch, batch_end)


def read_segment_start(data: bytes) -> tuple[int, int] | None:
    """Return the batch and the offset behind its frames; None: it is no segment."""
    if len(data) < START_BYTES:
        # Cut off before the first frame.
        return (0, 0) if MAGIC.startswith(data[: len(MAGIC)]) else None
    magic, batch, batch_end = _START.unpack(data[:START_BYTES])
    return (batch, batch_end) if magic == MAGIC else None


def encoded(payload: bytes, received: float, peer: str, hostname: str) -> bytes:
    """Return a frame as it stands in a segment."""
    sender = peer.encode("utf-8", "replace")[:_MAX_NAME_BYTES]
    host = hostname.encode("utf-8", "replace")[:_MAX_NAME_BYTES]
    body = b"".join((sender, host, payload))
    fields = _FIELDS.pack(len(body), zlib.crc32(body), received, len(sender), len(host))
    return b"".join((fields, _CHECKSUM.pack(zlib.crc32(fields)), body))


def decoded(data: bytes) -> Piece:
    """Read the frames of a piece of a segment that begins where a frame does."""
    piece = Piece([])
    view = memoryview(data)
    while piece.end + HEADER_BYTES <= len(view):
        start = piece.end + HEADER_BYTES
        fields = view[piece.end : start - _CHECKSUM.size]
        (checksum,) = _CHECKSUM.unpack_from(view, start - _CHECKSUM.size)
        if zlib.crc32(fields) != checksum:
            # What a file system had promised and not written reads as zeros.
            piece.damaged = any(view[piece.end :])
            break
        size, body_checksum, received, peer_bytes, host_bytes = _FIELDS.unpack(fields)
        if peer_bytes + host_bytes > size:
            piece.damaged = True
            break
        if start + size > len(view):
            piece.needed = HEADER_BYTES + size
            break
        body = view[start : start + size]
        piece.end = start + size
        if zlib.crc32(body) != body_checksum:
            piece.bad_frames += 1
            continue
        frame = SpooledFrame(
            payload=bytes(body[peer_bytes + host_bytes :]),
            received=received,
            peer=str(body[:peer_bytes], "utf-8", "replace"),
            hostname=str(
                body[peer_bytes : peer_bytes + host_bytes], "utf-8", "replace"
            ),
        )
        piece.frames.append((frame, piece.end))
    return piece
