"""`logcollector replay`: what a receiver gets, and what is told of it."""

import contextlib
import logging
import pickle
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest
from certificates import Authority
from integration.daemon import COMMAND, environment, until
from late_server import refuse_late

from collector.cli import outlet, replay


class Receiver:
    """A receiver as in the logging cookbook, which keeps what it gets."""

    def __init__(self, server):
        self._server = server
        self.records = []
        self.connections = 0
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            with client, client.makefile("rb") as stream:
                while len(header := stream.read(4)) == 4:
                    payload = stream.read(int.from_bytes(header, "big"))
                    self.records.append(logging.makeLogRecord(pickle.loads(payload)))

    @property
    def messages(self):
        return [record.getMessage() for record in self.records]

    def close(self):
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(10)


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield one


@pytest.fixture
def receiver(server):
    one = Receiver(server)
    yield one
    one.close()


@pytest.fixture
def address(server):
    return f"127.0.0.1:{server.getsockname()[1]}"


def test_a_stock_receiver_reads_it(run, fill, receiver, address):
    """The cookbook's receiver formats them as if their programs had sent them."""
    database = fill(
        {
            "message": "100 %s",
            "exc_text": "Traceback",
            "extra": '{"user":{"id":1}}',
            "taskName": "Task-1",
        },
        {"message": "m %s", "extra": '{"args":["x"],"getMessage":1,"_repaired":{}}'},
    )
    result = run("replay", "--db", database, "--to", address)

    assert (result.exit_code, result.stdout) == (0, ""), result.output
    assert result.stderr.startswith("2 records sent in ")
    one, other = receiver.records
    text = logging.Formatter("%(name)s %(process)d %(msecs)03d %(message)s").format(one)
    assert text == "myapp.db 4242 250 100 %s\nTraceback"
    assert one.relativeCreated == pytest.approx(999_750)
    assert (one.args, one.exc_info, one.user) == (None, None, {"id": 1})
    assert (one.hostname, one.taskName) == ("web1", "Task-1")
    assert other.getMessage() == "m %s"
    assert (other._args, other._getMessage, other._repaired) == (["x"], 1, {})
    assert not hasattr(other, "peer")


def test_what_is_not_known_is_not_made_up(run, fill, receiver, address):
    """A process whose start is not known has no relative time; odd extras stay."""
    run("replay", "--db", fill({"started": 0.0, "extra": "no JSON"}), "--to", address)

    [one] = receiver.records
    assert one.relativeCreated != 0
    assert one.extra == "no JSON"


def test_only_what_is_asked_for(run, fill, receiver, address):
    """Queries, filters, ids and a limit choose; the order is that of ids."""
    database = fill(
        *({"message": str(n), "name": "a" if n < 7 else "b"} for n in range(9))
    )
    result = run(
        *("replay", "--db", database, "--to", address),
        *("--after", "2", "--limit", "3", "logger:a"),
    )

    assert result.exit_code == 0, result.output
    assert receiver.messages == ["2", "3", "4"]


def test_it_is_confirmed_again_and_again(run, fill, receiver, address, monkeypatch):
    """After so many records a connection is ended, and that waited for."""
    monkeypatch.setattr(replay, "CONFIRM_RECORDS", 100)
    monkeypatch.setattr(replay, "SEND_BYTES", 2000)
    run(
        "replay",
        "--db",
        fill(*({"message": str(n)} for n in range(350))),
        "--to",
        address,
    )

    assert receiver.messages == [str(n) for n in range(350)]
    assert receiver.connections == 4


def test_over_a_unix_socket(run, fill, tmp_path):
    """A path is an address, too; it has no TLS."""
    path = tmp_path / "logs.sock"
    database = fill({})
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        receiver = Receiver(server)
        done = run("replay", "--db", database, "--to", path)
        receiver.close()
    refused = run("replay", "--db", database, "--to", path, "--tls-ca", "ca.pem")

    assert done.exit_code == 0, done.output
    assert receiver.messages == ["hello"]
    assert refused.exit_code == 2
    assert "a UNIX socket has no TLS" in refused.stderr


def test_a_receiver_that_goes_away(run, fill, server, address):
    """It ends with status 69, and tells from where nothing will be missing."""
    database = fill(*({"message": "x" * 50_000} for _ in range(300)))

    def read_some():
        client, _ = server.accept()
        client.recv(100_000)
        client.close()

    thread = threading.Thread(target=read_some)
    thread.start()
    result = run("replay", "--db", database, "--to", address)
    thread.join()

    assert result.exit_code == 69
    assert f"cannot send to {address}" in result.stderr
    assert result.stderr.startswith("0 records sent")
    assert "nobody knows whether they were read; go on with --after 0" in result.stderr


def test_a_receiver_that_never_closes(run, fill, server, address, monkeypatch):
    """Who does not end a connection has perhaps not read it: status 69."""
    monkeypatch.setattr(outlet, "CONFIRM_SECONDS", 0.05)
    result = run("replay", "--db", fill({}), "--to", address)

    assert result.exit_code == 69
    assert "of 1 more, up to id 1, nobody knows" in result.stderr


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def server_context(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("server", "127.0.0.1"))
    return context


@pytest.fixture
def serve(server):
    """Does something with the first connection, in a thread."""
    threads = []

    def start(work):
        threads.append(threading.Thread(target=lambda: work(server.accept()[0])))
        threads[0].start()

    yield start
    for thread in threads:
        thread.join(10)


