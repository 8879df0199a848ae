"""`logcollector replay`: what one daemon has stored, sent to another receiver."""

import logging
import logging.handlers
import pickle
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority, tls_flags
from integration.daemon import COMMAND, Daemon, environment, run_command, until
from integration.wire import framed, numbered_frames, pickled_frame, stock_frame

STARTED = "SELECT started FROM origins ORDER BY started"

# What the receiver says itself, and ids.
ITS_OWN = {"id", "peer", "received"}

ODD_FRAMES = [
    stock_frame("plain"),
    stock_frame(
        "grün\n☃ \x1b[31m %s %d", exc_text="Traceback\n  OSError", stack_info="Stack"
    ),
    stock_frame("extra", user={"id": 42, "tags": ["a", None, True, 1.5]}, big=1 << 70),
    stock_frame("odd names", levelno=35, levelname="NOTICE", taskName="Task-1"),
    stock_frame("from elsewhere", hostname="db7", host="other", thread=None),
    stock_frame("repaired", created="never", process="12", name="n" * 1000),
    framed(b'{"msg": "json", "user.id": 1, "_underscore": {}, "getmessage": 0}'),
    framed(b'{"msg": "time", "created": 12.5, "relativeCreated": 2500}'),
    pickled_frame({"msg": "nearly nothing"}),
]


def rows_of(daemon: Daemon) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in dict(row).items() if key not in ITS_OWN}
        for row in daemon.rows()
    ]


@pytest.fixture
def two_daemons(start_daemon: Any, tmp_path: Path) -> tuple[Daemon, Daemon]:
    return start_daemon(), start_daemon(database=tmp_path / "second.sqlite")


def test_every_attribute_comes_as_it_was(
    two_daemons: tuple[Daemon, Daemon], tmp_path: Path
) -> None:
    """A second daemon stores the same rows, but for ids and its own two columns."""
    first, second = two_daemons
    first.send(*ODD_FRAMES)
    first.wait_rows(len(ODD_FRAMES))

    done = run_command(
        *("replay", "--db", first.database, "--to", f"127.0.0.1:{second.port}"),
        folder=tmp_path,
    )

    assert (done.returncode, done.stdout) == (0, "")
    assert "9 records sent" in done.stderr
    second.wait_rows(len(ODD_FRAMES))
    assert rows_of(second) == rows_of(first)
    assert second.count("rejects") == 0
    assert [*map(tuple, second.rows(STARTED))] == [*map(tuple, first.rows(STARTED))]


class Receiver:
    """A receiver as in the logging cookbook, which keeps what it gets."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        self.records: list[logging.LogRecord] = []
        self.connections = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
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

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(10)


@pytest.fixture
def receiver() -> Any:
    one = Receiver()
    yield one
    one.close()


def test_a_stock_receiver_reads_it(
    stored: Any, receiver: Receiver, tmp_path: Path
) -> None:
    """The cookbook's receiver formats them as if their programs had sent them."""
    database = stored(
        stock_frame("100 %s", exc_text="Traceback", user={"id": 1}, process=77),
        framed(b'{"msg": "m %s", "args": ["x"], "getMessage": 1}'),
    )

    run_command("replay", "--db", database, "--to", receiver.address, folder=tmp_path)

    until(lambda: len(receiver.records) == 2, "two records")
    one, other = receiver.records
    text = logging.Formatter("%(name)s %(process)d %(message)s").format(one)
    assert text == "app 77 100 %s\nTraceback"
    assert (one.args, one.exc_info, one.__dict__["user"]) == (None, None, {"id": 1})
    assert other.getMessage() == "m %s"
    assert (other.__dict__["_args"], other.__dict__["_getMessage"]) == (["x"], 1)


def test_only_what_is_asked_for(
    stored: Any, receiver: Receiver, tmp_path: Path
) -> None:
    """Queries, filters, ids and a limit choose; the order is that of ids."""
    database = stored(*numbered_frames("a", 6), *numbered_frames("b", 3))

    done = run_command(
        *("replay", "--db", database, "--to", receiver.address),
        *("--after", "2", "--limit", "3", "logger:a"),
        folder=tmp_path,
    )

    assert done.returncode == 0, done.stderr
    until(lambda: len(receiver.records) == 3, "three records")
    assert [record.msg for record in receiver.records] == ["2", "3", "4"]


