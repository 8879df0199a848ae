"""ServerContext: a whole collector in a thread of the program."""

import asyncio
import logging
import logging.handlers
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from collector import ServerContext, client_attach_socket_handler
from collector.errors import ListenError, StoreError


@contextmanager
def sending(port: int, name: str = "embedded.test") -> Iterator[logging.Logger]:
    """A logger that sends to a port, until the context is left."""
    logger = logging.getLogger(name)
    level = logger.level
    handler = client_attach_socket_handler("127.0.0.1", port, logger=logger)
    try:
        yield logger
    finally:
        logger.removeHandler(handler)
        handler.close()
        logger.setLevel(level)


def rows(database: Path, columns: str = "message") -> list[Any]:
    with closing(sqlite3.connect(database)) as reader:
        found = reader.execute(f"SELECT {columns} FROM logs ORDER BY id").fetchall()
    return [row[0] if len(row) == 1 else row for row in found]


def stored(database: Path) -> bool:
    return bool(rows(database, "count(*)")[0])


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "logs.sqlite"


def test_the_example_of_its_docstring(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Records of the root logger are shown and stored, and nothing besides."""
    root = logging.getLogger()
    level = root.level
    with ServerContext(database, port=0) as server:
        handler = client_attach_socket_handler(port=server.port)
        try:
            root.warning("hello")
        finally:
            root.removeHandler(handler)
            handler.close()
            root.setLevel(level)

    assert rows(database, "name, message") == [("root", "hello")]
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    assert out.endswith(" hello\n")
    assert err == ""


def test_a_handler_that_stays_attached(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Leaving the context with the root's handler attached ends and stores it."""
    root = logging.getLogger()
    level = root.level
    handler = None
    try:
        with ServerContext(database, port=0, emit="none") as server:
            handler = client_attach_socket_handler(port=server.port)
            for n in range(100):
                root.info("%d", n)
            # Stored while the handler is attached: that must log nothing itself.
            deadline = time.monotonic() + 30
            while not stored(database) and time.monotonic() < deadline:
                time.sleep(0.01)
            root.info("last")
    finally:
        if handler is not None:
            root.removeHandler(handler)
            handler.close()
        root.setLevel(level)

    expected = [*map(str, range(100)), "last"]
    assert rows(database, "name, message") == [("root", text) for text in expected]
    assert capsys.readouterr().err == ""


def test_without_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a path records are shown and no file is made."""
    monkeypatch.chdir(tmp_path)
    with ServerContext(port=0) as server, sending(server.port) as logger:
        logger.warning("only shown")

    assert "only shown" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_path_as_text(database: Path) -> None:
    """The path may be a str."""
    with (
        ServerContext(str(database), port=0, emit="none") as server,
        sending(server.port) as logger,
    ):
        logger.warning("one")

    assert rows(database) == ["one"]


def test_leaving_drains(database: Path) -> None:
    """Ten thousand records sent just before the end are all stored."""
    with (
        ServerContext(database, port=0, emit="none") as server,
        sending(server.port) as logger,
    ):
        for n in range(10_000):
            logger.info("%d", n)

    assert rows(database) == [str(n) for n in range(10_000)]


def test_the_port(database: Path) -> None:
    """With port 0 the port attribute tells the real one."""
    with ServerContext(database, host="127.0.0.1", port=0, emit="none") as server:
        assert server.port > 0
        socket.create_connection(("127.0.0.1", server.port), 5).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), 5)


def test_twice_in_a_row(database: Path) -> None:
    """A second context goes on with the same file and port."""
    with (
        ServerContext(database, port=0, emit="none") as server,
        sending(server.port) as logger,
    ):
        logger.info("first")
    with (
        ServerContext(database, port=server.port, emit="none") as again,
        sending(again.port) as logger,
    ):
        logger.info("second")

    assert rows(database) == ["first", "second"]


def test_the_same_context_twice(database: Path) -> None:
    """A context object may be entered again; with port 0 it finds a port again."""
    context = ServerContext(database, port=0, emit="none")
    for text in ("first", "second"):
        with context as server, sending(server.port) as logger:
            logger.info(text)

    assert rows(database) == ["first", "second"]


def test_two_at_once(tmp_path: Path) -> None:
    """Two contexts side by side keep their records apart."""
    one, two = tmp_path / "one.sqlite", tmp_path / "two.sqlite"
    with (
        ServerContext(one, port=0, emit="none") as first,
        ServerContext(two, port=0, emit="none") as second,
        sending(first.port, "embedded.one") as to_first,
        sending(second.port, "embedded.two") as to_second,
    ):
        assert first.port != second.port
        to_first.info("for one")
        to_second.info("for two")

    assert rows(one) == ["for one"]
    assert rows(two) == ["for two"]


async def test_within_a_running_loop(database: Path) -> None:
    """A program whose main thread runs an event loop can use it, too."""

    def send(port: int) -> None:
        with sending(port) as logger:
            for n in range(100):
                logger.info("%d", n)

    with ServerContext(database, port=0, emit="none") as server:
        await asyncio.to_thread(send, server.port)
        with sending(server.port) as logger:
            logger.info("from the loop itself")

    assert len(rows(database)) == 101


def test_in_another_thread(database: Path) -> None:
    """It does not need the main thread."""

    def work() -> None:
        with (
            ServerContext(database, port=0, emit="none") as server,
            sending(server.port) as logger,
        ):
            logger.info("there")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert rows(database) == ["there"]


def log_and_fail(logger: logging.Logger) -> None:
    logger.info("before")
    raise ZeroDivisionError


def test_an_exception_in_the_body(database: Path) -> None:
    """An exception of the body comes through, and what was sent is stored."""
    with (
        pytest.raises(ZeroDivisionError),
        ServerContext(database, port=0, emit="none") as server,
        sending(server.port) as logger,
    ):
        log_and_fail(logger)

    assert rows(database) == ["before"]


def test_a_port_in_use(database: Path) -> None:
    """A port that is taken raises ListenError, and leaves no thread or file."""
    threads = threading.active_count()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        context = ServerContext(database, host="127.0.0.1", port=port, emit="none")
        with pytest.raises(ListenError, match=str(port)), context:
            pytest.fail("it must not start")

    assert threading.active_count() == threads
    assert not database.exists()


def test_an_unusable_file(tmp_path: Path) -> None:
    """A database that can't be opened raises StoreError, and no thread is left."""
    threads = threading.active_count()
    context = ServerContext(tmp_path / "no" / "logs.sqlite", port=0, emit="none")
    with pytest.raises(StoreError, match="no folder"), context:
        pytest.fail("it must not start")

    assert threading.active_count() == threads


def test_the_service_manager_is_not_told(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program's own settings and sockets of systemd are none of its business."""
    monkeypatch.setenv("LISTEN_FDS", "5")
    monkeypatch.setenv("NOTIFY_SOCKET", "/no/such/socket")
    monkeypatch.setenv("LOGCOLLECTOR_PORT", "not a port")
    with (
        ServerContext(database, port=0, emit="none") as server,
        sending(server.port) as logger,
    ):
        logger.info("unharmed")

    assert rows(database) == ["unharmed"]
