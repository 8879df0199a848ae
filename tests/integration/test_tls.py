"""TLS: who is let in, who is not, and what is said of it."""

import contextlib
import logging
import os
import re
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority, tls_flags
from integration.daemon import PATIENCE_SECONDS, Daemon, environment
from integration.wire import numbered_frames, stock_frame

from collector import TLSSocketHandler

NO_LINGER = struct.pack("ii", 1, 0)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def secured(start_daemon: Any, loop_name: str, authority: Authority) -> Any:
    """Start a daemon whose listener speaks TLS; more settings by keyword."""

    def start(*flags: str, **settings: Any) -> Daemon:
        cert = authority.issue("server", "127.0.0.1", "localhost")
        daemon: Daemon = start_daemon(
            "--loop", loop_name, *tls_flags(cert, **settings), *flags
        )
        return daemon

    return start


def connect(daemon: Daemon, context: ssl.SSLContext) -> ssl.SSLSocket:
    """Return a connection after its handshake."""
    plain = socket.create_connection(("127.0.0.1", daemon.port), PATIENCE_SECONDS)
    return context.wrap_socket(plain, server_hostname="127.0.0.1")


def send(daemon: Daemon, context: ssl.SSLContext, *frames: bytes) -> None:
    """Send frames over a connection of their own, as far as the daemon lets us."""
    with contextlib.suppress(ConnectionError), connect(daemon, context) as client:
        client.sendall(b"".join(frames))


def is_hung_up(client: socket.socket) -> bool:
    """Wait until the other side has hung up, in whichever way."""
    try:
        return client.recv(1) == b""
    except (ssl.SSLError, ConnectionError):
        return True


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_records_come_by_tls(
    secured: Any, authority: Authority, version: ssl.TLSVersion
) -> None:
    """The handler delivers each record in order, by both versions of TLS."""
    daemon = secured()
    handler = TLSSocketHandler(
        "127.0.0.1",
        daemon.port,
        context=authority.client_context(version=version),
    )
    for number in range(1_000):
        record = logging.LogRecord("app", 20, "a.py", 1, "%d", (number,), None)
        handler.handle(record)
    handler.close()

    rows = daemon.wait_rows(1_000)
    assert [row["message"] for row in rows] == [str(n) for n in range(1_000)]
    assert {row["peer"] for row in rows} == {"127.0.0.1"}
    daemon.stop()
    assert "refus" not in daemon.stderr


def test_what_was_written_before_a_bare_close(
    secured: Any, authority: Authority
) -> None:
    """A client that never reads and closes without a farewell loses nothing."""
    daemon = secured()
    for start in range(0, 500, 50):
        with connect(daemon, authority.client_context()) as client:
            client.sendall(b"".join(numbered_frames("app", 50, start)))
            # As SocketHandler closes: no farewell, and what came is unread.

    rows = daemon.wait_rows(500)

    assert {row["message"] for row in rows} == {str(n) for n in range(500)}
    daemon.stop()
    assert daemon.count("rejects") == 0


def test_large_frames(secured: Any, authority: Authority) -> None:
    """Frames far larger than any buffer come whole, beside small ones."""
    daemon = secured()
    sizes = (5_000_000, 10, 700_000, 3_000_000, 20)
    send(
        daemon,
        authority.client_context(),
        *[stock_frame(f"{size}", filling="x" * size) for size in sizes],
    )

    rows = daemon.wait_rows(len(sizes))

    assert [row["message"] for row in rows] == [str(size) for size in sizes]


def test_frames_that_had_arrived_at_a_stop(secured: Any, authority: Authority) -> None:
    """What was sent before SIGTERM is stored, from connections that stay open."""
    daemon = secured()
    context = authority.client_context()
    clients = [connect(daemon, context) for _ in range(4)]
    for number, client in enumerate(clients):
        client.sendall(b"".join(numbered_frames(str(number), 500)))
    daemon.stop()

    assert daemon.count() == 2_000
    for client in clients:
        assert is_hung_up(client)
        client.close()