def test_into_its_own_database(start_daemon: Any, tmp_path: Path) -> None:
    """What comes to be stored meanwhile is not sent: it ends, with all twice."""
    daemon = start_daemon()
    daemon.send(*numbered_frames("a", 2000))
    daemon.wait_rows(2000)

    done = run_command(
        *("replay", "--db", daemon.database, "--to", f"127.0.0.1:{daemon.port}"),
        folder=tmp_path,
    )

    assert done.returncode == 0, done.stderr
    assert len(daemon.wait_rows(4000)) == 4000


def test_over_tls_with_certificates(start_daemon: Any, tmp_path: Path) -> None:
    """A certificate of one's own is shown to who asks for one; without, it is told."""
    authority = Authority(tmp_path)
    server = authority.issue("server", "127.0.0.1")
    cert, key = authority.issue("me", "me.example.org")
    first = start_daemon()
    first.send(*numbered_frames("a", 10))
    first.wait_rows(10)
    second = start_daemon(
        *tls_flags(server, tls_client_ca=authority.ca),
        database=tmp_path / "second.sqlite",
    )
    to = ("replay", "--db", first.database, "--to", f"127.0.0.1:{second.port}")

    plain = run_command(*to, folder=tmp_path)
    with_tls = run_command(
        *(*to, "--tls-ca", authority.ca, "--tls-cert", cert, "--tls-key", key),
        folder=tmp_path,
    )

    assert plain.returncode == 69
    assert "it may want TLS (--tls-ca)" in plain.stderr
    assert "go on with --after 0" in plain.stderr
    assert with_tls.returncode == 0, with_tls.stderr
    second.wait_rows(10)


def test_a_unix_socket(stored: Any, start_daemon: Any, tmp_path: Path) -> None:
    """A socket's path is an address, too; it has no TLS."""
    database = stored(*numbered_frames("a", 3))
    path = tmp_path / "logs.sock"
    second = start_daemon("--listen", str(path), database=tmp_path / "second.sqlite")

    done = run_command("replay", "--db", database, "--to", path, folder=tmp_path)
    refused = run_command(
        *("replay", "--db", database, "--to", path, "--tls-ca", "ca.pem"),
        folder=tmp_path,
    )

    assert done.returncode == 0, done.stderr
    second.wait_rows(3)
    assert refused.returncode == 2
    assert "a UNIX socket has no TLS" in refused.stderr


def test_a_receiver_that_goes_away(stored: Any, tmp_path: Path) -> None:
    """It ends with status 69, and tells from where nothing will be missing."""
    database = stored(*[stock_frame("x" * 50_000) for _ in range(300)])
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"

        def read_some() -> None:
            client, _ = server.accept()
            client.recv(100_000)
            client.close()

        thread = threading.Thread(target=read_some)
        thread.start()
        done = run_command("replay", "--db", database, "--to", address, folder=tmp_path)
        thread.join()

    assert done.returncode == 69
    assert f"cannot send to {address}" in done.stderr
    assert "0 records sent" in done.stderr
    assert "nobody knows whether they were read; go on with --after 0" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c(
    stored: Any, receiver: Receiver, tmp_path: Path, number: signal.Signals
) -> None:
    """It stops between two records, and tells up to which all have been read."""
    database = stored(
        stock_frame("now", created=1e9), stock_frame("a minute later", created=1e9 + 60)
    )
    with subprocess.Popen(
        [
            *COMMAND,
            "replay",
            "--db",
            database,
            "--to",
            receiver.address,
            "--speed",
            "1",
        ],
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
    assert [record.msg for record in receiver.records] == ["now"]


def test_in_their_own_rhythm(stored: Any, receiver: Receiver, tmp_path: Path) -> None:
    """With --speed they come no earlier than they should, and no gap is too long."""
    moments = [1e9, 1e9 + 40, 1e9 + 1e6]
    database = stored(*[stock_frame(str(at), created=at) for at in moments])
    begun = time.monotonic()

    done = run_command(
        *("replay", "--db", database, "--to", receiver.address),
        *("--speed", "200", "--max-gap", "0.3"),
        folder=tmp_path,
    )

    assert done.returncode == 0, done.stderr
    assert time.monotonic() - begun >= 0.5
    assert len(receiver.records) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--to", "host:99999"], "--to: '99999' is no port"),
        (["--to", "h:1", "--tls-key", "key.pem"], "--tls-cert"),
        (["--to", "h:1", "--tls-ca", "none.pem"], "none.pem"),
        (["--to", "h:1", "--speed", "0"], "--speed"),
        ([], "--to"),
    ],
)
def test_mistakes(stored: Any, tmp_path: Path, arguments: list[str], said: str) -> None:
    """What can't be meant is told before anything is sent, with status 2."""
    done = run_command(
        "replay", "--db", stored(stock_frame()), *arguments, folder=tmp_path
    )

    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
