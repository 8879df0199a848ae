"""TLSSocketHandler: the stock handler over TLS, and what it does when that fails."""

import contextlib
import logging
import logging.config
import logging.handlers
import os
import pickle
import re
import signal
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority
from late_server import refuse_late

from collector import TLSSocketHandler

PATIENCE_SECONDS = 10


class Peer:
    """A server that speaks TLS and takes one connection at a time."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE_SECONDS)
        self.port: int = self.listener.getsockname()[1]

    def accept(self) -> ssl.SSLSocket:
        plain, _ = self.listener.accept()
        plain.settimeout(PATIENCE_SECONDS)
        return self.context.wrap_socket(plain, server_side=True)

    def take(self, then: Callable[[ssl.SSLSocket], Any]) -> "Taking":
        """Accept in a thread, and do something with the connection there."""
        return Taking(lambda: then(self.accept()))


class Taking:
    """What a thread does, and its result."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._result: Any = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:
            self._error = error

    def result(self) -> Any:
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()
        if self._error is not None:
            raise self._error
        return self._result


def read_record(connection: ssl.SSLSocket) -> dict[str, Any]:
    """Return the next record; it was made by this very process."""
    (length,) = struct.unpack(">L", read_bytes(connection, 4))
    attributes: dict[str, Any] = pickle.loads(read_bytes(connection, length))
    return attributes


def read_bytes(connection: ssl.SSLSocket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        assert more, "the client hung up"
        data += more
    return data


def read_all(connection: ssl.SSLSocket) -> list[dict[str, Any]]:
    """Return all records until the client says farewell."""
    records = []
    with connection:
        while True:
            first = connection.recv(1)
            if not first:
                # Answers the farewell.
                connection.unwrap()
                return records
            (length,) = struct.unpack(">L", first + read_bytes(connection, 3))
            records.append(pickle.loads(read_bytes(connection, length)))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def peer(authority: Authority) -> Iterator[Peer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("server", "127.0.0.1"))
    made = Peer(context)
    yield made
    made.listener.close()


def record(message: str = "hello") -> logging.LogRecord:
    return logging.LogRecord("app", logging.INFO, "a.py", 7, message, None, None)


def test_frames_are_the_standard_librarys(peer: Peer, authority: Authority) -> None:
    """What is sent is, byte for byte, what SocketHandler makes of a record."""
    stock = logging.handlers.SocketHandler("127.0.0.1", 1)
    one = record("the same")
    frame = stock.makePickle(one)
    taking = peer.take(lambda c: (read_bytes(c, len(frame)), c.close()))
    handler = TLSSocketHandler("127.0.0.1", peer.port, authority.ca)
    handler.handle(one)

    assert taking.result()[0] == frame
    assert isinstance(handler, logging.handlers.SocketHandler)
    assert TLSSocketHandler.makePickle is logging.handlers.SocketHandler.makePickle
    handler.close()


@pytest.mark.parametrize(
    "name", ["collector.TLSSocketHandler", "collector.client.tls.TLSSocketHandler"]
)
def test_in_a_dictionary(peer: Peer, authority: Authority, name: str) -> None:
    """dictConfig makes the handler by its dotted name, with files as texts."""
    taking = peer.take(read_all)
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {
                "collector": {
                    "class": name,
                    "host": "127.0.0.1",
                    "port": peer.port,
                    "cafile": str(authority.ca),
                }
            },
            "loggers": {"in.a.dictionary": {"handlers": ["collector"], "level": 10}},
        }
    )
    logger = logging.getLogger("in.a.dictionary")
    logger.info("by %s", "name")
    (handler,) = logger.handlers
    logger.removeHandler(handler)
    handler.close()

    assert [one["msg"] for one in taking.result()] == ["by name"]


