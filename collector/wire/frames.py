"""Frames: a 4-byte big-endian length, then that many bytes of payload.

This is what `logging.handlers.SocketHandler` sends. No I/O here: the
connection reads, these functions decide.
"""

from __future__ import annotations

from typing import Final

from collector.errors import FrameTooLarge

HEADER_BYTES: Final = 4

# What a first header that is no length most often is. Shown to people only.
_FOREIGN_STARTS: Final = (
    (b"\x16\x03", "a TLS handshake; this listener speaks plain TCP"),
    (b"GET ", "an HTTP request"),
    (b"POST", "an HTTP request"),
    (b"PUT ", "an HTTP request"),
    (b"HEAD", "an HTTP request"),
    (b"OPTI", "an HTTP request"),
    (b"PRI ", "an HTTP/2 request"),
    (b"SSH-", "an SSH client"),
    (b"PROX", "a PROXY protocol header"),
    (b"\r\n\r\n", "a PROXY protocol header"),
    (b"<", "a syslog message"),
    (b"{", "JSON without a length prefix"),
)


def split_frames(data: bytes) -> tuple[list[bytes], bytes]:
    """Return the payloads of the whole frames in `data`, and what is behind them."""
    payloads = []
    start = 0
    while len(data) - start >= HEADER_BYTES:
        begin = start + HEADER_BYTES
        end = begin + int.from_bytes(data[start:begin], "big")
        if end > len(data):
            break
        payloads.append(data[begin:end])
        start = end
    return payloads, data[start:]


def frame_too_large(header: bytes, max_frame_bytes: int) -> FrameTooLarge:
    """Return the error for a header whose length is over the limit.

    As the stream can't be trusted any more, it says what the bytes look like.
    """
    return FrameTooLarge(
        f"a length of {int.from_bytes(header, 'big')} bytes is over the limit of "
        f"{max_frame_bytes}; it looks like {guess(header, max_frame_bytes)}"
    )


def guess(header: bytes, max_frame_bytes: int) -> str:
    """Say what a header that is no acceptable length looks like."""
    for start, name in _FOREIGN_STARTS:
        if header.startswith(start):
            return name
    if 0 < int.from_bytes(header, "little") <= max_frame_bytes:
        return "a little-endian length"
    if all(32 <= byte < 127 or byte in b"\t\r\n" for byte in header):
        return f"text ({header.decode('ascii')!r})"
    return "a frame larger than is allowed here"


def framed(payload: bytes) -> bytes:
    """Return a payload with its length before it."""
    return len(payload).to_bytes(HEADER_BYTES, "big") + payload
