"""What a header that is no acceptable length is taken for."""

from __future__ import annotations

import struct

import pytest

from collector.errors import FrameTooLarge, ProtocolError
from collector.wire.frames import HEADER_BYTES, frame_too_large, guess

MAX = 16 * 1024 * 1024


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (b"GET / HTTP/1.1\r\n", "HTTP request"),
        (b"POST / HTTP/1.1\r\n", "HTTP request"),
        (b"PUT / HTTP/1.1\r\n", "HTTP request"),
        (b"HEAD / HTTP/1.1\r\n", "HTTP request"),
        (b"OPTIONS * HTTP/1.1\r\n", "HTTP request"),
        (b"PRI * HTTP/2.0\r\n", "HTTP/2"),
        (b"\x16\x03\x01\x02\x00\x01", "TLS"),
        (b"\x16\x03\x03\x00\x85\x01", "TLS"),
        (b"SSH-2.0-OpenSSH_9\r\n", "SSH"),
        (b"<134>1 2026-01-01T00:00:00Z", "syslog"),
        (b'{"msg":"x"}\n', "JSON"),
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", "PROXY"),
        (b"\r\n\r\n\x00\r\nQUIT\n", "PROXY"),
        (struct.pack("<L", 548), "little-endian"),
        (struct.pack("<L", MAX), "little-endian"),
        (b"hello there", "text ('hell')"),
        (b"\xff\xff\xff\xff", "larger than is allowed"),
        (struct.pack(">L", MAX + 1), "larger than is allowed"),
    ],
)
def test_header_is_told_for_what_it_is(stream, words):
    """The bytes of other protocols are named to whoever reads the reject."""
    assert words in guess(stream[:HEADER_BYTES], MAX)


def test_error_names_length_limit_and_guess():
    """The error carries all that is needed to find the wrong client."""
    error = frame_too_large(b"GET ", MAX)
    assert isinstance(error, FrameTooLarge)
    assert isinstance(error, ProtocolError)
    assert error.reason == "frame_too_large"
    assert "1195725856" in error.detail
    assert str(MAX) in error.detail
    assert "HTTP" in error.detail


def test_every_header_gets_a_guess():
    """No header is beyond words, and the guess is short and printable."""
    for first in range(256):
        for rest in (b"\x00\x00\x00", b"\xff\xff\xff", b"\x1b[2", b"abc"):
            words = guess(bytes([first]) + rest, MAX)
            assert words.isprintable()
            assert 0 < len(words) < 80