def test_half_a_frame_and_a_reset(secured: Any, authority: Authority) -> None:
    """After a reset the whole frames are kept; half of one becomes a reject."""
    daemon = secured()
    with connect(daemon, authority.client_context()) as client:
        client.sendall(stock_frame("whole") + stock_frame("half")[:60])
        daemon.wait_rows(1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)

    (reject,) = daemon.wait_rows(1, "rejects")
    assert reject["reason"] in {"connection_lost", "truncated"}
    assert daemon.count() == 1
    daemon.stop()


def test_silence_within_a_frame(secured: Any, authority: Authority) -> None:
    """A frame that does not go on is given up by TLS, too."""
    daemon = secured(frame_timeout_seconds=0.3)
    with connect(daemon, authority.client_context()) as client:
        client.sendall(stock_frame("whole") + stock_frame("half")[:60])
        assert is_hung_up(client)

    (reject,) = daemon.wait_rows(1, "rejects")
    assert reject["reason"] == "frame_timeout"
    assert daemon.count() == 1


def test_nonsense_after_the_handshake(secured: Any, authority: Authority) -> None:
    """A stream that breaks the rules of TLS ends, without its frames or a trace."""
    daemon = secured()
    client = connect(daemon, authority.client_context())
    client.sendall(stock_frame("before"))
    daemon.wait_rows(1)
    with socket.socket(fileno=client.detach()) as below:
        below.settimeout(PATIENCE_SECONDS)
        below.sendall(b"\x17\x03\x03\x00\x20" + b"nonsense" * 4)
        while below.recv(1000):
            pass

    send(daemon, authority.client_context(), stock_frame("another's"))
    rows = daemon.wait_rows(2)
    assert [row["message"] for row in rows] == ["before", "another's"]
    daemon.stop()


def test_a_client_certificate(secured: Any, authority: Authority) -> None:
    """With a CA for clients, one that has a certificate of it is let in."""
    daemon = secured(tls_client_ca=authority.ca)
    own = authority.issue("client", "web1.example")

    send(daemon, authority.client_context(own), stock_frame("known"))

    assert daemon.wait_rows(1)[0]["message"] == "known"
    daemon.stop()
    assert "refus" not in daemon.stderr


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("none", "it has no certificate"),
        ("another CA's", "its certificate is not accepted"),
        ("expired", "its certificate is not accepted: certificate has expired"),
    ],
)
def test_clients_that_are_not_let_in(
    secured: Any,
    authority: Authority,
    tmp_path: Path,
    version: ssl.TLSVersion,
    kind: str,
    words: str,
) -> None:
    """Without a good certificate nothing is stored, and the reason is said."""
    daemon = secured(tls_client_ca=authority.ca)
    own = {
        "none": None,
        "another CA's": Authority(tmp_path, "other").issue("client", "web1.example"),
        "expired": authority.issue("old", "web1.example", days=-1),
    }[kind]
    with contextlib.suppress(ssl.SSLError):
        send(daemon, authority.client_context(own, version), stock_frame("stranger"))
    daemon.wait_said("refusing the connection of 127.0.0.1: " + words)

    good = authority.issue("client", "web1.example")
    send(daemon, authority.client_context(good), stock_frame("known"))
    rows = daemon.wait_rows(1)
    assert [row["message"] for row in rows] == ["known"]
    daemon.stop()