def test_a_close_waits_until_all_is_read(peer: Peer, authority: Authority) -> None:
    """Closing says farewell, and the server's tickets do not make it a reset."""
    # TLS 1.3 servers send tickets that a client which never reads leaves unread.
    peer.context.num_tickets = 5
    for _ in range(5):
        taking = peer.take(read_all)
        handler = TLSSocketHandler("127.0.0.1", peer.port, authority.ca)
        for number in range(200):
            handler.handle(record(str(number)))
        handler.close()
        assert [one["msg"] for one in taking.result()] == [str(n) for n in range(200)]


def test_a_close_does_not_wait_for_ever(peer: Peer, authority: Authority) -> None:
    """A server that does not answer the farewell is left after a second."""
    release = threading.Event()
    taking = peer.take(lambda c: (release.wait(PATIENCE_SECONDS), c.close()))
    handler = TLSSocketHandler("127.0.0.1", peer.port, authority.ca)
    handler.handle(record())
    closing = Taking(handler.close)
    closing.result()
    release.set()
    taking.result()
    assert handler.sock is None


def test_a_server_that_has_hung_up(peer: Peer, authority: Authority) -> None:
    """The next record after a restart goes to the new server, and none is lost."""
    first = peer.take(lambda c: (read_record(c), c.close()))
    handler = TLSSocketHandler("127.0.0.1", peer.port, authority.ca)
    # A connection that lived shorter than this is not made again at once.
    handler.retryStart = 0
    handler.handle(record("one"))
    assert first.result()[0]["msg"] == "one"

    second = peer.take(read_all)
    handler.handle(record("two"))
    handler.close()

    assert [one["msg"] for one in second.result()] == ["two"]