def test_a_certificate_that_is_refused_late(
    run, fill, serve, address, authority, server_context
):
    """By TLS 1.3 a refusal may come after all was sent: it is no confirmation."""
    server_context.verify_mode = ssl.CERT_REQUIRED
    server_context.load_verify_locations(authority.ca)
    serve(lambda client: refuse_late(client, server_context))
    result = run("replay", "--db", fill({}), "--to", address, "--tls-ca", authority.ca)

    assert result.exit_code == 69, result.output
    assert result.stderr.startswith("0 records sent")
    assert "of 1 more, up to id 1, nobody knows" in result.stderr
    assert "alert certificate required" in result.stderr
    assert "it may want a certificate" in result.stderr


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("farewell", [True, False])
def test_any_receiver_with_tls(
    run, fill, serve, address, authority, server_context, version, farewell
):
    """Who reads all and closes has confirmed it, by a farewell or without one."""
    server_context.maximum_version = version
    server_context.num_tickets = 0
    came = bytearray()

    def read(client):
        with server_context.wrap_socket(client, server_side=True) as secured:
            while data := secured.recv(65536):
                came.extend(data)
            if farewell:
                secured.unwrap().close()

    serve(read)
    database = fill(*({"message": "x" * 50_000} for _ in range(20)))
    result = run("replay", "--db", database, "--to", address, "--tls-ca", authority.ca)

    assert result.exit_code == 0, result.output
    assert result.stderr.startswith("20 records sent")
    assert len(came) > 1_000_000


@pytest.mark.parametrize("farewell", [True, False])
def test_a_receiver_with_tls_that_resets(
    run, fill, serve, address, authority, server_context, farewell
):
    """Who resets has not read all, whatever it has said before."""

    def reset(client):
        secured = server_context.wrap_socket(client, server_side=True)
        if farewell:
            secured.settimeout(0)
            # It has not got the client's, or got a record instead.
            with contextlib.suppress(ssl.SSLError):
                secured.unwrap()
        no_linger = struct.pack("ii", 1, 0)
        secured.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)
        secured.close()

    serve(reset)
    result = run("replay", "--db", fill({}), "--to", address, "--tls-ca", authority.ca)

    assert result.exit_code == 69, result.output
    assert result.stderr.startswith("0 records sent")


def test_nobody_listens(run, fill, server, address):
    """It says so, that nothing was sent, and ends with status 69."""
    server.close()
    result = run("replay", "--db", fill({}), "--to", address)

    assert result.exit_code == 69
    assert "is `logcollector serve` running there?" in result.stderr
    assert result.stderr.startswith("0 records sent in ")
    assert "nobody knows" not in result.stderr


def test_a_deadline_is_for_the_search_alone(run, fill, receiver, address):
    """A replay takes as long as it takes; a search that is too slow ends it."""
    database = fill({"created": 1e9}, {"created": 1e9 + 10})
    slow = run(
        *("replay", "--db", database, "--to", address),
        *("--timeout", "0.2", "--speed", "20"),
    )
    none = run("replay", "--db", database, "--to", address, "--timeout", "0.0000001")

    assert slow.exit_code == 0, slow.output
    assert len(receiver.records) == 2
    assert none.exit_code == 1
    assert "--timeout" in none.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c(fill, receiver, address, number):
    """It stops between two records, and tells up to which all have been read."""
    database = fill(
        {"message": "now", "created": 1e9}, {"message": "later", "created": 1e9 + 60}
    )
    with subprocess.Popen(
        [*COMMAND, "replay", "--db", database, "--to", address, "--speed", "1"],
        stderr=subprocess.PIPE,
        env=environment(),
        text=True,
    ) as process:
        until(lambda: receiver.records, "the first record")
        process.send_signal(number)
        _, stderr = process.communicate(timeout=30)

    assert process.returncode == 128 + number
    assert stderr.startswith("1 records sent")
    assert stderr.endswith("go on with --after 1\n")
    assert receiver.messages == ["now"]


def test_in_their_own_rhythm(run, fill, receiver, address):
    """With --speed they come no earlier than they should, and no gap is too long."""
    database = fill(*({"created": at} for at in (1e9, 1e9 + 40, 1e9 + 1e6)))
    begun = time.monotonic()
    result = run(
        *("replay", "--db", database, "--to", address),
        *("--speed", "400", "--max-gap", "0.2"),
    )

    assert result.exit_code == 0, result.output
    assert time.monotonic() - begun >= 0.3
    assert len(receiver.records) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--to", "host:99999"], "--to: '99999' is no port"),
        (["--to", "h:1", "--tls-key", "key.pem"], "--tls-cert"),
        (["--to", "h:1", "--tls-ca", "none.pem"], "none.pem"),
        (["--to", "h:1", "--speed", "0"], "--speed"),
        (["--to", "h:1", "--speed", "nan"], "--speed"),
        (["--to", "h:1", "level>=warnin"], "level>=warnin"),
        ([], "--to"),
    ],
)
def test_mistakes(run, fill, arguments, said):
    """What can't be meant is told before anything is sent, with status 2."""
    result = run("replay", "--db", fill({}), *arguments)

    assert result.exit_code == 2, result.output
    assert said in result.stderr