@pytest.mark.parametrize(
    ("names", "common_name", "is_known"),
    [
        (["web1.example"], None, True),
        (["WEB1.Example"], None, True),
        (["web2.example"], None, False),
        (["x.web1.example"], None, False),
        (["ops@example.org"], None, True),
        (["10.0.0.7"], "batch", True),
        (["10.0.0.7"], "web1", False),
        (["*.example"], None, False),
    ],
)
def test_names_of_clients(
    secured: Any,
    authority: Authority,
    names: list[str],
    common_name: str | None,
    is_known: bool,
) -> None:
    """Only a certificate with one of the listed names is let in; no globs."""
    daemon = secured(
        *("--tls-client-names", "ops@example.org", "--tls-client-names", "batch"),
        tls_client_ca=authority.ca,
        tls_client_names="web1.example",
    )
    own = authority.issue("client", *names, common_name=common_name)
    with contextlib.suppress(ssl.SSLError):
        send(daemon, authority.client_context(own), stock_frame("hello"))

    if is_known:
        assert daemon.wait_rows(1)[0]["message"] == "hello"
    else:
        daemon.wait_said("which is not in tls_client_names")
        assert names[0].lower() in daemon.stderr or common_name in daemon.stderr
        daemon.stop()
        assert daemon.count() == 0


def test_a_client_that_does_not_trust_us(secured: Any, tmp_path: Path) -> None:
    """A client with another CA sends nothing, and its reason is told here."""
    daemon = secured()
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(daemon, Authority(tmp_path, "other").client_context())

    daemon.wait_said("it gave up, for the reason: unknown CA")
    daemon.stop()


def test_a_host_name_that_is_not_ours(secured: Any, authority: Authority) -> None:
    """A client that wants another name than the certificate's does not send."""
    daemon = secured()
    plain = daemon.connect()
    with pytest.raises(ssl.SSLCertVerificationError, match="is not valid for"):
        authority.client_context().wrap_socket(plain, server_hostname="other.example")


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (stock_frame("in the clear"), "a frame of plain text"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "an HTTP request"),
        (b"\0", "a frame of plain text"),
        (b"SSH-2.0-x\r\n", "an SSH client"),
    ],
)
def test_plain_text_where_tls_is_spoken(secured: Any, first: bytes, words: str) -> None:
    """What begins no TLS is named and hung up on with a reset, and not stored."""
    daemon = secured()
    with daemon.connect() as client:
        client.sendall(first)
        with pytest.raises(ConnectionResetError):
            client.recv(100)

    daemon.wait_said(f"this listener speaks TLS, and it sent what looks like {words}")
    daemon.stop()
    assert daemon.count() == daemon.count("rejects") == 0


def test_tls_where_plain_text_is_spoken(
    start_daemon: Any, loop_name: str, authority: Authority
) -> None:
    """A handshake to a plain listener is named in the reject."""
    daemon = start_daemon("--loop", loop_name)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        connect(daemon, authority.client_context())

    (reject,) = daemon.wait_rows(1, "rejects")
    assert "a TLS handshake; this listener speaks plain TCP" in reject["detail"]
    assert "a TLS handshake" in daemon.stderr


def test_a_silent_peer(secured: Any, authority: Authority) -> None:
    """A handshake that does not go on ends in time, and holds up nobody."""
    daemon = secured(tls_handshake_timeout_seconds=0.5)
    with daemon.connect() as silent, daemon.connect() as halting:
        halting.sendall(b"\x16\x03\x01\x02\x00\x01")
        send(daemon, authority.client_context(), stock_frame("beside"))
        daemon.wait_rows(1)
        assert is_hung_up(silent)
        assert is_hung_up(halting)

    daemon.wait_said("no TLS handshake within 0.5 s")
    daemon.stop()


def test_handshakes_count_as_connections(secured: Any) -> None:
    """Peers that never finish their handshake can't be more than connections may."""
    daemon = secured(max_connections_per_peer=3)
    waiting = [daemon.connect() for _ in range(3)]
    with daemon.connect() as fourth:
        assert is_hung_up(fourth)
    daemon.wait_said("it has 3 connections open (max_connections_per_peer)")
    # They do not hold up a stop, either.
    daemon.stop()
    for client in waiting:
        client.close()