def test_no_server(authority: Authority, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a server records are dropped silently, as by the stock handler."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    handler = TLSSocketHandler("127.0.0.1", port, authority.ca)
    for _ in range(3):
        handler.handle(record())
    handler.close()

    assert handler.retryTime is not None
    assert capsys.readouterr().err == ""


def test_a_certificate_of_another_ca(
    peer: Peer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Records for a server that is not trusted are dropped, which is said once."""
    handler = TLSSocketHandler("127.0.0.1", peer.port, Authority(tmp_path, "other").ca)
    for _ in range(2):
        taking = peer.take(lambda c: c)
        handler.retryTime = None
        handler.handle(record())
        with pytest.raises(ssl.SSLError):
            taking.result()
    handler.close()

    (line,) = capsys.readouterr().err.splitlines()
    assert f"records for 127.0.0.1:{peer.port} are dropped" in line
    assert "its certificate is not accepted: unable to get local issuer" in line


def test_another_host_name(
    peer: Peer, authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    """The certificate must be for the host, or for server_hostname where given."""
    taking = peer.take(read_all)
    handler = TLSSocketHandler(
        "127.0.0.1", peer.port, authority.ca, server_hostname="logs.example"
    )
    handler.handle(record())
    handler.close()
    with pytest.raises((ssl.SSLError, AssertionError)):
        taking.result()

    assert "match" in capsys.readouterr().err or handler.sock is None


def test_a_client_that_is_refused_does_not_insist(
    peer: Peer, authority: Authority
) -> None:
    """Refused after the handshake, it does not shake hands for each record."""
    peer.context.verify_mode = ssl.CERT_REQUIRED
    peer.context.load_verify_locations(authority.ca)
    handler = TLSSocketHandler("127.0.0.1", peer.port, authority.ca)
    taking = peer.take(lambda c: c)
    handler.handle(record("one"))
    with pytest.raises(ssl.SSLError):
        taking.result()
    for number in range(50):
        handler.handle(record(str(number)))
    peer.listener.settimeout(0)
    with pytest.raises(BlockingIOError):
        peer.listener.accept()
    handler.close()


def test_a_client_certificate(peer: Peer, authority: Authority) -> None:
    """A client's own certificate is shown to a server that asks for one."""
    peer.context.verify_mode = ssl.CERT_REQUIRED
    peer.context.load_verify_locations(authority.ca)
    cert, key = authority.issue("client", "web1.example")
    taking = peer.take(lambda c: (c.getpeercert(), read_all(c)))
    handler = TLSSocketHandler(
        "127.0.0.1", peer.port, str(authority.ca), certfile=cert, keyfile=key
    )
    handler.handle(record("known"))
    handler.close()

    certificate, records = taking.result()
    assert ("DNS", "web1.example") in certificate["subjectAltName"]
    assert [one["msg"] for one in records] == ["known"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_has_a_connection_of_its_own(
    peer: Peer, authority: Authority
) -> None:
    """After a fork both processes go on, each over a stream of its own."""
    first = peer.take(read_all)
    handler = TLSSocketHandler("127.0.0.1", peer.port, authority.ca)
    handler.handle(record("before"))
    child = os.fork()
    if child == 0:
        # Nothing of the test run may happen in the child.
        signal.alarm(PATIENCE_SECONDS)
        handler.handle(record("child"))
        handler.close()
        os._exit(0)
    second = peer.take(read_all)
    assert [one["msg"] for one in second.result()] == ["child"]
    assert os.waitpid(child, 0)[1] == 0
    handler.handle(record("parent"))
    handler.close()

    assert [one["msg"] for one in first.result()] == ["before", "parent"]


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line on stderr."""
    (line,) = capsys.readouterr().err.splitlines()
    return line


def hang_up(connection: socket.socket) -> None:
    """Close with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_a_server_without_tls(
    authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server that hangs up on a handshake is told of, once."""
    with socket.create_server(("127.0.0.1", 0)) as plain:
        plain.settimeout(PATIENCE_SECONDS)
        port = plain.getsockname()[1]
        handler = TLSSocketHandler("127.0.0.1", port, authority.ca)
        for _ in range(2):
            taking = Taking(lambda: hang_up(plain.accept()[0]))
            handler.retryTime = None
            handler.handle(record())
            taking.result()
        handler.close()

    line = said(capsys)
    assert f"records for 127.0.0.1:{port} are dropped: it hung up during" in line
    assert "may speak no TLS" in line


def test_a_server_that_never_answers(
    authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    """A handshake that is not answered in time is told of."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        handler = TLSSocketHandler("127.0.0.1", port, authority.ca)
        handler.handle(record())
        handler.close()

    assert "does not answer the TLS handshake" in said(capsys)


@pytest.mark.parametrize("records", [1, 3])
def test_a_server_that_resets_after_the_handshake(
    peer: Peer,
    authority: Authority,
    capsys: pytest.CaptureFixture[str],
    records: int,
) -> None:
    """Refused by its name, a client tells so, be it at the close."""
    peer.context.num_tickets = 0
    taking = peer.take(hang_up)
    handler = TLSSocketHandler("127.0.0.1", peer.port, authority.ca)
    for number in range(records):
        handler.handle(record(str(number)))
        taking.result()
    handler.close()

    line = said(capsys)
    assert "hung up right after the TLS handshake" in line
    assert "tls_client_names" in line


@pytest.mark.parametrize("records", [1, 3])
def test_a_refusal_that_comes_after_the_farewell(
    peer: Peer,
    authority: Authority,
    capsys: pytest.CaptureFixture[str],
    records: int,
) -> None:
    """A close waits for what the server thinks of the certificate, and says it."""
    ask_for_certificates(peer, authority)
    taking = Taking(lambda: refuse_late(peer.listener.accept()[0], peer.context))
    handler = TLSSocketHandler("127.0.0.1", peer.port, authority.ca)
    for number in range(records):
        handler.handle(record(str(number)))
    handler.close()
    taking.result()

    line = said(capsys)
    assert f"records for 127.0.0.1:{peer.port} are dropped: " in line
    assert "alert certificate required" in line


@pytest.mark.parametrize("records", [1, 2])
def test_a_refusal_that_comes_before_the_next_call(
    peer: Peer,
    authority: Authority,
    capsys: pytest.CaptureFixture[str],
    records: int,
) -> None:
    """A certificate that is missing is said by the next record, or the close."""
    ask_for_certificates(peer, authority)
    taking = peer.take(lambda c: c)
    handler = TLSSocketHandler("127.0.0.1", peer.port, authority.ca)
    for number in range(records):
        handler.handle(record(str(number)))
        with pytest.raises(ssl.SSLError):
            taking.result()
    if records == 1:
        handler.close()

    assert "records for 127.0.0.1" in said(capsys)
    handler.close()


def test_the_farewell_is_waited_for_a_second_at_most(
    peer: Peer, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that talks on after the farewell does not hold up the close."""
    monkeypatch.setattr("collector.client.tls.CLOSE_SECONDS", 0.05)

    def talk_on(connection: ssl.SSLSocket) -> None:
        with connection, contextlib.suppress(OSError):
            while True:
                connection.sendall(b"more" * 1000)

    taking = peer.take(talk_on)
    handler = TLSSocketHandler("127.0.0.1", peer.port, authority.ca)
    handler.handle(record())
    Taking(handler.close).result()
    taking.result()


def ask_for_certificates(peer: Peer, authority: Authority) -> None:
    """Have the peer want a client's certificate."""
    peer.context.verify_mode = ssl.CERT_REQUIRED
    peer.context.load_verify_locations(authority.ca)


@pytest.mark.parametrize("farewell", [True, False])
def test_a_server_that_stops(
    peer: Peer,
    authority: Authority,
    capsys: pytest.CaptureFixture[str],
    farewell: bool,
) -> None:
    """A connection that ends in peace is nothing to tell of, however short."""
    peer.context.num_tickets = 0

    def stop(connection: ssl.SSLSocket) -> None:
        read_record(connection)
        if farewell:
            connection.settimeout(0)
            with contextlib.suppress(ssl.SSLWantReadError):
                connection.unwrap()
        connection.close()

    taking = peer.take(stop)
    handler = TLSSocketHandler("127.0.0.1", peer.port, authority.ca)
    handler.handle(record())
    taking.result()
    handler.close()

    assert capsys.readouterr().err == ""


def test_mistakes_are_told_at_once(authority: Authority, tmp_path: Path) -> None:
    """Files that can't be used, and arguments that don't fit, raise where made."""
    context = authority.client_context()
    with pytest.raises(ValueError, match="either context or"):
        TLSSocketHandler("127.0.0.1", 1, authority.ca, context=context)
    with pytest.raises(ValueError, match="without certfile"):
        TLSSocketHandler("127.0.0.1", 1, keyfile=authority.ca)
    with pytest.raises(ValueError, match="UNIX socket"):
        TLSSocketHandler("/run/logs.sock", None, authority.ca)


def test_files_are_named_in_errors(authority: Authority, tmp_path: Path) -> None:
    """Which file is missing, odd or does not fit is told."""
    cert, key = authority.issue("client", "web1.example")
    _, other = authority.issue("other", "web2.example")
    none, odd = tmp_path / "none.pem", tmp_path / "odd.pem"
    odd.write_text("nonsense")

    def made(**files: Path) -> None:
        TLSSocketHandler("127.0.0.1", 1, **files)

    for files in (
        {"cafile": none},
        {"cafile": authority.ca, "certfile": none},
        {"cafile": authority.ca, "certfile": cert, "keyfile": none},
    ):
        with pytest.raises(FileNotFoundError, match=re.escape(str(none))) as missing:
            made(**files)
        # One error is shown, not two.
        assert missing.value.__suppress_context__
    with pytest.raises(IsADirectoryError, match=re.escape(str(tmp_path))):
        made(cafile=tmp_path)
    for files in (
        {"cafile": odd},
        {"cafile": authority.ca, "certfile": odd, "keyfile": key},
        {"cafile": authority.ca, "certfile": cert, "keyfile": odd},
    ):
        with pytest.raises(ssl.SSLError, match=f"{re.escape(str(odd))}.*PEM"):
            made(**files)
    with pytest.raises(ssl.SSLError) as raised:
        made(cafile=authority.ca, certfile=cert, keyfile=other)
    assert f"{other}: this key does not belong to the certificate in {cert}" in str(
        raised.value
    )
