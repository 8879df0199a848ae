"""EncryptedStream: how a refusal is told from an end in peace."""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from certificates import Authority

from collector.client.encrypted import EncryptedStream

PATIENCE_SECONDS = 10


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def server_context(authority: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("server", "127.0.0.1"))
    return context


@pytest.fixture
def talk(
    authority: Authority, server_context: ssl.SSLContext
) -> Iterator[Callable[..., EncryptedStream]]:
    """Return a stream after its handshake, and start what its server does."""
    with contextlib.ExitStack() as stack:

        def start(
            serve: Callable[[ssl.SSLSocket], None],
            version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
        ) -> tuple[EncryptedStream, threading.Thread]:
            ours, theirs = pair()
            stack.callback(ours.close)
            stack.callback(theirs.close)

            def run() -> None:
                served = server_context.wrap_socket(
                    theirs, server_side=True, do_handshake_on_connect=False
                )
                with served:
                    try:
                        served.do_handshake()
                        serve(served)
                    except ssl.SSLError:
                        hang_up(served)

            thread = threading.Thread(target=run)
            thread.start()
            stack.callback(thread.join, PATIENCE_SECONDS)
            stream = EncryptedStream(
                ours,
                authority.client_context(version=version),
                PATIENCE_SECONDS,
                "127.0.0.1",
            )
            stream.shake_hands()
            return stream, thread

        yield start


def pair() -> tuple[socket.socket, socket.socket]:
    """Return both ends of a connection by TCP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    theirs.settimeout(PATIENCE_SECONDS)
    return ours, theirs


def hang_up(connection: socket.socket) -> None:
    """Close with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_talk_in_peace(
    talk: Callable[..., tuple[EncryptedStream, threading.Thread]],
    version: ssl.TLSVersion,
) -> None:
    """What was sent comes whole, and so does what is answered, up to the farewell."""
    data = b"x" * 300_000
    came = bytearray()

    def serve(connection: ssl.SSLSocket) -> None:
        while more := connection.recv(65536):
            came.extend(more)
        connection.sendall(b"thanks")
        connection.unwrap().close()

    stream, thread = talk(serve, version)
    assert not stream.has_ended()
    stream.sendall(data)
    stream.end()
    answer = b""
    while more := stream.hear(4):
        answer += more
    stream.wait_closed()
    thread.join(PATIENCE_SECONDS)

    assert (bytes(came), answer) == (data, b"thanks")


def test_a_refusal_comes_before_a_reset(
    talk: Callable[..., tuple[EncryptedStream, threading.Thread]],
    authority: Authority,
    server_context: ssl.SSLContext,
) -> None:
    """When sending fails, the reason is what was said before that."""
    server_context.verify_mode = ssl.CERT_REQUIRED
    server_context.load_verify_locations(authority.ca)
    stream, thread = talk(hang_up)
    thread.join(PATIENCE_SECONDS)

    with pytest.raises(ssl.SSLError) as raised:
        stream.sendall(b"record")
    assert raised.value.reason == "TLSV13_ALERT_CERTIFICATE_REQUIRED"


def test_a_farewell_and_then_a_reset(
    talk: Callable[..., tuple[EncryptedStream, threading.Thread]],
) -> None:
    """Who says farewell without having read all has not read it."""

    def serve(connection: ssl.SSLSocket) -> None:
        connection.settimeout(0)
        # It has not got the client's, or got a record instead.
        with contextlib.suppress(ssl.SSLError):
            connection.unwrap()
        arrived.wait(PATIENCE_SECONDS)
        hang_up(connection)

    arrived = threading.Event()
    stream, _ = talk(serve)
    stream.sendall(b"record")
    stream.end()
    while stream.hear(1):
        pass
    arrived.set()
    with pytest.raises(ConnectionError):
        stream.wait_closed()


def test_it_ends_when_the_time_is_over(
    talk: Callable[..., tuple[EncryptedStream, threading.Thread]],
) -> None:
    """Nothing waits longer than was allowed."""
    release = threading.Event()
    stream, _ = talk(lambda _: release.wait(PATIENCE_SECONDS))
    stream.end()
    stream.allow(0.05)
    with pytest.raises(TimeoutError):
        stream.hear(1)
    release.set()