def test_failures_are_not_said_one_by_one(secured: Any, authority: Authority) -> None:
    """A flood of failed handshakes is counted, and said once a second at most."""
    daemon = secured(tls_handshake_timeout_seconds=5)
    for _ in range(200):
        with daemon.connect() as client:
            client.sendall(b"\x16\x03\x01\x00\x05nonsense")
            assert is_hung_up(client) or client.recv(100) is not None
    send(daemon, authority.client_context(), stock_frame("end"))
    daemon.wait_rows(1)
    daemon.stop()

    assert 1 <= daemon.stderr.count("refusing") < 50


def test_a_port_scan(secured: Any) -> None:
    """Connections that bring nothing are not said, nor do they leave anything."""
    daemon = secured()
    for _ in range(50):
        daemon.connect().close()
    daemon.stop()

    assert len(daemon.stderr.splitlines()) == 2


def test_a_handshake_byte_by_byte(secured: Any) -> None:
    """The handshake in pieces of one byte works as in one."""
    daemon = secured()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    tls = context.wrap_bio(incoming, outgoing)
    with daemon.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def send_all() -> None:
            for byte in outgoing.read():
                client.send(bytes([byte]))

        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                send_all()
                incoming.write(client.recv(1))
            else:
                break
        tls.write(stock_frame("byte by byte"))
        send_all()
        assert daemon.wait_rows(1)[0]["message"] == "byte by byte"


def served_certificate(daemon: Daemon, authority: Authority) -> bytes:
    """Return the certificate that a new connection is shown."""
    with connect(daemon, authority.client_context()) as client:
        shown = client.getpeercert(binary_form=True)
        assert shown is not None
        return shown


def test_a_reload_takes_new_certificates(secured: Any, authority: Authority) -> None:
    """SIGHUP: new connections see the new certificate, open ones live on."""
    daemon = secured()
    before = served_certificate(daemon, authority)
    with connect(daemon, authority.client_context()) as client:
        client.sendall(stock_frame("before"))
        daemon.wait_rows(1)
        authority.issue("server", "127.0.0.1")
        daemon.send_signal(1)
        daemon.wait_said("settings reloaded")
        assert served_certificate(daemon, authority) != before
        client.sendall(stock_frame("after"))
        assert [r["message"] for r in daemon.wait_rows(2)] == ["before", "after"]


@pytest.mark.parametrize("fault", ["no PEM", "another's key", "missing"])
def test_a_reload_with_bad_certificates(
    secured: Any, authority: Authority, fault: str
) -> None:
    """SIGHUP with files that are no use keeps the old certificate, and says so."""
    daemon = secured()
    before = served_certificate(daemon, authority)
    cert, key = authority.issue("server", "127.0.0.1")
    if fault == "no PEM":
        cert.write_text("nonsense")
    elif fault == "missing":
        key.unlink()
    else:
        key.write_bytes(authority.issue("another", "x.example")[1].read_bytes())
    daemon.send_signal(1)
    daemon.wait_said("the old settings stay")

    assert str(cert if fault == "no PEM" else key) in daemon.stderr
    assert served_certificate(daemon, authority) == before
    send(daemon, authority.client_context(), stock_frame("goes on"))
    daemon.wait_rows(1)


