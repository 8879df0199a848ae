"""`logcollector send`: what goes over the wire, and what is refused."""

import socket
import threading

import msgspec
import pytest


@pytest.fixture
def collector_socket(tmp_path):
    """A UNIX socket, and all bytes that one client sends to it."""
    path = tmp_path / "logs.sock"
    received = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(10)

        def take():
            client, _ = listener.accept()
            with client, client.makefile("rb") as stream:
                received.append(stream.read())

        thread = threading.Thread(target=take, daemon=True)
        thread.start()

        def documents():
            thread.join(10)
            data, found = received[0], []
            while data:
                length = int.from_bytes(data[:4], "big")
                found.append(msgspec.json.decode(data[4 : 4 + length]))
                data = data[4 + length :]
            return found

        yield path, documents


def test_send_a_message(run, collector_socket):
    """A message goes out as one record with level, logger and extras."""
    path, documents = collector_socket
    result = run(
        *("send", "--to", path, "-l", "error", "-n", "cron.backup"),
        *("-e", "n=5", "-e", "host_=db1", "-e", "on=true", "-e", "empty="),
        *("disk", "full"),
    )

    assert result.exit_code == 0, result.output
    (document,) = documents()
    expected = {
        "msg": "disk full",
        "levelno": 40,
        "levelname": "ERROR",
        "name": "cron.backup",
        "n": 5,
        "host_": "db1",
        "on": True,
        "empty": "",
    }
    assert {key: document[key] for key in expected} == expected


def test_send_lines(run, collector_socket):
    """Each line of stdin is a record; empty ones are none; odd bytes are shown."""
    path, documents = collector_socket
    result = run("send", "--to", path, input=b"one\r\n\n  two\nodd \xff\nlast")

    assert result.exit_code == 0, result.output
    texts = [document["msg"] for document in documents()]
    assert texts == ["one", "  two", "odd \\xff", "last"]


def test_send_a_message_of_odd_bytes(run, collector_socket):
    """An argument that is no UTF-8 is sent with its bytes shown."""
    path, documents = collector_socket
    result = run("send", "--to", path, "odd \udcff")

    # The socket is closed by the failed command too, so the thread ends.
    assert result.exit_code == 0, repr(result.exception)
    assert documents()[0]["msg"].startswith("odd ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--level", "loud"], "no level"),
        (["--to", "host:port"], "no port"),
        (["--to", ""], "names no host"),
        (["--port", "0"], "0"),
        (["--extra", "novalue"], "KEY=VALUE"),
        (["--extra", "=value"], "KEY=VALUE"),
        (["--extra", "msg=x"], "attribute of that name"),
    ],
)
def test_send_refuses_mistakes(run, arguments, said):
    """A wrong option is a user's mistake, and nothing is sent."""
    result = run("send", *arguments, "text")

    assert result.exit_code == 2
    assert said in result.output


def test_send_without_a_collector(run, tmp_path):
    """Status 69 and a hint, when nobody listens."""
    result = run("send", "--to", tmp_path / "none.sock", "text")

    assert result.exit_code == 69
    assert "is `logcollector serve` running there?" in result.output