def test_a_reload_takes_another_ca_and_names(
    start_daemon: Any, loop_name: str, authority: Authority, tmp_path: Path
) -> None:
    """SIGHUP: who may connect from then on, by CA and name, can change."""
    config = tmp_path / "config.toml"
    cert, key = authority.issue("server", "127.0.0.1")
    other = Authority(tmp_path, "other")
    base = f'tls_cert = "{cert}"\ntls_key = "{key}"\n'
    config.write_text(base + f'tls_client_ca = "{authority.ca}"')
    daemon = start_daemon("--loop", loop_name, "--config", str(config))
    first = authority.client_context(authority.issue("one", "one.example"))
    second = authority.client_context(other.issue("two", "two.example"))
    send(daemon, first, stock_frame("first"))
    daemon.wait_rows(1)
    config.write_text(
        base + f'tls_client_ca = "{other.ca}"\ntls_client_names = ["two.example"]'
    )
    daemon.send_signal(1)
    daemon.wait_said("settings reloaded")
    send(daemon, second, stock_frame("second"))
    daemon.wait_rows(2)
    with contextlib.suppress(ssl.SSLError):
        send(daemon, first, stock_frame("no more"))
    daemon.wait_said("its certificate is not accepted")
    config.write_text(
        base + f'tls_client_ca = "{other.ca}"\ntls_client_names = ["three.example"]'
    )
    daemon.send_signal(1)
    daemon.wait_said("settings reloaded", 2)
    with contextlib.suppress(ssl.SSLError):
        send(daemon, second, stock_frame("no more"))
    daemon.wait_said("its certificate is for two.example")
    daemon.stop()

    assert [row["message"] for row in daemon.rows()] == ["first", "second"]


def test_mistakes_in_certificates(start_daemon: Any, authority: Authority) -> None:
    """Each mistake ends the start with status 2 and names setting and file."""
    cert, key = map(str, authority.issue("server", "127.0.0.1"))
    other = str(authority.issue("other", "127.0.0.1")[1])
    ca, none = str(authority.ca), str(authority.ca.parent / "none.pem")
    cases = [
        (["--tls-cert", none, "--tls-key", key], f"tls_cert: {none}: cannot be read"),
        (["--tls-cert", cert, "--tls-key", none], f"tls_key: {none}: cannot be read"),
        (["--tls-cert", cert], f"tls_cert: {cert}: holds no private key"),
        (["--tls-cert", key], f"tls_cert: {key}: holds no certificate"),
        (["--tls-cert", cert, "--tls-key", ca], f"tls_key: {ca}: holds no private key"),
        (
            ["--tls-cert", cert, "--tls-key", other],
            f"tls_key: {other}: this key does not belong to the certificate in {cert}",
        ),
        (
            ["--tls-cert", cert, "--tls-key", key, "--tls-client-ca", key],
            f"tls_client_ca: {key}: holds no certificates",
        ),
        (["--tls-key", key], "tls_key: is of no use without tls_cert"),
        (["--tls-client-ca", ca], "tls_client_ca: is of no use without tls_cert"),
        (
            ["--tls-cert", cert, "--tls-key", key, "--tls-client-names", "x"],
            "tls_client_names: names can only be checked with tls_client_ca",
        ),
    ]
    for flags, words in cases:
        daemon = start_daemon(*flags, wait=False)
        assert daemon.wait_end() == 2, daemon.stderr
        assert words in daemon.stderr
        assert len(daemon.stderr.splitlines()) == 1, daemon.stderr
        assert not daemon.database.exists()


@pytest.mark.parametrize(
    ("days", "words"), [(-1, "certificate has expired"), (30, None)]
)
def test_an_expired_certificate_of_our_own(
    start_daemon: Any, authority: Authority, days: float, words: str | None
) -> None:
    """It is used, as clients may not mind, but a warning names the file."""
    cert = authority.issue("server", "127.0.0.1", days=days)
    daemon = start_daemon(*tls_flags(cert))

    said = f"warning: tls_cert: {cert[0]}: clients will refuse this certificate"
    assert (f"{said}: {words}" in daemon.stderr) == (words is not None)
    assert (said in daemon.stderr) == (words is not None)
    daemon.stop()


PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "listening.md"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_the_pages_example(start_daemon: Any, loop_name: str, tmp_path: Path) -> None:
    """The page's certificates, tables and client work together as they stand."""
    page = PAGE.read_text(encoding="utf-8")
    tables, commands, client = (
        page.partition(f"```{language}\n")[2].partition("```")[0]
        for language in ("toml", "bash", "python")
    )
    subprocess.run(
        ["sh", "-ec", commands], cwd=tmp_path, check=True, capture_output=True
    )
    tables = tables.replace("127.0.0.1:9020", "127.0.0.1:0")
    tables = tables.replace("0.0.0.0:9443", "127.0.0.1:0")
    tables = tables.replace("/run/logcollector", str(tmp_path))
    tables = tables.replace("www-data", str(os.getgid()))
    (tmp_path / "config.toml").write_text(tables)
    daemon = start_daemon(
        *("--loop", loop_name, "--config", "config.toml"), at_port=None
    )
    port = re.findall(r"listening on 127.0.0.1:(\d+)", daemon.stderr)[1]
    subprocess.run(
        [sys.executable, "-c", client.replace("9443", port)],
        cwd=tmp_path,
        env=environment(),
        check=True,
        timeout=PATIENCE_SECONDS,
    )

    assert daemon.wait_rows(1)[0]["message"] == "nobody reads this on its way"
    daemon.stop()
    assert "warning" not in daemon.stderr


def test_a_stop_under_load(secured: Any, authority: Authority) -> None:
    """What a busy client's kernel still held is decrypted too: no gap, no reject."""
    daemon = secured("--stop-timeout-seconds", "1")
    with connect(daemon, authority.client_context()) as client:

        def log() -> None:
            with contextlib.suppress(OSError):
                for frame in frames * 100:
                    client.sendall(frame)

        frames = [b"".join(numbered_frames("app", 100))] * 10
        busy = threading.Thread(target=log)
        busy.start()
        daemon.wait_rows(100)
        daemon.stop()
        busy.join(PATIENCE_SECONDS)

    stored = [row["message"] for row in daemon.rows()]
    assert stored == [str(n % 100) for n in range(len(stored))]
    reasons = {row["reason"] for row in daemon.rows("SELECT reason FROM rejects")}
    assert reasons <= {"stopped"}


def test_the_handler_tells_of_a_plain_listener(
    start_daemon: Any, authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    """A handler whose listener speaks no TLS says that its records are dropped."""
    daemon = start_daemon()
    handler = TLSSocketHandler("127.0.0.1", daemon.port, authority.ca)
    handler.send(stock_frame("lost"))
    handler.close()

    (line,) = capsys.readouterr().err.splitlines()
    assert f"records for 127.0.0.1:{daemon.port} are dropped" in line
    assert "may speak no TLS" in line


@pytest.mark.parametrize("records", [1, 2])
def test_the_handler_tells_of_a_name_that_is_not_allowed(
    secured: Any,
    authority: Authority,
    capsys: pytest.CaptureFixture[str],
    records: int,
) -> None:
    """A handler whose certificate has none of the names says so, by its close."""
    daemon = secured(tls_client_ca=authority.ca, tls_client_names="web1.example")
    certfile, keyfile = authority.issue("other", "web2.example")
    handler = TLSSocketHandler(
        "127.0.0.1", daemon.port, authority.ca, certfile=certfile, keyfile=keyfile
    )
    for _ in range(records):
        handler.send(stock_frame("lost"))
        daemon.wait_said("refusing the connection of 127.0.0.1")
    handler.close()

    (line,) = capsys.readouterr().err.splitlines()
    assert f"records for 127.0.0.1:{daemon.port} are dropped" in line
    assert "tls_client_names" in line


@pytest.mark.parametrize("records", [1, 5])
def test_the_handler_tells_that_a_certificate_is_wanted(
    secured: Any,
    authority: Authority,
    capsys: pytest.CaptureFixture[str],
    records: int,
) -> None:
    """A handler without a certificate says so by its close, however few it sent."""
    daemon = secured(tls_client_ca=authority.ca)
    for _ in range(5):
        handler = TLSSocketHandler("127.0.0.1", daemon.port, authority.ca)
        for _ in range(records):
            handler.send(stock_frame("lost"))
        handler.close()

        assert f"records for 127.0.0.1:{daemon.port} are dropped" in (
            capsys.readouterr().err
        )
    daemon.stop()
    assert daemon.count() == 0
